"""Boxes of a manifest -> boxes of the network input: cut at the edge, and none for a film that is not fractured."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from lucency.imaging.geometry import InputSpec
from lucency.workflows.run_batches import input_boxes


def test_boxes_are_cut_at_the_film_and_follow_the_letterbox() -> None:
    films: Any = SimpleNamespace(
        image_ids=["a", "b", "c", "d"],
        labels=np.array([1, 0, 1, 1]),
        # On a film of 50 x 100: one that reaches over the right edge, one on a normal film, one outside, none.
        boxes=[[(30.0, 20.0, 40.0, 10.0)], [(0.0, 0.0, 9.0, 9.0)], [(60.0, 20.0, 5.0, 5.0)], []],
    )
    prepared: Any = SimpleNamespace(
        manifest=SimpleNamespace(table=pd.DataFrame({"image_id": ["a", "b", "c", "d"]})),
        sizes=np.array([[100, 50]] * 4, np.int32),
        spec=InputSpec(200, 200),
    )
    found = input_boxes(films, prepared)
    # Twice the size, 50 pixels of padding on the left.
    np.testing.assert_allclose(found[0], [[110, 40, 40, 20]])
    assert [boxes.shape for boxes in found[1:]] == [(0, 4)] * 3
