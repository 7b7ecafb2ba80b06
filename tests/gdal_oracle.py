"""GDAL's own warper with its exact transformer, on any grid: a virtual raster that says so.

rasterio can ask for tolerance 0 only on the grid that GDAL chooses itself.
"""

from pathlib import Path
from xml.etree import ElementTree as Xml

import rasterio

from ceruleanml.scenes.grid import Grid


def nearest_by_gdal(source: Path, grid: Grid, folder: Path):
    """The first band of a raster with control points, laid on the grid: nearest neighbour, no approximation."""
    with rasterio.open(source) as file:
        points, data_type = file.gcps[0], {"uint8": "Byte", "uint16": "UInt16"}[file.dtypes[0]]
    height, width = grid.height_width
    geotransform = ", ".join(repr(value) for value in grid.transform.to_gdal())
    inverse = ", ".join(repr(value) for value in (~grid.transform).to_gdal())
    dataset = Xml.Element("VRTDataset", rasterXSize=str(width), rasterYSize=str(height), subClass="VRTWarpedDataset")
    Xml.SubElement(dataset, "SRS").text = "EPSG:4326"
    Xml.SubElement(dataset, "GeoTransform").text = geotransform
    Xml.SubElement(dataset, "VRTRasterBand", dataType=data_type, band="1", subClass="VRTWarpedRasterBand")
    options = Xml.SubElement(dataset, "GDALWarpOptions")
    Xml.SubElement(options, "ResampleAlg").text = "NearestNeighbour"
    Xml.SubElement(options, "WorkingDataType").text = data_type
    Xml.SubElement(options, "Option", name="INIT_DEST").text = "0"
    Xml.SubElement(options, "SourceDataset", relativeToVRT="0").text = str(source)
    maps = Xml.SubElement(Xml.SubElement(options, "Transformer"), "GenImgProjTransformer")
    polynomial = Xml.SubElement(Xml.SubElement(maps, "SrcGCPTransformer"), "GCPTransformer")
    Xml.SubElement(polynomial, "Order").text = "0"
    Xml.SubElement(polynomial, "Reversed").text = "0"
    listed = Xml.SubElement(polynomial, "GCPList", Projection="EPSG:4326")
    for number, point in enumerate(points):
        place = {"Pixel": point.col, "Line": point.row, "X": point.x, "Y": point.y}
        Xml.SubElement(listed, "GCP", Id=str(number), **{key: repr(float(value)) for key, value in place.items()})
    Xml.SubElement(maps, "DstGeoTransform").text = geotransform
    Xml.SubElement(maps, "DstInvGeoTransform").text = inverse
    Xml.SubElement(Xml.SubElement(options, "BandList"), "BandMapping", src="1", dst="1")
    path = folder / "oracle.vrt"
    path.write_bytes(Xml.tostring(dataset))
    with rasterio.open(path) as file:
        return file.read(1)
