"""GeoJSON labels: the contract, the round trip, and every way a file can be wrong."""

import json

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from labels_help import CLASSES

from ceruleanml.errors import LabelError
from ceruleanml.labels.geojson import read_geojson, read_label_file, write_geojson
from ceruleanml.labels.geometry import area_km2, precise
from ceruleanml.labels.instances import GroundShape

SQUARE = [[10.0, 50.0], [10.2, 50.0], [10.2, 50.1], [10.0, 50.1], [10.0, 50.0]]
HOLE = [[10.05, 50.02], [10.05, 50.04], [10.1, 50.04], [10.1, 50.02], [10.05, 50.02]]
BOW_TIE = [[10.0, 50.0], [10.2, 50.1], [10.2, 50.0], [10.0, 50.1], [10.0, 50.0]]


def feature(geometry=None, **properties):
    geometry = geometry or {"type": "MultiPolygon", "coordinates": [[SQUARE]]}
    return {"type": "Feature", "properties": {"class": "old_vessel", **properties}, "geometry": geometry}


def collection(*features, **members):
    return {"type": "FeatureCollection", "features": list(features), **members}


def polygon(*rings):
    return {"type": "Polygon", "coordinates": list(rings)}


def save(tmp_path, content):
    path = tmp_path / "scene.geojson"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_feature_is_an_instance_with_its_parts_holes_and_properties(tmp_path):
    far = [[x + 1, y] for x, y in SQUARE]
    drawn = {"type": "MultiPolygon", "coordinates": [[SQUARE, HOLE], [far]]}
    says = {"annotator": "ann", "source": "edited", "started": "s", "finished": "f", "model": "m"}
    path = save(tmp_path, collection(feature(drawn, **says, other=1), scene_id="scene", complete=True))
    (shape,) = read_geojson(path, CLASSES, "scene")
    assert (shape.slick_id, CLASSES[shape.class_id].name, shape.source) == ("scene/1", "old_vessel", str(path))
    assert [len(part.interiors) for part in shape.geometry.geoms] == [1, 0]
    assert shape.geometry.area == pytest.approx(2 * 0.2 * 0.1 - 0.05 * 0.02)
    assert shape.properties == says


def test_polygons_altitudes_and_old_names_of_the_crs_are_read(tmp_path):
    raised = [[*position, 3.5] for position in SQUARE]
    for name in ("urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326", "urn:ogc:def:crs:EPSG::4326"):
        crs = {"type": "name", "properties": {"name": name}}
        (shape,) = read_geojson(save(tmp_path, collection(feature(polygon(raised)), crs=crs)), CLASSES, "scene")
        assert shape.geometry.bounds == (10.0, 50.0, 10.2, 50.1)


def test_an_empty_collection_is_a_scene_without_slicks(tmp_path):
    file = read_label_file(save(tmp_path, collection(complete=False)), CLASSES, "scene")
    assert (file.shapes, file.complete, file.notes) == ((), False, ())


def test_ids_come_from_slick_id_then_id_then_place(tmp_path):
    content = collection(feature(slick_id="scene/mine"), {**feature(), "id": 7}, feature())
    shapes = read_geojson(save(tmp_path, content), CLASSES, "scene")
    assert [shape.slick_id for shape in shapes] == ["scene/mine", "scene/7", "scene/3"]


def test_a_polygon_that_crosses_itself_is_repaired_and_noted(tmp_path):
    file = read_label_file(save(tmp_path, collection(feature(polygon(BOW_TIE)))), CLASSES, "scene")
    (shape,) = file.shapes
    assert shape.geometry.is_valid
    assert shape.geometry.area == pytest.approx(0.2 * 0.1 / 2)
    assert "feature 1 (scene/1) crossed itself and was repaired" in file.notes[0]


