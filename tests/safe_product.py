"""Small Sentinel-1 GRD products in the agency's form, made for tests: a .SAFE folder, and the same as a zip."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

PRODUCT = "S1A_IW_GRDH_1SDV_20200729T034859_20200729T034924_033664_03E6D3_8C4F"
HEADER = "<adsHeader><productType>{}</productType><polarisation>{}</polarisation></adsHeader>"


def ramp(height: int = 24, width: int = 36) -> NDArray[np.uint16]:
    """DN 0, 1, 2, ... row by row, so that every pixel tells where it is from."""
    return np.arange(height * width, dtype=np.uint16).reshape(height, width)


def make_safe(
    folder: Path,
    name: str = PRODUCT,
    dn: NDArray[np.uint16] | None = None,
    polarisations: Sequence[str] = ("vv",),
    product_type: str = "GRD",
    noise_form: str = "vectors",
    bucket_names: bool = False,
    corner_lon_lat: tuple[float, float] = (30.0, 44.0),
    spacing_degrees: float = 0.01,
) -> Path:
    """Write `folder/<name>.SAFE` and return it.

    The second polarisation's DN are the first's plus 1000. The image reaches east and south of its corner,
    `spacing_degrees` a pixel. `noise_form`: `vectors` (range and azimuth), `old` (before processor 2.9). With
    `bucket_names` the files are called as in the Sentinel-1 bucket on S3 and the folder has no suffix.
    """
    dn = ramp() if dn is None else dn
    product = folder / (name if bucket_names else f"{name}.SAFE")
    calibration = product / "annotation" / "calibration"
    calibration.mkdir(parents=True)
    (product / "measurement").mkdir()
    stems = {}
    for index, polarisation in enumerate(polarisations):
        stem = f"iw-{polarisation}" if bucket_names else _stem(name, polarisation, index + 1)
        stems[polarisation] = stem
        write_measurement(product / "measurement" / f"{stem}.tiff", dn + np.uint16(1000 * index))
        header = HEADER.format(product_type, polarisation.upper())
        (product / "annotation" / f"{stem}.xml").write_text(
            annotation_xml(dn.shape, corner_lon_lat, spacing_degrees, header)
        )
        (calibration / f"calibration-{stem}.xml").write_text(calibration_xml(dn.shape, header))
        (calibration / f"noise-{stem}.xml").write_text(noise_xml(dn.shape, noise_form, header))
    (product / "manifest.safe").write_text(_manifest(list(stems.values())))
    return product


def zip_safe(product: Path, target: Path) -> Path:
    """Put a product folder into a zip, as it is downloaded."""
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        for file in sorted(path for path in product.rglob("*") if path.is_file()):
            archive.write(file, f"{product.name}/{file.relative_to(product)}")
    return target


def write_measurement(target: Path, dn: NDArray[np.generic]) -> None:
    """An uncompressed TIFF in strips, as measurements are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            target, "w", driver="GTiff", height=dn.shape[0], width=dn.shape[1], count=1, dtype=dn.dtype
        ) as dataset:
            dataset.write(dn, 1)


def annotation_xml(
    height_width: tuple[int, ...], corner_lon_lat: tuple[float, float], spacing: float, header: str
) -> str:
    """An annotation with the image's size and a geolocation grid of 3 x 4 points."""
    height, width = height_width
    points = "".join(
        f"<geolocationGridPoint><line>{line}</line><pixel>{pixel}</pixel>"
        f"<latitude>{corner_lon_lat[1] - spacing * line:.12e}</latitude>"
        f"<longitude>{corner_lon_lat[0] + spacing * pixel:.12e}</longitude></geolocationGridPoint>"
        for line in (0, height // 2, height - 1)
        for pixel in (0, width // 3, 2 * width // 3, width - 1)
    )
    return (
        f"<?xml version='1.0' encoding='UTF-8'?><product>{header}<imageAnnotation><imageInformation>"
        f"<numberOfSamples>{width}</numberOfSamples><numberOfLines>{height}</numberOfLines>"
        f"</imageInformation></imageAnnotation><geolocationGrid><geolocationGridPointList count='12'>{points}"
        "</geolocationGridPointList></geolocationGrid></product>"
    )


def calibration_xml(height_width: tuple[int, ...], header: str = "") -> str:
    """A calibration of two vectors, at the first line and beyond the last: 100 to 50, and 300 to 150, left to right."""
    height, width = height_width
    vectors = "".join(
        f"<calibrationVector><line>{line}</line><pixel count='2'>0 {width - 1}</pixel>"
        f"<sigmaNought count='2'>{near:e} {near / 2:e}</sigmaNought></calibrationVector>"
        for line, near in ((0, 100.0), (height, 300.0))
    )
    return f"<calibration>{header}<calibrationVectorList count='2'>{vectors}</calibrationVectorList></calibration>"


def noise_xml(height_width: tuple[int, ...], form: str = "vectors", header: str = "") -> str:
    """Noise of 400 DN^2 everywhere; of the form `vectors` it is 800 DN^2 in the right half."""
    height, width = height_width
    if form == "old":
        old = f"<noiseVector><line>0</line><pixel>0 {width - 1}</pixel><noiseLut>400 400</noiseLut></noiseVector>"
        return f"<noise>{header}<noiseVectorList count='1'>{old}</noiseVectorList></noise>"
    along_range = (
        f"<noiseRangeVector><line>0</line><pixel>0 {width - 1}</pixel>"
        "<noiseRangeLut>400 400</noiseRangeLut></noiseRangeVector>"
    )
    along_azimuth = "".join(
        f"<noiseAzimuthVector><swath>IW{swath}</swath><firstAzimuthLine>0</firstAzimuthLine>"
        f"<firstRangeSample>{first}</firstRangeSample><lastAzimuthLine>{height - 1}</lastAzimuthLine>"
        f"<lastRangeSample>{last}</lastRangeSample><line>0 {height - 1}</line>"
        f"<noiseAzimuthLut>{factor} {factor}</noiseAzimuthLut></noiseAzimuthVector>"
        for swath, first, last, factor in ((1, 0, width // 2 - 1, 1), (2, width // 2, width - 1, 2))
    )
    return (
        f"<noise>{header}<noiseRangeVectorList count='1'>{along_range}</noiseRangeVectorList>"
        f"<noiseAzimuthVectorList count='2'>{along_azimuth}</noiseAzimuthVectorList></noise>"
    )


def _stem(name: str, polarisation: str, number: int) -> str:
    mission, mode, _, _, start, stop, orbit, take, _ = name.split("_")
    return "-".join((mission, mode, "grd", polarisation, start, stop, orbit, take, f"{number:03d}")).lower()


def _manifest(stems: list[str]) -> str:
    names = [
        name
        for stem in stems
        for name in (
            f"./annotation/{stem}.xml",
            f"./annotation/calibration/noise-{stem}.xml",
            f"./annotation/calibration/calibration-{stem}.xml",
            f"./measurement/{stem}.tiff",
        )
    ]
    places = "".join(f'<fileLocation locatorType="URL" href="{name}"/>' for name in names)
    return (
        f'<xfdu:XFDU xmlns:xfdu="urn:ccsds:schema:xfdu:1"><dataObjectSection>{places}</dataObjectSection></xfdu:XFDU>'
    )
