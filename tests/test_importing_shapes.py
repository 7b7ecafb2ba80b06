"""Outlines of masks on the ground: many parts or one, on maps that bend and maps that do not."""

import numpy as np
import pytest

from ceruleanml.annotation.importing_shapes import STEP_PX, geometry_json, mask_outline, on_ground


def bending(points):
    """A map that bends: a degree a thousand pixels, and a little more the farther east."""
    return points / 1000 + points[:, :1] ** 2 * 1e-9


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("columns", [(range(0, 40),), (range(0, 10), range(20, 40))])
def test_each_part_of_a_mask_is_a_part_on_the_ground(affine, columns):
    mask = np.zeros((3, 40), bool)
    for part in columns:
        mask[1, part.start : part.stop] = True
    placed = on_ground(mask_outline(5, 7, mask), bending, affine)
    assert geometry_json(placed)["type"] == "MultiPolygon"
    assert len(geometry_json(placed)["coordinates"]) == len(columns)
    corners = bending(np.array([[7.0 + part.start, 6.0] for part in columns]))
    assert {tuple(corner) for corner in corners.round(9)} <= {
        tuple(point) for (ring,) in geometry_json(placed)["coordinates"] for point in ring
    }


def test_long_edges_get_corners_where_the_map_bends():
    outline = mask_outline(0, 0, np.ones((1, 40), bool))
    straight, bent = (
        geometry_json(on_ground(outline, bending, affine))["coordinates"][0][0] for affine in (True, False)
    )
    assert len(straight) == 5
    assert len(bent) == 5 + 2 * int(40 // STEP_PX)
