from __future__ import annotations

import pytest
from made_up_stress import made_up_stress
from matplotlib.patches import Rectangle

from lucency.reporting.canvas import INK, to_png
from lucency.reporting.stress_figures import stress_curves, stress_figures, stress_heatmap

TITLES = tuple(f"Corruption {number}" for number in range(12))


def test_every_cell_is_written_and_each_break_is_framed() -> None:
    content = made_up_stress()
    axes = stress_heatmap(content).axes[0]
    written = [text.get_text() for text in axes.texts]
    assert written == [f"{cell['auroc']:.2f}" for row in content["corruptions"] for cell in row["severities"]]
    frames = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    # Two of each corruption; the first by its decisions alone.
    assert [frame.get_linestyle() == "solid" or frame.get_linestyle() == "-" for frame in frames] == [False, True] * 3
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Blur", "Metal", "JPEG"]


def test_curves_start_with_the_films_as_they_are() -> None:
    content = made_up_stress()
    panels = stress_curves(content).axes
    for axes, row in zip(panels, content["corruptions"], strict=True):
        auroc = axes.lines[0]
        assert list(auroc.get_xdata()) == [0, 1, 2, 3, 4, 5]
        assert list(auroc.get_ydata()) == [0.93, *(cell["auroc"] for cell in row["severities"])]
        assert any(list(line.get_xdata()) == [4, 4] and line.get_color() == INK for line in axes.lines)


@pytest.mark.parametrize("titles", [TITLES, TITLES[:1], TITLES[:5]])
def test_any_number_of_corruptions_can_be_drawn(titles: tuple[str, ...]) -> None:
    content = made_up_stress(titles)
    for row in content["corruptions"]:
        row["severities"] = row["severities"][-2:]
    for figure in stress_figures(content).values():
        assert to_png(figure, dpi=40).startswith(b"\x89PNG")
