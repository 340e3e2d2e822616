from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from lucency.evaluation.box_cells import film_cells, fit_to_film
from lucency.evaluation.heat_map_rows import NO_BOX, score_rows
from lucency.evaluation.heat_map_summary import summarise_heat_maps
from lucency.evaluation.map_changes import ShuffledMaps, map_changes
from lucency.evaluation.map_precision_recall import pooled_precision_recall
from lucency.imaging.geometry import InputSpec, place
from lucency.reporting.canvas import to_png
from lucency.reporting.heat_maps_figures import heat_maps_figures, pointing_figure, randomisation_figure
from lucency.reporting.html import embedded, page_environment

FILMS = 30


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    """A section made by the evaluation room, so that the two rooms cannot drift apart."""
    random = np.random.default_rng(0)
    placement = place(200, 150, InputSpec(64, 64))
    fitted = [fit_to_film([(*random.uniform(0, 100, 2), *random.uniform(5, 40, 2))], 200, 150) for _ in range(FILMS)]
    cells = [film_cells(one.boxes, placement, (8, 8)) for one in fitted]
    heats = [one.boxed / 30 + random.normal(size=(8, 8)) for one in cells]
    rows = [
        {
            "image_id": f"film {place_}",
            "group": f"patient {place_ // 2}",
            "label": 1,
            "decision": "fractured" if place_ % 3 else "not_fractured",
            "left_out": "",
            "boxes": 1,
            "boxes_outside": 0,
            "boxes_cut": 0,
            "box_share": one.largest_share,
            "occlusion_pointing": 1.0,
            "occlusion_pointing_exact": 0.0,
            "occlusion_correlation": float(random.normal()) / 4,
            **scores,
        }
        for place_, (one, scores) in enumerate(zip(fitted, score_rows(heats, cells, None), strict=True))
    ]
    rows.append({**rows[0], "image_id": "unmarked", "left_out": NO_BOX, "boxes": 0})
    shuffled = [ShuffledMaps(name, n, [random.normal(size=(8, 8)) for _ in cells]) for n, name in enumerate("ab", 1)]
    section = summarise_heat_maps(rows, resamples=60, seed=0) | {
        "cells": [8, 8],
        "source": "heatmap",
        "precision_recall": pooled_precision_recall(heats, cells, None, resamples=60, seed=0),
        "randomisation": map_changes(heats, shuffled, cells, None, resamples=60, seed=0) | {"kernels": 2, "seed": 0},
        "folds": None,
    }
    content: dict[str, Any] = json.loads(json.dumps(section, allow_nan=False))
    return content


@pytest.fixture
def section(made: dict[str, Any]) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(made))
    return copy


def page(section: dict[str, Any]) -> str:
    figures = {name: embedded(one, name=name, words=name) for name, one in heat_maps_figures(section).items()}
    template = page_environment().get_template("evidence/heat_maps.html.j2")
    return template.render(section=section, figures=figures)


def test_every_set_with_films_has_its_row_and_every_map_its_mark(section: dict[str, Any]) -> None:
    filled = [part for part in section["sets"] if part["films"]]
    axes = pointing_figure(section).axes[0]
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert len(labels) == len(filled)
    assert labels[-1] == f"All fractured films with boxes\n{FILMS} films"
    marks = [line for line in axes.lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in marks][::-1] == [
        part["maps"]["model"]["pointing"]["value"] for part in filled
    ]
    legend = axes.get_legend()
    assert legend is not None
    assert len(legend.get_texts()) == 4


def test_the_bound_and_unlike_films_stand_beside_the_steps(section: dict[str, Any]) -> None:
    axes = randomisation_figure(section).axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["none", "a", "b"]
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text()[:15] for text in legend.get_texts()] == ["changed under 0", "maps of two unl"]


def test_figures_can_be_saved_and_follow_the_numbers(section: dict[str, Any]) -> None:
    figures = heat_maps_figures(section)
    assert list(figures) == ["heat_maps_pointing", "heat_maps_precision_recall", "heat_maps_randomisation"]
    assert all(to_png(figure)[:4] == b"\x89PNG" for figure in figures.values())
    section["randomisation"] = {"reason": "No."}
    section["precision_recall"] = None
    assert list(heat_maps_figures(section)) == ["heat_maps_pointing"]


def test_values_without_interval_are_drawn_alone(section: dict[str, Any]) -> None:
    for part in section["sets"]:
        for scores in part["maps"].values():
            scores["pointing"] |= {"low": None, "high": None}
        part["maps"]["elsewhere"]["pointing"]["value"] = None
    axes = pointing_figure(section).axes[0]
    assert all(len(line.get_xdata()) == 1 for line in axes.lines)


def test_the_page_says_what_was_found(section: dict[str, Any]) -> None:
    html = page(section)
    assert section["verdict"].split("%")[0].strip() in html
    assert section["randomisation"]["verdict"] in html
    assert "1 film (unmarked) fractured, but without boxes" in html
    assert f"{section['sets'][0]['maps']['model']['pointing']['value']:.3f}" in html
    assert "30 films were covered place by place" in html
    assert "8 x 8 cells" in html
    assert html.count("<svg") == 3


def test_the_page_says_why_there_is_nothing_and_shows_no_figure() -> None:
    nothing = summarise_heat_maps([], resamples=60, seed=0)
    nothing |= {"cells": None, "source": None, "precision_recall": None, "randomisation": None, "folds": None}
    html = page(nothing)
    assert nothing["reason"] in html
    assert "<table" not in html
    assert "<svg" not in html


def test_the_page_of_folds_and_of_occlusion(section: dict[str, Any]) -> None:
    section |= {"cells": None, "source": "occlusion", "precision_recall": None, "occlusion": None}
    section["folds"] = [{"films": 12, "pointing": 0.25, "heat_share": 0.1, "average_precision": 0.375}]
    section["randomisation"] = {"reason": "The map was not tested with shuffled weights."}
    html = page(section)
    assert "no heat map of its own" in html
    assert "0.375" in html
    assert "The map was not tested with shuffled weights." in html
