"""Traits of films: every film has one value, and what is not known stays unknown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lucency.datasets.manifest import Manifest
from lucency.datasets.manifest_file import MANIFEST_COLUMNS
from lucency.workflows.film_traits import box_band, combination, film_traits, side_band


def manifest(**columns: list[Any]) -> Manifest:
    rows = len(next(iter(columns.values())))
    table = pd.DataFrame({name: [""] * rows for name in MANIFEST_COLUMNS} | {"label": [0] * rows} | columns)
    return Manifest(table, source="drawn")


def test_values_of_each_film() -> None:
    films = manifest(
        label=[1, 0, 1],
        body_part=["Hand", "hand, Wrist", ""],
        view=["lateral+frontal", "frontal + lateral", "oblique"],
        hardware=["1", "0", ""],
        boxes=["[[0,0,10,10],[50,50,50,20]]", "[]", ""],
        second_label=["1", "1", ""],
        kind=["Torus", "", ""],
    )
    found = film_traits(films, np.array([[100, 200], [600, 500], [3000, 1024]], dtype=np.int32))
    assert found["traits"] == {
        "body_part": ["hand", "hand+wrist", ""],
        "view": ["frontal+lateral", "frontal+lateral", "oblique"],
        "hardware": ["with metal", "without metal", ""],
        "image_size": [
            "longer side under 512 pixels",
            "longer side 512 to 1023 pixels",
            "longer side 2048 pixels or more",
        ],
        # The larger of the two: 50 x 20 of 200 x 100 pixels are 5 %.
        "box_size": ["largest box 1 % or more of the film", "", ""],
        "second_label": ["second label agrees", "second label differs", ""],
        "kind": ["torus", "", ""],
    }
    assert found["fractured_only"] == ["box_size", "kind"]


def test_columns_that_a_manifest_lacks_are_unknown() -> None:
    found = film_traits(manifest(label=[0, 1]), np.array([[10, 10], [10, 10]], dtype=np.int32))["traits"]
    assert found["hardware"] == ["", ""]
    assert "kind" not in found
    assert "second_label" not in found


@pytest.mark.parametrize(
    ("boxes", "band"),
    [
        ("[[0,0,4,6]]", "largest box under 0.25 % of the film"),
        ("[[0,0,5,5]]", "largest box 0.25 to 1 % of the film"),
        ("[[0,0,10,10]]", "largest box 1 % or more of the film"),
        # All but a corner lies beyond the edge.
        ("[[98,98,500,500]]", "largest box under 0.25 % of the film"),
        ("[[-400,-400,402,402]]", "largest box under 0.25 % of the film"),
    ],
)
def test_the_largest_box_as_a_share_of_the_film(boxes: str, band: str) -> None:
    films = manifest(label=[1], boxes=[boxes])
    assert film_traits(films, np.array([[100, 100]], dtype=np.int32))["traits"]["box_size"] == [band]


def test_bands_know_their_order() -> None:
    orders = film_traits(manifest(label=[1]), np.array([[9, 9]], dtype=np.int32))["orders"]
    assert orders["image_size"] == [side_band(side) for side in (1, 512, 1024, 2048)]
    assert orders["image_size"] == [side_band(side) for side in (511, 1023, 2047, 9999)]
    assert orders["box_size"] == [box_band(percent) for percent in (0.0, 0.25, 1.0)]


def test_parts_in_any_order_and_spelling() -> None:
    assert combination(" Lateral ;  frontal ") == combination("FRONTAL+lateral") == "frontal+lateral"
    assert combination("hand, hand") == "hand"
    assert combination(" , ") == ""
