"""The XML of Sentinel-1 products: parsed without following entities, with errors that name the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers.expat import ExpatError, ParserCreate

import numpy as np

from ceruleanml.errors import SceneError
from ceruleanml.scenes.georeference import Floats


def parse_xml(content: bytes, name: str) -> Element:
    """The root element of an XML file; `name` is what an error calls it.

    Document type declarations are refused, for entities can grow without bound or reach for other files; products
    have none. Raises SceneError.
    """

    def refuse(*_: object) -> NoReturn:
        raise SceneError(f"{name}: declares a document type, which no Sentinel-1 product does; fetch it again")

    builder = TreeBuilder()
    parser = ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except (ExpatError, LookupError, ValueError) as error:
        raise SceneError(f"{name}: is truncated or damaged XML ({error}); fetch it again") from error
    return builder.close()


def text_of(element: Element, path: str, name: str) -> str:
    """The text at a path below an element. Raises SceneError where there is none."""
    found = (element.findtext(path) or "").strip()
    if not found:
        raise SceneError(f"{name}: lacks {path}; fetch the product again")
    return found


def numbers_of(element: Element, path: str, name: str) -> Floats:
    """The numbers at a path below an element, one at least and all finite. Raises SceneError."""
    text = text_of(element, path, name)
    try:
        numbers = np.array(text.split(), dtype=np.float64)
    except ValueError as error:
        raise SceneError(f"{name}: {path} holds what is no number ({error})") from error
    if not np.isfinite(numbers).all():
        raise SceneError(f"{name}: {path} holds a number that is not finite")
    return numbers


def integer_of(element: Element, path: str, name: str) -> int:
    """The whole number at a path below an element. Raises SceneError."""
    text = text_of(element, path, name)
    try:
        return int(text)
    except ValueError as error:
        raise SceneError(f"{name}: {path} is {text[:40]!r}; it must be a whole number") from error


def elements_of(element: Element, path: str, name: str) -> Iterator[Element]:
    """The elements at a path, one at least. Raises SceneError."""
    found = element.findall(path)
    if not found:
        raise SceneError(f"{name}: lacks {path}; fetch the product again")
    return iter(found)
