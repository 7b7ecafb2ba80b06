"""Partition: whole groups, each class shared out, the same for any order, and overlapping parts refused."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceruleanml.datasets.grouping import SceneSummary, groups_of, near_pairs
from ceruleanml.datasets.partition import check_parts, partition, read_parts, write_parts
from ceruleanml.errors import DatasetError, UsageError

NOON = datetime(2020, 8, 2, 12, tzinfo=UTC)
PASS = "S1A_IW_GRDH_1SDV_20200802T1416{}_20200802T141711_033729_03E8C7_E4F{}"
CLASSES = ("infra_slick", "natural_seep", "old_vessel")


def square(lon, lat, size=1.0):
    return ((lon, lat), (lon + size, lat), (lon + size, lat + size), (lon, lat + size))


def scene(name, lon_lat=None, hours=None, **class_counts):
    time = None if hours is None else NOON + timedelta(hours=hours)
    return SceneSummary(name, class_counts, None if lon_lat is None else square(*lon_lat), time)


@pytest.mark.parametrize(("one", "other", "together"), [
    (scene("a", (10, 0), 0), scene("b", (10.5, 0), 1), True),  # overlapping, an hour apart
    (scene("a", (10, 0), 0), scene("b", (11.4, 0), 1), True),  # 44 km
    (scene("a", (10, 0), 0), scene("b", (11.6, 0), 1), False),  # 67 km
    (scene("a", (10, 60), 0), scene("b", (11.6, 60), 1), True),  # 33 km: degrees are half as long there
    (scene("a", (10, 0), 0), scene("b", (10.5, 0), 24), True),  # just a day apart
    (scene("a", (10, 0), 0), scene("b", (10.5, 0), 25), False),
    (scene("a", (10, 0), 0), scene("b", (10.5, 0)), True),  # who knows when: together
    (scene("a", (10, 0), 0), scene("b", None, 0), False),  # who knows where: apart
    (scene("a", (178.9, 0), 0), scene("b", (-180, 0), 1), True),  # across the antimeridian
    (scene(PASS.format("46", 1), (10, 0), 0), scene(PASS.format("59", 2), (40, 0), 0), True),  # one pass
], ids=str)  # fmt: skip
def test_what_is_kept_together(one, other, together):
    groups = groups_of([one, other], max_km=50, max_hours=24)
    assert len(groups) == (1 if together else 2)


def test_groups_are_transitive():
    row = [scene(f"s{n}", (10 + 1.2 * n, 0), 0) for n in range(5)]  # each 22 km from the next
    assert groups_of(row, 50, 24) == (("s0", "s1", "s2", "s3", "s4"),)
    assert len(groups_of(row, 20, 24)) == 5


def test_no_limit_joins_all_that_lie_anywhere():
    assert len(groups_of([scene("a", (-90, -60)), scene("b", (90, 60))], float("inf"), float("inf"))) == 1


def test_near_pairs_are_those_that_a_search_of_all_pairs_finds():
    rng = np.random.Generator(np.random.PCG64(5))
    outlines = [square(lon, lat, 0.3) for lon, lat in rng.uniform([0, -5], [10, 5], (120, 2))]
    gaps = {(i, j): [max(0, abs(outlines[i][0][axis] - outlines[j][0][axis]) - 0.3) for axis in (0, 1)]
            for i in range(120) for j in range(i + 1, 120)}  # fmt: skip
    near = {pair for pair, (x, y) in gaps.items() if np.hypot(x, y) * 111.195 <= 30}
    marginal = {pair for pair, (x, y) in gaps.items() if abs(np.hypot(x, y) * 111.195 - 30) < 0.3}
    assert set(near_pairs(outlines, 30)) ^ near <= marginal and len(near) > 50


def many_scenes(seed, count=300):
    rng = np.random.Generator(np.random.PCG64(seed))
    counts = rng.poisson([0.8, 0.15, 0.4], (count, 3))
    return [scene(f"s{n:03d}", None, None, **dict(zip(CLASSES, row.tolist(), strict=True)))
            for n, row in enumerate(counts)]  # fmt: skip


def shares_of(found, scenes):
    """For each class, and for scenes without any, the share of its slicks in each part."""
    by_id = {each.scene_id: each.class_counts for each in scenes}
    rows = [
        [sum(by_id[name].get(cls, 0) for name in ids) for ids in found.parts.values()] for cls in CLASSES
    ] + [[sum(not any(by_id[name].values()) for name in ids) for ids in found.parts.values()]]  # fmt: skip
    return np.array(rows) / np.array(rows).sum(axis=1, keepdims=True)


def test_every_class_is_shared_out_as_asked():
    scenes = many_scenes(1)
    shares = shares_of(partition(scenes, (0.7, 0.15, 0.15)), scenes)
    assert np.abs(shares - [0.7, 0.15, 0.15]).max() < 0.03


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 1000))
def test_the_order_of_the_scenes_does_not_matter(random, seed):
    scenes = many_scenes(2, 40)
    shuffled = random.sample(scenes, len(scenes))
    assert partition(shuffled, seed=seed) == partition(scenes, seed=seed)


def test_seeds_differ_and_each_holds():
    scenes = many_scenes(3, 60)
    found = [partition(scenes, seed=seed).parts for seed in (0, 0, 1, 2)]
    assert found[0] == found[1]
    assert len({parts["test"] for parts in found}) == 3


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 40), st.integers(0, 3)), min_size=25, max_size=60))
def test_parts_hold_every_scene_once_and_whole_groups(places):
    scenes = [scene(f"s{n:02d}", (4.0 * lon, 0), hours, infra_slick=slicks)
              for n, (lon, hours, slicks) in enumerate(places)]  # fmt: skip
    try:
        found = partition(scenes, max_km=10, max_hours=6)
    except UsageError as error:
        assert "groups that must stay together" in str(error)
        return
    assert sorted(sum(found.parts.values(), ())) == sorted(each.scene_id for each in scenes)
    assert all(found.parts.values())
    check_parts(found.parts, scenes, max_km=10, max_hours=6)


def test_three_scenes_fill_three_parts():
    found = partition([scene(name, infra_slick=1) for name in "abc"], (0.8, 0.1, 0.1))
    assert [len(ids) for ids in found.parts.values()] == [1, 1, 1]


@pytest.mark.parametrize("seed", range(4))
def test_large_scenes_are_shared_out_while_there_is_room(seed):
    scenes = [scene(name, infra_slick=slicks) for name, slicks in zip("abcd", (1, 1, 3, 1), strict=True)]
    found = partition(scenes, (0.5, 0.5, 0.0), seed)
    assert {found.parts["train"], found.parts["val"]} == {("c",), ("a", "b", "d")}


def test_a_part_without_share_stays_empty():
    found = partition(many_scenes(4, 20), (0.5, 0.5, 0.0))
    assert found.parts["test"] == () and len(found.parts["train"]) + len(found.parts["val"]) == 20


@pytest.mark.parametrize(("scenes", "options", "message"), [
    ("abc", {"shares": (0.7, 0.2, 0.2)}, "train 0.7, val 0.2, test 0.2 sum to 1.1; each must be"),
    ("abc", {"shares": (1.2, -0.2, 0.0)}, "each must be 0 to 1"),
    ("ab", {}, "2 scenes make 2 groups that must stay together, too few for 3 parts; give more scenes"),
    ("abca", {}, "scene a stands twice; name each scene once"),
    ("abc", {"max_km": -1.0}, "distance -1 cannot be; give 0 or more"),
    ("abc", {"max_hours": float("nan")}, "hours nan cannot be; give 0 or more"),
])  # fmt: skip
def test_what_cannot_be_is_refused(scenes, options, message):
    with pytest.raises(UsageError, match=message):
        partition([scene(name) for name in scenes], **options)


def test_written_parts_are_read_back_and_never_overwritten(tmp_path):
    found = partition([scene(name) for name in "abcd"], (0.5, 0.25, 0.25))
    locations = {name: str(tmp_path / "scenes" / f"{name}.tif") for name in "abcd"}
    out = tmp_path / "parts"
    for _ in range(2):  # the second time changes nothing
        assert [path.name for path in write_parts(out, found, locations)] == [
            "train_scenes.txt", "val_scenes.txt", "test_scenes.txt",
        ]  # fmt: skip
    expected = {part: [f"../scenes/{name}.tif" for name in ids] for part, ids in found.parts.items()}
    assert read_parts(out) == expected
    other = partition([scene(name) for name in "abcd"], (0.25, 0.25, 0.5))
    with pytest.raises(DatasetError, match="another partition is here; remove its lists or choose another --out"):
        write_parts(out, other, locations)
    assert read_parts(out) == expected


def test_a_bucket_is_listed_as_it_is(tmp_path):
    found = partition([scene("a")], (1, 0, 0))
    assert [path.name for path in write_parts(tmp_path, found, {"a": "gs://bucket/a.zip"})] == ["train_scenes.txt"]
    assert read_parts(tmp_path) == {"train": ["gs://bucket/a.zip"]}


def test_a_folder_without_lists_is_named(tmp_path):
    with pytest.raises(DatasetError, match="holds no train_scenes.txt, val_scenes.txt or test_scenes.txt"):
        read_parts(tmp_path)


@pytest.mark.parametrize(("parts", "message"), [
    ({"train": ["a", "b"], "val": ["b"]}, "scene b is in train and again in val; keep it in one"),
    ({"train": ["a", "a"]}, "scene a is in train and again in train"),
    ({"train": ["a"], "val": []}, "part val holds no scene"),
    ({"train": ["a"], "val": ["x"]}, "scene x of part val is not among the scenes; correct the list"),
    ({"train": ["a"], "val": ["c"]}, r"scenes a \(train\) and c \(val\) are of one pass, or near in place and time"),
])  # fmt: skip
def test_overlapping_parts_are_refused(parts, message):
    scenes = [scene("a", (10, 0), 0), scene("b", (60, 0), 0), scene("c", (10.2, 0), 3)]
    with pytest.raises(DatasetError, match=message):
        check_parts(parts, scenes)


def test_good_parts_pass():
    check_parts({"train": ["a"], "val": ["b"]}, [scene("a", (10, 0), 0), scene("b", (60, 0), 0)])
