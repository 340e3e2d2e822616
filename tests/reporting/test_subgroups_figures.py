from __future__ import annotations

import json
from html import escape, unescape
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from scipy.stats import norm

from lucency.evaluation.subgroups import measure_subgroups
from lucency.reporting.canvas import FRACTURED, NOT_FRACTURED, to_inline_svg
from lucency.reporting.html import render_report
from lucency.reporting.subgroups_figures import forest_figure, subgroups_figures

EVIL = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def section() -> dict[str, Any]:
    random = np.random.default_rng(0)
    labels = (random.random(400) < 0.35).astype(int)
    parts = random.choice(["hand", "leg", EVIL, "", "手"], 400, p=[0.5, 0.3, 0.1, 0.05, 0.05])
    distance = np.where(parts == "leg", 0.4, 3.0)
    scores = norm.cdf(random.normal(size=400) + distance * (labels - 0.5))
    boxes = np.where(scores > np.median(scores), "large", "small")
    traits = {"body_part": parts.tolist(), "box_size": boxes.tolist(), "view": ["frontal"] * 400, "kind": [""] * 400}
    found = measure_subgroups(
        labels, scores, scores >= 0.5, None, traits, fractured_only=["box_size", "kind"], resamples=60
    )
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain


def test_every_kind_has_its_line(section: dict[str, Any]) -> None:
    axes = forest_figure(section, "auroc").axes[0]
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    rows = section["traits"][0]["rows"]
    assert labels[0] == "Body part"
    assert labels[1] == f"hand ({rows[0]['fractured']} of {rows[0]['films']})"
    # The font has no such letter, and a film's own words must not become a warning.
    assert any(label.startswith("? (") for label in labels)
    assert not any("View" in label for label in labels)
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    values = [row["metrics"]["auroc"]["value"] for row in rows]
    assert [np.asarray(line.get_xdata()).item() for line in dots] == [value for value in values if value is not None]


def test_colour_tells_what_is_told_apart(section: dict[str, Any]) -> None:
    assert section["worst"]["auroc"]["value"] == "leg"
    dots = [line for line in forest_figure(section, "auroc").axes[0].lines if line.get_marker() == "o"]
    shown = [row for row in section["traits"][0]["rows"] if row["metrics"]["auroc"]["value"] is not None]
    for dot, row in zip(dots, shown, strict=True):
        told = row["difference"] is not None and row["difference"]["p_adjusted"] < 0.05
        assert to_hex(dot.get_markeredgecolor()) == (FRACTURED if told else NOT_FRACTURED)
        hollow = dot.get_markerfacecolor() == "none"
        assert hollow == (row["too_wide"] or not row["known"])


def test_both_figures_by_name(section: dict[str, Any]) -> None:
    assert list(subgroups_figures(section)) == ["subgroups_auroc", "subgroups_sensitivity"]
    for name, figure in subgroups_figures(section).items():
        assert "<svg" in to_inline_svg(figure, name=name)


def test_no_trait_no_figure(section: dict[str, Any]) -> None:
    assert subgroups_figures({**section, "traits": section["traits"][2:]}) == {}


def test_the_page_tells_it(section: dict[str, Any], report: dict[str, Any]) -> None:
    html = render_report(
        {**report, "evidence": {"subgroups": section}}, subgroups_figures(section), title="A run", run_details={}
    )
    assert section["sentences"][0] in unescape(html)
    assert "the worst subgroup" in html
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    part = html[html.index('id="part-subgroups"') :]
    assert part.index("Every figure by body part") < part.index("</section>")
    # Wide tables scroll on a phone.
    assert part.count("<table>") == part.count('<div class="scroll"><table>')
    assert "View: all films are of one value, frontal" in part
    assert '<h3 class="quiet">View</h3>' not in part
    assert '<h3 class="quiet">Body part</h3>' in part
    # The rarest part has too few fractured films for an AUROC, and none is shown.
    few = next(row for row in section["traits"][0]["rows"] if 0 < row["fractured"] < 10)
    shown = part[part.index(f'<th class="name">{escape(few["value"])}') :]
    assert f"{few['metrics']['auroc']['value']:.3f}" not in shown[: shown.index("</tr>")]
    assert '<td class="n">-</td>' in shown[: shown.index("</tr>")]
