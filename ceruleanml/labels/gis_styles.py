"""QGIS styles: outlines in the class table's display colours, rasters as grey radar or as a ramp of one band.

QGIS takes `NAME.qml` for `NAME.geojson` and for `NAME.tif` by itself, so one file may hold both kinds. The form is that
which QGIS 3.22 writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from ceruleanml.classes import ClassTable, LabelClass
from ceruleanml.errors import SceneError
from ceruleanml.labels.documents import read_document
from ceruleanml.storage import write_bytes

Element = ElementTree.Element
SUFFIX = ".qml"
RASTERS = (".tif", ".tiff")
DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
FILL_ALPHA = 60
"""Of 255, so that the radar is seen through an outline."""
OUTLINE_MM = 0.5
DARKEST, BRIGHTEST = 1, 255
"""Of a band; 0 holds no data."""
RAMP = ("#00204d", "#414d6b", "#7c7b78", "#bcaf6f", "#ffea46")
"""The colours of a band that is no radar, from least to most: cividis, which reads alike with any colour vision."""


def slick_style(classes: ClassTable) -> str:
    """The style of label and prediction outlines: a category a class by its property `class`, and its letter beside."""
    root = _root()
    _add_slicks(root, classes)
    return _text(root)


def radar_style(band: int = 1) -> str:
    """The style of a scene or tile: its radar band in grey, stretched from 2 to 90 % of what is seen."""
    root = _root()
    _add_renderer(root, _radar(band))
    return _text(root)


def ramp_style(band: int, least: float = DARKEST, most: float = BRIGHTEST) -> str:
    """The style of one band as a ramp of colours from `least` to `most`, such as a distance or a probability."""
    root = _root()
    _add_renderer(root, _ramp(band, least, most))
    return _text(root)


def style_of(names: Sequence[str], classes: ClassTable, band: str | None = None, outlines: bool = False) -> str:
    """The style of a raster whose bands have these names, and of outlines of the same name where there are any.

    Shown is `band`, else the first one. A band named `vv`, `vh`, `hh` or `hv` is grey, others are a ramp.
    """
    root = _root()
    if outlines:
        _add_slicks(root, classes)
    shown = band if band is not None and band in names else (names[0] if names else "")
    place = list(names).index(shown) + 1 if names else 1
    grey = shown in ("vv", "vh", "hh", "hv", "")
    _add_renderer(root, _radar(place) if grey else _ramp(place, DARKEST, BRIGHTEST))
    return _text(root)


def shipped(classes: ClassTable) -> dict[str, str]:
    """The files of `data-processing/qgis`, for those who load a style by hand."""
    return {"slicks.qml": slick_style(classes), "radar.qml": radar_style(), "ramp.qml": ramp_style(1)}


def files_in(places: Sequence[Path]) -> list[Path]:
    """The GeoTIFFs and GeoJSON files of class outlines among files and in folders, sorted. Raises SceneError."""
    found = []
    for place in places:
        if not place.exists():
            raise SceneError(f"{place}: there is no such file or folder; name GeoTIFFs, GeoJSON files or their folders")
        inside = sorted(place.rglob("*")) if place.is_dir() else [place]
        found += [one for one in inside if one.suffix.lower() in RASTERS or _has_classes(one)]
    return found


def write_styles(
    files: Sequence[Path], classes: ClassTable, band: str | None = None, replace: bool = False
) -> tuple[list[Path], list[Path]]:
    """Write `NAME.qml` beside GeoTIFFs and GeoJSON files: those written, and those left as they were.

    A style that is there already may be somebody's own, and stays unless `replace`. Raises SceneError for a raster that
    cannot be read, WriteError.
    """
    kinds: dict[Path, set[str]] = {}
    for file in files:
        kinds.setdefault(file.with_suffix(""), set()).add(file.suffix)
    written, left = [], []
    for stem in sorted(kinds):
        path = stem.parent / (stem.name + SUFFIX)
        if path.exists() and not replace:
            left.append(path)
            continue
        rasters = sorted(one for one in kinds[stem] if one.lower() in RASTERS)
        outlines = len(rasters) < len(kinds[stem])
        text = slick_style(classes)
        if rasters:
            text = style_of(_bands(stem.parent / (stem.name + rasters[0])), classes, band, outlines)
        write_bytes(path, text.encode())
        written.append(path)
    return written, left


def _has_classes(path: Path) -> bool:
    """Whether a file holds outlines with a class, or what is to hold them: none yet."""
    if path.suffix.lower() != ".geojson":
        return False
    content = read_document(path)
    features = content.get("features") if isinstance(content, dict) else None
    if not isinstance(features, list):
        return False
    return all(isinstance(one, dict) and "class" in (one.get("properties") or {}) for one in features)


def _bands(path: Path) -> list[str]:
    from ceruleanml.scenes.raster import open_dataset

    with open_dataset(str(path)) as raster:
        return [name or "" for name in raster.descriptions]


# ---- outlines


def _add_slicks(root: Element, classes: ClassTable) -> None:
    slicks = list(classes)[1:]
    attributes = {"type": "categorizedSymbol", "attr": "class", "symbollevels": "0", "enableorderby": "0"}
    renderer = ElementTree.SubElement(root, "renderer-v2", {**attributes, "forceraster": "0"})
    categories, symbols = (ElementTree.SubElement(renderer, name) for name in ("categories", "symbols"))
    for place, one in enumerate(slicks):
        about = {"render": "true", "symbol": str(place), "value": one.name, "label": one.title}
        ElementTree.SubElement(categories, "category", about)
        symbols.append(_symbol(str(place), one))
    _add_letters(root, slicks)


def _symbol(name: str, one: LabelClass) -> Element:
    symbol = Element("symbol", {"type": "fill", "name": name, "alpha": "1", "clip_to_extent": "1", "force_rhr": "0"})
    layer = ElementTree.SubElement(symbol, "layer", {"class": "SimpleFill", "enabled": "1", "pass": "0", "locked": "0"})
    options = {
        "color": _rgba(one.display, FILL_ALPHA), "outline_color": _rgba(one.display, 255), "style": "solid",
        "outline_style": "solid", "outline_width": f"{OUTLINE_MM:g}", "outline_width_unit": "MM", "joinstyle": "round",
    }  # fmt: skip
    _add_options(layer, options)
    return symbol


def _add_letters(root: Element, slicks: Sequence[LabelClass]) -> None:
    """The class's letter beside an outline, for those who tell no colours apart."""
    cases = " ".join(f"WHEN \"class\" = '{one.name}' THEN '{_quoted(one.letter)}'" for one in slicks)
    settings = ElementTree.SubElement(ElementTree.SubElement(root, "labeling", {"type": "simple"}), "settings")
    style = {"fieldName": f"CASE {cases} END", "isExpression": "1", "fontSize": "9", "fontSizeUnit": "Point"}
    text = ElementTree.SubElement(settings, "text-style", {**style, "textColor": "0,0,0,255", "textOpacity": "1"})
    halo = {"bufferDraw": "1", "bufferSize": "0.8", "bufferSizeUnits": "MM", "bufferColor": "255,255,255,255"}
    ElementTree.SubElement(text, "text-buffer", {**halo, "bufferOpacity": "1"})
    ElementTree.SubElement(settings, "placement", {"placement": "1", "dist": "0"})
    ElementTree.SubElement(settings, "rendering", {"drawLabels": "1", "obstacle": "0"})


