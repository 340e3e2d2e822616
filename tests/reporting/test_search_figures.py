from __future__ import annotations

from typing import Any

import pytest
from matplotlib.figure import Figure

from lucency.reporting.canvas import to_png
from lucency.reporting.search_figures import history_figure, search_figures, values_figure
from lucency.reporting.search_page import render_search

NUMBER = {"key": "model.dropout", "kind": "number", "low": 0, "high": 0.6, "log": False, "choices": [], "own": 0.0}
RATE = {**NUMBER, "key": "training.learning_rate", "low": 1e-4, "high": 1e-3, "log": True, "own": 5e-4}
CHOICE = {**NUMBER, "key": "model.hidden", "kind": "choice", "choices": ["[]", "[128]"], "own": "[]"}


def trial(number: int, state: str, value: float | None) -> dict[str, Any]:
    values = {"model.dropout": 0.1 * number, "training.learning_rate": 1e-4 * number, "model.hidden": "[128]"}
    reason = "the loss became <nan> in epoch 1" if state == "failed" else ""
    epochs = [value] if value else []
    return {"trial": number, "state": state, "value": value, "values": values, "epochs": epochs, "reason": reason}


@pytest.fixture
def search() -> dict[str, Any]:
    trials = [
        trial(1, "complete", 0.61),
        trial(2, "failed", None),
        trial(3, "complete", 0.72),
        trial(4, "pruned", 0.5),
        trial(5, "complete", 0.7),
    ]
    return {
        "recipe": "tiny-vgg",
        "monitor": "val_auroc",
        "direction": "maximize",
        "seed": 0,
        "pruner": "median",
        "films": {"train": {"films": 80, "fractured": 30}, "test": {"films": 20, "fractured": 9}},
        "dimensions": [NUMBER, RATE, CHOICE],
        "counts": {"complete": 3, "pruned": 1, "failed": 1},
        "trials": trials,
        "own": {"trial": 1, "value": 0.61},
        "best": {"trial": 3, "value": 0.72, "values": trials[2]["values"]},
        "importance": {"model.dropout": 0.7, "training.learning_rate": 0.2, "model.hidden": 0.1},
        "notes": ["Best: val_auroc 0.7200 in trial 3 of 5, so it is optimistic.", "The recipe as it was: 0.6100."],
    }


def lines(figure: Figure) -> dict[str, list[tuple[float, float]]]:
    return {
        str(line.get_label()): list(zip(*(list(map(float, data)) for data in line.get_data()), strict=True))
        for line in figure.axes[0].lines
    }


def test_history_shows_each_trial_and_the_best_so_far(search: dict[str, Any]) -> None:
    drawn = lines(history_figure(search))
    assert drawn["finished"] == [(1, 0.61), (3, 0.72), (5, 0.7)]
    assert drawn["ended early"] == [(4, 0.5)]
    assert [x for x, _ in drawn["failed"]] == [2]
    assert drawn["best so far"] == [(1, 0.61), (3, 0.72), (5, 0.72)]
    assert {y for _, y in drawn["recipe as it was"]} == {0.61}


def test_the_smallest_is_the_best_where_less_is_better(search: dict[str, Any]) -> None:
    drawn = lines(history_figure(search | {"direction": "minimize", "own": None}))
    assert drawn["best so far"] == [(1, 0.61), (3, 0.61), (5, 0.61)]
    assert "recipe as it was" not in drawn


def test_every_dimension_has_a_panel_over_its_whole_range(search: dict[str, Any]) -> None:
    panels = values_figure(search).axes
    titles = [panel.get_title(loc="left") for panel in panels]
    assert titles == ["model.dropout", "training.learning_rate", "model.hidden"]
    assert panels[0].get_xlim() == pytest.approx((-0.03, 0.63))
    assert panels[1].get_xscale() == "log"
    assert [text.get_text() for text in panels[1].get_xticklabels()] == ["0.0001", "0.00032", "0.001"]
    assert [text.get_text() for text in panels[2].get_xticklabels()] == ["[]", "[128]"]


def test_figures_without_trials_or_importance(search: dict[str, Any]) -> None:
    assert search_figures(search | {"trials": []}) == {}
    assert set(search_figures(search | {"importance": None})) == {"history", "values"}
    for figure in search_figures(search).values():
        assert to_png(figure).startswith(b"\x89PNG")


def test_the_page_says_that_the_value_is_optimistic_and_shows_every_trial(search: dict[str, Any]) -> None:
    page = render_search(search, search_figures(search))
    assert "so it is optimistic" in page
    assert page.index("so it is optimistic") < page.index("Every trial")
    assert "the loss became &lt;nan&gt;" in page
    assert "Not a medical device" in page
    assert "http:" not in page
    assert "https:" not in page
    assert page.count("<svg") == 3
    assert "none of them scored" in page
    bare = render_search(search | {"importance": None}, {})
    assert "Importance" not in bare
