<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22" styleCategories="Symbology|Labeling" labelsEnabled="1">
 <renderer-v2 type="categorizedSymbol" attr="class" symbollevels="0" enableorderby="0" forceraster="0">
  <categories>
   <category render="true" symbol="0" value="infra_slick" label="Infrastructure slick" />
   <category render="true" symbol="1" value="natural_seep" label="Natural seep" />
   <category render="true" symbol="2" value="coincident_vessel" label="Coincident vessel slick" />
   <category render="true" symbol="3" value="recent_vessel" label="Recent vessel slick" />
   <category render="true" symbol="4" value="old_vessel" label="Old vessel slick" />
   <category render="true" symbol="5" value="ambiguous" label="Ambiguous" />
  </categories>
  <symbols>
   <symbol type="fill" name="0" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" pass="0" locked="0">
     <Option type="Map">
      <Option type="QString" name="color" value="86,180,233,60" />
      <Option type="QString" name="joinstyle" value="round" />
      <Option type="QString" name="outline_color" value="86,180,233,255" />
      <Option type="QString" name="outline_style" value="solid" />
      <Option type="QString" name="outline_width" value="0.5" />
      <Option type="QString" name="outline_width_unit" value="MM" />
      <Option type="QString" name="style" value="solid" />
     </Option>
    </layer>
   </symbol>
   <symbol type="fill" name="1" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" pass="0" locked="0">
     <Option type="Map">
      <Option type="QString" name="color" value="0,158,115,60" />
      <Option type="QString" name="joinstyle" value="round" />
      <Option type="QString" name="outline_color" value="0,158,115,255" />
      <Option type="QString" name="outline_style" value="solid" />
      <Option type="QString" name="outline_width" value="0.5" />
      <Option type="QString" name="outline_width_unit" value="MM" />
      <Option type="QString" name="style" value="solid" />
     </Option>
    </layer>
   </symbol>
   <symbol type="fill" name="2" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" pass="0" locked="0">
     <Option type="Map">
      <Option type="QString" name="color" value="213,94,0,60" />
      <Option type="QString" name="joinstyle" value="round" />
      <Option type="QString" name="outline_color" value="213,94,0,255" />
      <Option type="QString" name="outline_style" value="solid" />
      <Option type="QString" name="outline_width" value="0.5" />
      <Option type="QString" name="outline_width_unit" value="MM" />
      <Option type="QString" name="style" value="solid" />
     </Option>
    </layer>
   </symbol>
   <symbol type="fill" name="3" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" pass="0" locked="0">
     <Option type="Map">
      <Option type="QString" name="color" value="240,228,66,60" />
      <Option type="QString" name="joinstyle" value="round" />
      <Option type="QString" name="outline_color" value="240,228,66,255" />
      <Option type="QString" name="outline_style" value="solid" />
      <Option type="QString" name="outline_width" value="0.5" />
      <Option type="QString" name="outline_width_unit" value="MM" />
      <Option type="QString" name="style" value="solid" />
     </Option>
    </layer>
   </symbol>
   <symbol type="fill" name="4" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" pass="0" locked="0">
     <Option type="Map">
      <Option type="QString" name="color" value="204,121,167,60" />
      <Option type="QString" name="joinstyle" value="round" />
      <Option type="QString" name="outline_color" value="204,121,167,255" />
      <Option type="QString" name="outline_style" value="solid" />
      <Option type="QString" name="outline_width" value="0.5" />
      <Option type="QString" name="outline_width_unit" value="MM" />
      <Option type="QString" name="style" value="solid" />
     </Option>
    </layer>
   </symbol>
   <symbol type="fill" name="5" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" pass="0" locked="0">
     <Option type="Map">
      <Option type="QString" name="color" value="230,159,0,60" />
      <Option type="QString" name="joinstyle" value="round" />
      <Option type="QString" name="outline_color" value="230,159,0,255" />
      <Option type="QString" name="outline_style" value="solid" />
      <Option type="QString" name="outline_width" value="0.5" />
      <Option type="QString" name="outline_width_unit" value="MM" />
      <Option type="QString" name="style" value="solid" />
     </Option>
    </layer>
   </symbol>
  </symbols>
 </renderer-v2>
 <labeling type="simple">
  <settings>
   <text-style fieldName="CASE WHEN &quot;class&quot; = 'infra_slick' THEN 'I' WHEN &quot;class&quot; = 'natural_seep' THEN 'N' WHEN &quot;class&quot; = 'coincident_vessel' THEN 'C' WHEN &quot;class&quot; = 'recent_vessel' THEN 'R' WHEN &quot;class&quot; = 'old_vessel' THEN 'O' WHEN &quot;class&quot; = 'ambiguous' THEN 'A' END" isExpression="1" fontSize="9" fontSizeUnit="Point" textColor="0,0,0,255" textOpacity="1">
    <text-buffer bufferDraw="1" bufferSize="0.8" bufferSizeUnits="MM" bufferColor="255,255,255,255" bufferOpacity="1" />
   </text-style>
   <placement placement="1" dist="0" />
   <rendering drawLabels="1" obstacle="0" />
  </settings>
 </labeling>
</qgis>