def _add_options(layer: Element, options: Mapping[str, str]) -> None:
    held = ElementTree.SubElement(layer, "Option", {"type": "Map"})
    for name in sorted(options):
        ElementTree.SubElement(held, "Option", {"type": "QString", "name": name, "value": options[name]})


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _rgba(colour: str, alpha: int) -> str:
    return ",".join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5)) + f",{alpha}"


# ---- rasters


def _radar(band: int) -> Element:
    renderer = Element("rasterrenderer", _band("singlebandgray", "grayBand", band) | {"gradient": "BlackToWhite"})
    origin = {"limits": "CumulativeCut", "extent": "UpdatedCanvas", "statAccuracy": "Estimated"}
    limits = ElementTree.SubElement(renderer, "minMaxOrigin")
    for name, value in {**origin, "cumulativeCutLower": "0.02", "cumulativeCutUpper": "0.90"}.items():
        ElementTree.SubElement(limits, name).text = value
    stretch = ElementTree.SubElement(renderer, "contrastEnhancement")
    about = {"minValue": str(DARKEST), "maxValue": str(BRIGHTEST), "algorithm": "StretchToMinimumMaximum"}
    for name, value in about.items():
        ElementTree.SubElement(stretch, name).text = value
    return renderer


def _ramp(band: int, least: float, most: float) -> Element:
    limits = {"classificationMin": f"{least:g}", "classificationMax": f"{most:g}"}
    renderer = Element("rasterrenderer", _band("singlebandpseudocolor", "band", band) | limits)
    about = {"colorRampType": "INTERPOLATED", "clip": "0", "classificationMode": "1"}
    shader = ElementTree.SubElement(ElementTree.SubElement(renderer, "rastershader"), "colorrampshader", about)
    for place, colour in enumerate(RAMP):
        value = f"{least + (most - least) * place / (len(RAMP) - 1):g}"
        item = {"value": value, "label": value, "color": colour, "alpha": "255"}
        ElementTree.SubElement(shader, "item", item)
    return renderer


def _band(kind: str, name: str, band: int) -> dict[str, str]:
    return {"type": kind, name: str(band), "opacity": "1", "alphaBand": "-1", "nodataColor": ""}


def _add_renderer(root: Element, renderer: Element) -> None:
    pipe = ElementTree.SubElement(root, "pipe")
    pipe.append(renderer)
    ElementTree.SubElement(pipe, "brightnesscontrast", {"brightness": "0", "contrast": "0", "gamma": "1"})


def _root() -> Element:
    return Element("qgis", {"version": "3.22", "styleCategories": "Symbology|Labeling", "labelsEnabled": "1"})


def _text(root: Element) -> str:
    ElementTree.indent(root, " ")
    return DOCTYPE + ElementTree.tostring(root, encoding="unicode") + "\n"
