from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lucency.evaluation.box_cells import film_cells
from lucency.evaluation.heat_map_rows import HEAT_MAP_COLUMNS, MAPS, column, score_rows
from lucency.evaluation.heat_map_summary import heat_map_verdict, summarise_heat_maps
from lucency.evaluation.localisation import SCORES
from lucency.imaging.geometry import InputSpec, place


def row(place_: int, **changes: Any) -> dict[str, Any]:
    """A film of the size 0.5 %, on which every map scores a quarter."""
    return {
        "image_id": f"film {place_}",
        "group": "",
        "label": 1,
        "decision": "fractured",
        "left_out": "",
        "boxes": 1,
        "boxes_outside": 0,
        "boxes_cut": 0,
        "box_share": 0.005,
        "area_share": 0.005,
        "positive": 1,
        "padding_share": 0.0,
        "padding_area": 0.0,
        **{f"{name}_{score}": 0.25 for name in MAPS for score in SCORES},
        **changes,
    }


def verdict(model: list[float], elsewhere: list[float], centre: float = 0.0) -> str:
    rows = [
        row(place_, model_pointing=hit, elsewhere_pointing=other, centre_pointing=centre)
        for place_, (hit, other) in enumerate(zip(model, elsewhere, strict=True))
    ]
    return heat_map_verdict(summarise_heat_maps(rows, resamples=300, seed=0)["sets"][0])


def test_the_verdict_follows_the_difference_to_the_better_guess_by_position() -> None:
    many, few = [1.0] * 38 + [0.0] * 2, [1.0] * 4 + [0.0] * 36
    half = [1.0, 0.0] * 20
    assert "more often than position alone" in verdict(many, few)
    assert "does not show where the fracture is" in verdict(few, many)
    assert "may be chance" in verdict(half, half[::-1])
    assert "pointing where the boxes of the other films lie would give 10 %" in verdict(many, few)
    # The centre is the better guess here, and the map has to beat that one.
    assert "pointing at the centre of each film would give 50 %" in verdict(half, few, centre=0.5)
    assert "On 40 fractured films with boxes the hottest cell" in verdict(many, few)
    assert "on 95 % (" in verdict(many, few)


def test_without_an_interval_nothing_is_concluded() -> None:
    assert "cannot be said: every resample gave the same value" in verdict([1.0] * 30, [0.0] * 30)
    # Three films that all beat position by a little are no proof.
    said = verdict([1.0] * 3, [0.0, 0.1, 0.2])
    assert "cannot be said: there are only 3 films, and an interval needs 10." in said
    assert said.endswith("3 films are few.")
    assert verdict([1.0] * 12, [0.0, 0.5] * 6).endswith("12 films are few: read the intervals.")


def test_films_are_sorted_by_the_size_of_their_largest_box() -> None:
    sizes = (0.0001, 0.00249, 0.0025, 0.01, 0.0101, 0.5)
    rows = [row(place_, box_share=size) for place_, size in enumerate(sizes)]
    found = {part["name"]: part["films"] for part in summarise_heat_maps(rows, resamples=20, seed=0)["sets"]}
    assert found == {"all": 6, "called": 6, "small": 2, "medium": 2, "large": 2}


def test_differences_are_film_by_film() -> None:
    rows = [
        row(0, model_heat_share=0.5, centre_heat_share=0.1),
        row(1, model_heat_share=0.2, centre_heat_share=0.4, decision="not_fractured", positive=0),
    ]
    everything, called = summarise_heat_maps(rows, resamples=50, seed=0)["sets"][:2]
    assert everything["differences"]["centre"]["heat_share"]["value"] == pytest.approx(0.1)
    assert called["differences"]["centre"]["heat_share"]["value"] == pytest.approx(0.4)
    assert called["films"] == 1
    assert (everything["without_evidence"], called["without_evidence"]) == (1, 0)


def test_an_empty_set_has_no_figure() -> None:
    large = summarise_heat_maps([row(0), row(1)], resamples=50, seed=0)["sets"][-1]
    assert (large["films"], large["groups"]) == (0, 0)
    figure = large["maps"]["model"]["pointing"]
    assert (figure["value"], figure["low"], figure["reason"]) == (None, None, "no film has it")


def test_films_of_one_group_alone_have_no_others_to_learn_from() -> None:
    cells = [film_cells([(5, 5, 9, 9)], place(64, 64, InputSpec(64, 64)), (8, 8))] * 2
    scored = score_rows([np.eye(8)] * 2, cells, ["a", "a"])
    rows = [row(place_, group="a", **scores) for place_, scores in enumerate(scored)]
    section = summarise_heat_maps(rows, resamples=50, seed=0)
    assert section["sets"][0]["maps"]["elsewhere"]["pointing"]["value"] is None
    assert section["sets"][0]["differences"]["elsewhere"]["pointing"]["value"] is None
    assert "pointing at the centre" in section["verdict"]
    assert "all films are of one group" in section["verdict"]


def test_a_row_has_a_column_for_everything() -> None:
    cells = [film_cells([(5, 5, 9, 9)], place(64, 64, InputSpec(64, 64)), (8, 8))]
    (scores,) = score_rows([np.eye(8)], cells, None)
    assert {*row(0), *scores} | {name for name in HEAT_MAP_COLUMNS if name.startswith("occlusion")} == set(
        HEAT_MAP_COLUMNS
    )
    assert np.isnan(column([{"x": ""}, {"x": None}, {}], "x")).all()
    assert column([{"x": "0.5"}, {"x": 2}], "x").tolist() == [0.5, 2]
