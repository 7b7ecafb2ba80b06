"""Consensus of several annotators who drew one scene on their own, by a vote at each pixel.

The rule. A state that is complete votes on every pixel; another votes where it drew, and in the tiles that it went
through alone (their `bounds`). A pixel belongs to a slick where more than half of its voters drew one. Two pixels are
of one slick where the annotators who drew both hold them for one at least as often as for two, and so on from pixel
to pixel: parts that were drawn as one slick stay one. The class of a slick is the one that most of its drawn pixels
have, counted over all annotators, of equals the one with the lowest id. Where one annotator's own slicks overlap, the
later is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ceruleanml.labels.instances import GridInstance, Mask
from ceruleanml.scenes.grid import Window

RULE = "a pixel is of a slick where more than half of those who looked drew one; class by plurality of pixels"
Ids = NDArray[np.uint16]


@dataclass(frozen=True)
class Ballot:
    """What one annotator says of a scene: the slicks, on its grid, and where they looked.

    `everywhere` is True for a complete state; `looked` are the windows of tiles that were gone through alone.
    """

    slicks: Sequence[GridInstance]
    everywhere: bool
    looked: Sequence[Window] = ()


def consensus(ballots: Sequence[Ballot], scene_id: str) -> list[GridInstance]:
    """The slicks that several annotators agree on, in the order of their first pixels, by the rule above.

    They are named `<scene_id>/consensus/<n>`, n from 1. Memory: for each annotator two bytes a pixel of the box around
    slicks whose own boxes touch.
    """
    found: list[tuple[Window, int, Mask]] = []
    for window, groups in touching([ballot.slicks for ballot in ballots]):
        found += _voted(ballots, groups, window)
    found.sort(key=lambda one: (one[0].row, one[0].col, one[1]))
    return [
        GridInstance(f"{scene_id}/consensus/{number}", class_id, window, mask, RULE)
        for number, (window, class_id, mask) in enumerate(found, start=1)
    ]


def touching(slicks: Sequence[Sequence[GridInstance]]) -> list[tuple[Window, list[list[GridInstance]]]]:
    """Slicks of several annotators in groups whose boxes touch: the box around each group, and its slicks by annotator.

    What is not in one group shares no pixel, so that no scene has to be held whole.
    """
    every = [(number, slick) for number, mine in enumerate(slicks) for slick in mine]
    groups: list[tuple[Window, list[int]]] = []
    for place, (_, slick) in enumerate(every):
        box, members = slick.window, [place]
        while met := [group for group in groups if group[0].intersection(box)]:
            groups = [group for group in groups if not any(group is one for one in met)]
            members += [member for _, others in met for member in others]
            box = around([box, *(other for other, _ in met)])
        groups.append((box, sorted(members)))
    return [
        (box, [[every[place][1] for place in members if every[place][0] == number] for number in range(len(slicks))])
        for box, members in groups
    ]


def around(windows: Sequence[Window]) -> Window:
    """The smallest window that holds all of some."""
    row, col = min(one.row for one in windows), min(one.col for one in windows)
    bottom, right = max(one.row + one.height for one in windows), max(one.col + one.width for one in windows)
    return Window(row, col, bottom - row, right - col)


def _voted(
    ballots: Sequence[Ballot], slicks: Sequence[Sequence[GridInstance]], window: Window
) -> list[tuple[Window, int, Mask]]:
    """The slicks agreed on in a window: the box, class and mask of each."""
    from scipy.ndimage import find_objects

    maps = np.stack([drawn(mine, window) for mine in slicks])
    votes = np.count_nonzero(maps, axis=0)
    voters = sum((_looked(ballot, ids, window).astype(np.int32) for ballot, ids in zip(ballots, maps, strict=True)))
    agreed = 2 * votes > voters
    if not agreed.any():
        return []
    kinds, kind_of, counts = _kinds(maps[:, agreed])
    slick_of = _same(kinds.T)
    classes = [np.array([0, *(slick.class_id for slick in mine)]) for mine in slicks]
    numbers = np.zeros(agreed.shape, np.int32)
    numbers[agreed] = slick_of[kind_of] + 1
    found = []
    for number, (rows, cols) in enumerate(find_objects(numbers)):
        of_it = slick_of == number
        tally = sum(
            np.bincount(table[ids[of_it]], weights=counts[of_it], minlength=256)
            for table, ids in zip(classes, kinds, strict=True)
        )
        class_id = 1 + int(np.argmax(np.asarray(tally)[1:]))
        mask = numbers[rows, cols] == number + 1
        found.append((Window(window.row + rows.start, window.col + cols.start, *mask.shape), class_id, mask))
    return found


def _kinds(maps: Ids) -> tuple[Ids, NDArray[np.int64], NDArray[np.int64]]:
    """The kinds of pixels, (annotators, kinds), the kind of each pixel and how many are of it.

    Pixels (annotators, pixels) are of one kind where every annotator shows the same slick in them.
    """
    code = np.zeros(maps.shape[1], np.int64)
    for ids in maps:  # one number a pixel sorts many times faster than a column of them
        code = np.unique(code * (1 << 16) + ids, return_inverse=True)[1].ravel()
    _, first, counts = np.unique(code, return_index=True, return_counts=True)
    return maps[:, first], code, counts


def drawn(slicks: Sequence[GridInstance], window: Window) -> Ids:
    """Which of an annotator's slicks each pixel shows, counted from 1; 0 for none."""
    ids = np.zeros((window.height, window.width), np.uint16)
    for number, slick in enumerate(slicks, start=1):
        row, col = slick.window.row - window.row, slick.window.col - window.col
        ids[row : row + slick.window.height, col : col + slick.window.width][slick.mask] = number
    return ids


def _looked(ballot: Ballot, ids: Ids, window: Window) -> Mask:
    """Where an annotator votes."""
    if ballot.everywhere:
        return np.ones(ids.shape, bool)
    looked: Mask = ids > 0
    for tile in ballot.looked:
        shared = tile.intersection(window)
        if shared is not None:
            row, col = shared.row - window.row, shared.col - window.col
            looked[row : row + shared.height, col : col + shared.width] = True
    return looked


def _same(kinds: Ids) -> NDArray[np.int64]:
    """Which slick each kind of pixel is of, from 0 in their order; a kind is (annotators,), whose slicks it shows."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(kinds)
    links: list[NDArray[np.int64]] = []
    for number in range(count):
        both = (kinds[number] > 0) & (kinds > 0)
        as_one = np.count_nonzero(both & (kinds == kinds[number]), axis=1)
        links.append(np.flatnonzero((as_one > 0) & (2 * as_one >= np.count_nonzero(both, axis=1))))
    rows = np.repeat(np.arange(count), [len(one) for one in links])
    graph = coo_array((np.ones(len(rows), np.int8), (rows, np.concatenate(links))), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)
