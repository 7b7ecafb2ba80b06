<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22" styleCategories="Symbology|Labeling" labelsEnabled="1">
 <pipe>
  <rasterrenderer type="singlebandgray" grayBand="1" opacity="1" alphaBand="-1" nodataColor="" gradient="BlackToWhite">
   <minMaxOrigin>
    <limits>CumulativeCut</limits>
    <extent>UpdatedCanvas</extent>
    <statAccuracy>Estimated</statAccuracy>
    <cumulativeCutLower>0.02</cumulativeCutLower>
    <cumulativeCutUpper>0.90</cumulativeCutUpper>
   </minMaxOrigin>
   <contrastEnhancement>
    <minValue>1</minValue>
    <maxValue>255</maxValue>
    <algorithm>StretchToMinimumMaximum</algorithm>
   </contrastEnhancement>
  </rasterrenderer>
  <brightnesscontrast brightness="0" contrast="0" gamma="1" />
 </pipe>
</qgis>
