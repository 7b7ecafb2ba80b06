<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22" styleCategories="Symbology|Labeling" labelsEnabled="1">
 <pipe>
  <rasterrenderer type="singlebandpseudocolor" band="1" opacity="1" alphaBand="-1" nodataColor="" classificationMin="1" classificationMax="255">
   <rastershader>
    <colorrampshader colorRampType="INTERPOLATED" clip="0" classificationMode="1">
     <item value="1" label="1" color="#00204d" alpha="255" />
     <item value="64.5" label="64.5" color="#414d6b" alpha="255" />
     <item value="128" label="128" color="#7c7b78" alpha="255" />
     <item value="191.5" label="191.5" color="#bcaf6f" alpha="255" />
     <item value="255" label="255" color="#ffea46" alpha="255" />
    </colorrampshader>
   </rastershader>
  </rasterrenderer>
  <brightnesscontrast brightness="0" contrast="0" gamma="1" />
 </pipe>
</qgis>