REFUSED = {
    "not JSON": ("{", "is not JSON"),
    "nested too deeply": ("[" * 100_000, "is not JSON: maximum recursion"),
    "no collection": (feature(), "is not a GeoJSON FeatureCollection"),
    "a list": ([], "is not a GeoJSON FeatureCollection"),
    "features no list": ({"type": "FeatureCollection", "features": {}}, "features must be a list"),
    "another scene": (collection(scene_id="other"), "labels scene other, not scene"),
    "complete no bool": (collection(complete="yes"), "complete must be true or false"),
    "metres": (collection(crs={"type": "name", "properties": {"name": "EPSG:32633"}}), "is in EPSG:32633"),
    "no feature": (collection("x"), "feature 1 is not a GeoJSON Feature"),
    "no properties": (collection({"type": "Feature", "properties": None}), "feature 1 has no properties"),
    "no class": (collection(feature(), feature(**{"class": None})), "feature 2 has no class; give one of infra_slick"),
    "unknown class": (collection(feature(**{"class": "oil"})), "class 'oil' is not in the class table"),
    "class no text": (collection(feature(**{"class": [1]})), "is not in the class table"),
    "background": (collection(feature(**{"class": "background"})), "class background is no slick"),
    "unknown source": (collection(feature(source="guess")), "source must be one of drawn, accepted, edited"),
    "slick_id no text": (collection(feature(slick_id=3)), "slick_id must be text"),
    "slick_id twice": (collection(feature(slick_id="a"), feature(slick_id="a")), "slick_id a stands twice"),
    "no geometry": (collection({**feature(), "geometry": None}), "has no polygon but no geometry"),
    "a point": (collection(feature({"type": "Point", "coordinates": [1, 2]})), "has no polygon but Point"),
    "empty": (collection(feature({"type": "MultiPolygon", "coordinates": []})), "its coordinates are empty"),
    "no outline": (collection(feature(polygon())), "coordinates are empty|without an outline"),
    "empty part": (collection(feature({"type": "MultiPolygon", "coordinates": [[]]})), "without an outline"),
    "short ring": (collection(feature(polygon(SQUARE[:3]))), "fewer than 4 positions"),
    "open ring": (collection(feature(polygon(SQUARE[:4]))), "is not closed; repeat its first position"),
    "a line": (collection(feature(polygon([*SQUARE[:2], *SQUARE[:2], SQUARE[0]]))), "fewer than 3 different"),
    "no area": (collection(feature(polygon([[0, 0], [1, 1], [2, 2], [0, 0]]))), "encloses no area"),
    "NaN": (collection(feature(polygon([[float("nan"), 5], *SQUARE[1:]]))), "is not a number"),
    "infinite": (collection(feature(polygon([[float("inf"), 5], *SQUARE[1:]]))), "is not a number"),
    "text": (collection(feature(polygon([["10", "50"], *SQUARE[1:]]))), "longitude, latitude] in numbers"),
    "swapped": (collection(feature(polygon([[50, 100], *SQUARE[1:]]))), "in that order"),
    "metres as degrees": (collection(feature(polygon([[500000, 5], *SQUARE[1:]]))), r"longitude \(-180 to 180\)"),
}


@pytest.mark.parametrize("content, message", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_wrong_is_said_in_one_line_that_names_the_file(tmp_path, content, message):
    path = save(tmp_path, content)
    with pytest.raises(LabelError, match=message) as caught:
        read_geojson(path, CLASSES, "scene")
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_bytes_that_are_no_text_are_refused(tmp_path):
    with pytest.raises(LabelError, match="scene.geojson: cannot be read"):
        read_geojson(tmp_path / "scene.geojson", CLASSES, "scene")
    (tmp_path / "scene.geojson").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LabelError, match="scene.geojson: is not JSON"):
        read_geojson(tmp_path / "scene.geojson", CLASSES, "scene")


def test_what_is_written_follows_the_contract(tmp_path):
    square = shapely.MultiPolygon([shapely.Polygon(SQUARE[::-1], [HOLE])])
    write_geojson(tmp_path / "scene.geojson", [GroundShape("scene/a", 5, square, "x")], CLASSES, "scene", False)
    content = json.loads((tmp_path / "scene.geojson").read_text())
    (written,) = content.pop("features")
    assert content == {"type": "FeatureCollection", "scene_id": "scene", "complete": False}
    assert written["properties"] == {
        "class": "old_vessel", "slick_id": "scene/a", "annotator": None, "source": "drawn", "started": None,
        "finished": None, "model": None,
    }  # fmt: skip
    outer, inner = written["geometry"]["coordinates"][0]
    assert shapely.LinearRing(outer).is_ccw  # RFC 7946, section 3.1.6
    assert not shapely.LinearRing(inner).is_ccw
    assert list(tmp_path.iterdir()) == [tmp_path / "scene.geojson"]


