"""Figures of an audit: bars as long as the numbers say, and no empty frame."""

from __future__ import annotations

from typing import Any

import pytest
from made_up_audit import made_up_audit
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lucency.reporting.audit_figures import balance_figure, look_up_figure, radiographs_figure, shortcut_figure
from lucency.reporting.canvas import to_inline_svg


@pytest.fixture
def audited() -> dict[str, Any]:
    return made_up_audit(120, 40)[0]


def bars(figure: Figure | None) -> list[tuple[float, float]]:
    """Where each bar begins and how long it is."""
    assert figure is not None
    (axes,) = figure.axes
    return [(bar.get_x(), bar.get_width()) for bar in axes.patches if isinstance(bar, Rectangle)]


def words(figure: Figure | None) -> str:
    assert figure is not None
    to_inline_svg(figure, name="drawn")
    return "\n".join(text.get_text() for text in figure.axes[0].texts)


def test_films_and_distinct_radiographs(audited: dict[str, Any]) -> None:
    figure = radiographs_figure(audited)
    train = audited["splits"]["train"]
    assert bars(figure)[:2] == [(0, train["fractured"]), (0, train["distinct_fractured"])]
    assert f"Training, fractured: {train['fractured']} films, {train['distinct_fractured']} distinct" in words(figure)


def test_without_a_split_the_classes_are_drawn(audited: dict[str, Any]) -> None:
    audited["splits"] = dict.fromkeys(("train", "val", "test"))
    counts = audited["classes"]["fractured"]
    figure = radiographs_figure(audited)
    assert bars(figure)[:2] == [(0, counts["films"]), (0, counts["distinct_radiographs"])]
    assert "Training" not in words(figure)
    audited["classes"] = {key: {"films": 0, "distinct_radiographs": 0} for key in audited["classes"]}
    assert radiographs_figure(audited) is None


def test_the_look_up_beside_its_floor(audited: dict[str, Any]) -> None:
    audited["look_up"]["val"] = None
    figure = look_up_figure(audited)
    assert [length for _, length in bars(figure)] == pytest.approx([98.6, 79.2, 76.9])
    assert "79.2 %" in words(figure)
    audited["look_up"]["test"]["copies_grouped"] = None
    assert [length for _, length in bars(look_up_figure(audited))] == pytest.approx([98.6, 70.0])
    audited["look_up"]["test"] = None
    assert look_up_figure(audited) is None


def test_shortcuts_grow_from_chance_the_strongest_first(audited: dict[str, Any]) -> None:
    audited["shortcuts"][-1].update(auroc=0.3, low=None, high=None, title="$a$ " + "long " * 20)
    figure = shortcut_figure(audited)
    assert [start + length for start, length in bars(figure)] == pytest.approx(
        sorted((probe["auroc"] for probe in audited["shortcuts"]), reverse=True)
    )
    assert {start for start, _ in bars(figure)} == {0.5}
    told = words(figure)
    assert "File name and number (warning)" in told
    assert "0.60\nwarning" in told
    assert "0.50\nchance" in told
    assert figure is not None
    assert figure.axes[0].get_xlim()[0] < 0.3
    audited["shortcuts"] = []
    assert shortcut_figure(audited) is None


def test_body_parts_stacked_by_class(audited: dict[str, Any]) -> None:
    cells = [
        {"split": "train", "label": "fractured", "body_part": "hand", "view": "", "films": 3},
        {"split": "test", "label": "fractured", "body_part": "hand", "view": "", "films": 1},
        {"split": "train", "label": "not_fractured", "body_part": "hand", "view": "", "films": 12},
        {"split": "train", "label": "not_fractured", "body_part": "", "view": "", "films": 2},
    ]
    audited["balance"]["cells"] = cells
    figure = balance_figure(audited, "body_part")
    assert bars(figure) == [(0, 4), (4, 12), (0, 0), (0, 2)]
    assert "hand: 16, 25 % fractured\nnot known: 2, 0 % fractured" in words(figure)
    assert balance_figure(audited, "view") is None
    audited["balance"]["cells"] = []
    assert balance_figure(audited, "body_part") is None


def test_rare_body_parts_are_put_together(audited: dict[str, Any]) -> None:
    audited["balance"]["cells"] = [
        {"split": "", "label": "fractured", "body_part": f"part {n:02d}", "view": "", "films": 100 - n}
        for n in range(14)
    ]
    told = words(balance_figure(audited, "body_part"))
    assert "4 more: 354" in told
    assert "part 09: 91" in told
    assert "part 10" not in told
