"""Figures of what the files are like."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_up_audit import made_up_audit

from lucency.reporting.audit_films import Film, films_of
from lucency.reporting.canvas import to_inline_svg
from lucency.reporting.film_figures import film_figures, sizes_figure

FILM = Film("a", "a.jpg", "fractured", "train", "", 300, 200, 9000, 80.0, 40.0, "", "")


def test_every_figure_is_drawn_and_stays_light() -> None:
    films = films_of(made_up_audit(10_000, 5_000)[1])
    figures = film_figures(films)
    assert list(figures) == ["sizes", "aspect", "bytes", "means", "contrast"]
    assert all(len(to_inline_svg(figure, name=name)) < 200_000 for name, figure in figures.items())


def test_nothing_is_drawn_of_films_that_nobody_measured() -> None:
    assert film_figures([]) == {}
    assert film_figures([replace(FILM, code="truncated"), replace(FILM, height=0)]) == {}


@pytest.mark.parametrize("label", ["fractured", "not_fractured"])
def test_one_film_of_one_class_and_no_file_size(label: str) -> None:
    figures = film_figures([replace(FILM, label=label, size=0)])
    assert "bytes" not in figures
    for name, figure in figures.items():
        to_inline_svg(figure, name=name)
    axes = figures["means"].axes[0]
    assert axes.get_xlim()[0] < 80 < axes.get_xlim()[1]
    assert max(patch.get_path().vertices[:, 1].max() for patch in axes.patches) == pytest.approx(100)


def test_a_disc_for_each_size_by_class() -> None:
    widths, heights = np.array([200.0] * 90 + [300.0] * 10), np.array([400.0] * 90 + [100.0] * 10)
    axes = sizes_figure(widths, heights, np.arange(100) >= 95).axes[0]
    discs = {
        (float(x), float(y), line.get_color()): line.get_markersize()
        for line in axes.lines
        for x, y in line.get_xydata()
    }
    assert {(x, y) for x, y, _ in discs} == {(200.0, 400.0), (300.0, 100.0)}
    assert len(discs) == 3
    largest = max(discs, key=lambda key: discs[key])
    assert largest[:2] == (200.0, 400.0)


def test_discs_stay_small_where_every_film_has_its_own_size() -> None:
    many = np.arange(100.0, 300.0)
    axes = sizes_figure(many, many, np.zeros(200, dtype=bool)).axes[0]
    assert max(line.get_markersize() for line in axes.lines) < 8