def test_nothing_is_written_where_a_shape_vanishes(tmp_path):
    speck = shapely.MultiPolygon([shapely.box(1, 1, 1 + 1e-9, 1 + 1e-9)])
    with pytest.raises(LabelError, match="scene/a is smaller than 7 digits"):
        write_geojson(tmp_path / "scene.geojson", [GroundShape("scene/a", 1, speck, "x")], CLASSES, "scene")
    assert list(tmp_path.iterdir()) == []


def test_parts_that_overlap_are_written_as_one(tmp_path):
    parts = shapely.MultiPolygon([shapely.box(0, 0, 2, 1), shapely.box(1, 0, 3, 1)])
    write_geojson(tmp_path / "scene.geojson", [GroundShape("scene/a", 1, parts, "x")], CLASSES, "scene")
    file = read_label_file(tmp_path / "scene.geojson", CLASSES, "scene")
    assert file.notes == ()
    assert file.shapes[0].geometry.area == pytest.approx(3)


@st.composite
def ground_shapes(draw):
    """An instance of one to three blobs, some with a hole, anywhere between the poles."""
    parts = []
    for place in range(draw(st.integers(1, 3))):
        lon = draw(st.floats(-20, 20)) - 100 + 100 * place
        lat, radius = draw(st.floats(-80, 80)), draw(st.floats(1e-4, 2))
        ring = shapely.Point(lon, lat).buffer(radius, quad_segs=draw(st.integers(1, 4)))
        hole = shapely.Point(lon, lat).buffer(radius / 3, quad_segs=2)
        parts.append(ring.difference(hole) if draw(st.booleans()) else ring)
    known = st.fixed_dictionaries({}, optional={
        "annotator": st.text(min_size=1), "source": st.sampled_from(["drawn", "accepted", "edited"]),
        "model": st.text(min_size=1),
    })  # fmt: skip
    class_id = draw(st.integers(1, len(CLASSES) - 1))
    return class_id, shapely.MultiPolygon(parts), {"source": "drawn", **draw(known)}


@given(st.lists(ground_shapes(), max_size=3), st.booleans())
def test_written_and_read_is_the_same(tmp_path_factory, drawn, complete):
    path = tmp_path_factory.mktemp("labels") / "scene.geojson"
    shapes = [GroundShape(f"scene/{n}", c, geometry, "", says) for n, (c, geometry, says) in enumerate(drawn)]
    write_geojson(path, shapes, CLASSES, "scene", complete)
    file = read_label_file(path, CLASSES, "scene")
    assert (file.complete, file.notes) == (complete, ())
    for before, after in zip(shapes, file.shapes, strict=True):
        assert (after.slick_id, after.class_id, after.properties) == (
            before.slick_id, before.class_id, before.properties,
        )  # fmt: skip
        assert after.geometry.normalize().equals_exact(precise(before.geometry).normalize(), 1e-9)
        assert before.geometry.hausdorff_distance(after.geometry) < 2e-7
    first = path.read_bytes()
    write_geojson(path, file.shapes, CLASSES, "scene", complete)
    assert path.read_bytes() == first


def test_real_polygons_without_a_class_are_refused_and_with_one_are_read(tmp_path, shared_data):
    real = shared_data / "skytruth" / "predicted_slicks.geojson"
    with pytest.raises(LabelError, match="predicted_slicks.geojson: feature 1 has no class"):
        read_geojson(real, CLASSES, "scene")
    content = json.loads(real.read_text())
    for each in content["features"]:
        each["properties"]["class"] = "ambiguous"
    shapes = read_geojson(save(tmp_path, content), CLASSES, "scene")
    assert len(shapes) == len(content["features"]) > 1
    assert all(shape.geometry.is_valid for shape in shapes)


@pytest.mark.parametrize("turn", [1, -1])
def test_a_ring_around_a_pole_crosses_the_antimeridian_either_way(tmp_path, turn):
    around = [[-170, 80], [-60, 80], [60, 80], [170, 80], [-170, 80]][::turn]
    with pytest.raises(LabelError, match="across the antimeridian"):
        read_geojson(save(tmp_path, collection(feature(polygon(around)))), CLASSES, "scene")


def test_an_area_is_the_same_whichever_way_its_rings_were_drawn():
    anticlockwise, clockwise = (shapely.Polygon(SQUARE[::turn], [HOLE[::turn]]) for turn in (1, -1))
    assert area_km2(anticlockwise) == pytest.approx(area_km2(clockwise)) == pytest.approx(151.6, rel=0.02)
