"""The page: complete, in order, safe and offline."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from lucency.reporting.canvas import to_png
from lucency.reporting.figures import report_figures, roc_figure
from lucency.reporting.films import sample_grid
from lucency.reporting.html import render_report

EVIL = "<script>alert('x')</script>\"&"
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Collects tags and attributes, and fails where elements are not closed in order."""

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.parents: list[tuple[str, ...]] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.parents.append(tuple(self.open))
        if tag not in VOID:
            self.open.append(f"{tag}.{dict(attrs).get('class', '')}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.parents.append(tuple(self.open))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().split(".")[0] == tag

    def handle_data(self, data: str) -> None:
        # The contents name every title before its section does.
        if "nav.contents" not in self.open:
            self.text += data


@pytest.fixture(scope="module")
def html(report: dict[str, Any], films: list[np.ndarray]) -> str:
    history = [{"loss": 0.7, "val_loss": 0.6}, {"loss": 0.5, "val_loss": 0.5}]
    return render_report(
        report,
        report_figures(report, history) | {"film_sheet": sample_grid(films, ["a", "b", "c"])},
        title="A run",
        run_details={
            "recipe": {"name": "tiny-vgg", "rates": [1, 2]},
            "seed": 7,
            "command": "lucency train",
            "resumed": False,
        },
        findings=[
            {"severity": "note", "message": "A harmless note."},
            {
                "severity": "warning",
                "message": "Copies in training.",
                "image_ids": list("abcdefg"),
                "action": "Split.",
            },
            {"severity": "error", "message": "An unreadable film."},
        ],
        samples=[{"image": films[0], "title": "fractured, said 0.91", "caption": "IMG1"}],
        model_summary="conv2d (None, 8)",
    )


def test_nothing_comes_from_outside(html: str) -> None:
    page = Page(html)
    for tag, attributes in page.tags:
        assert tag not in {"script", "link", "iframe", "object", "base", "form"}
        for name in ("src", "href", "xlink:href", "action", "srcset", "data"):
            assert (attributes.get(name) or "#").startswith(("data:image/", "#"))
        assert not any(name.startswith("on") for name in attributes)
    assert "http://" not in html
    assert "https://" not in html
    assert "@import" not in html
    assert all(place.startswith("#") for place in re.findall(r"url\(([^)]*)\)", html))


def test_reads_from_the_verdict_down(html: str, report: dict[str, Any]) -> None:
    text = Page(html).text.replace("\u00a0", " ")
    order = [
        "Research use only. Not a medical device.",
        report["verdict"],
        "An unreadable film.",
        "Copies in training.",
        "A harmless note.",
        "The number",
        "Average precision",
        "Always the commoner class: not fractured",
        "Operating points",
        "Net benefit",
        "Calibration",
        "fractured, said 0.91",
        "Every figure with its interval",
        "Class by class",
        "Training",
        "How it was made",
        "tiny-vgg",
        "conv2d (None, 8)",
    ]
    places = [text.find(words) for words in order]
    assert -1 not in places
    assert places == sorted(places)


def test_numbers_stand_beside_their_intervals_and_baselines(html: str, report: dict[str, Any]) -> None:
    rows = [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)) for row in re.findall(r"<tr.*?</tr>", html, re.DOTALL)]
    auroc = report["metrics"]["auroc"]
    assert any(
        row.startswith(" AUROC") and f"{auroc['value']:.3f} {auroc['low']:.3f} to {auroc['high']:.3f}" in row
        for row in rows
    )
    assert any("This model" in row and f"{100 * report['metrics']['accuracy']['value']:.1f} %" in row for row in rows)
    assert any("Most similar training film" in row and "70.0 % 0.600" in row for row in rows)
    assert any("sensitivity 90 %" in row and "validation 0.900" in row for row in rows)


def test_contents_name_every_section_but_the_first(html: str) -> None:
    page = Page(html)
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    ids = [f"#{attributes['id']}" for tag, attributes in page.tags if tag == "h2" and "id" in attributes]
    assert links == ids
    assert len(ids) == sum(tag == "h2" for tag, _ in page.tags) - 1
    words = ('class="verdict', "<nav", "<h2>Read this first", f'id="{ids[0][1:]}"')
    places = [html.index(one) for one in words]
    assert places == sorted(places)


def test_tables_scroll_inside_themselves(html: str) -> None:
    page = Page(html)
    tables = [parents for (tag, _), parents in zip(page.tags, page.parents, strict=True) if tag == "table"]
    assert len(tables) >= 4
    assert all("div.scroll" in parents for parents in tables)


def test_ids_are_unique_and_pictures_have_words(html: str) -> None:
    page = Page(html)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(attributes.get("alt") for tag, attributes in page.tags if tag == "img")
    assert sum(attributes.get("role") == "img" for _, attributes in page.tags) == 5


def test_failures_stand_under_their_kind(report: dict[str, Any], films: list[np.ndarray]) -> None:
    section = {
        "false_negatives": {"films": 31, "share": 0.25, "shown": []},
        "false_positives": {"films": 0, "share": 0.0, "shown": []},
        "uncertain": {"films": 200, "share": None, "shown": []},
    }
    shown = {
        "false_negatives": [{"image": films[0], "title": "IMG7", "caption": "label: fractured"}],
        "false_positives": [],
        "uncertain": [{"image": films[1], "title": "IMG8", "caption": "label: not fractured"}],
    }
    content = report | {"evidence": {"failures": section}}
    text = Page(render_report(content, {}, title="t", run_details={}, failures=shown)).text
    places = [text.find(words) for words in ("Fractures missed", "31 films, 25.0", "IMG7", "either way", "IMG8")]
    assert -1 not in places
    assert places == sorted(places)
    assert "False alarms" not in text


def test_whatever_a_film_is_called_is_escaped(report: dict[str, Any], films: list[np.ndarray]) -> None:
    page = render_report(
        report | {"notes": [EVIL], "verdict": EVIL, "optimistic_reason": EVIL},
        {"roc": roc_figure(report), EVIL: to_png(roc_figure(report), dpi=40)},
        title=EVIL,
        run_details={EVIL: {EVIL: EVIL}, "command": EVIL},
        findings=[{"severity": EVIL, "message": EVIL, "image_ids": [EVIL], "action": EVIL}],
        samples=[{"image": films[2], "title": EVIL, "caption": EVIL}],
        model_summary=EVIL,
    )
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert all(tag != "script" for tag, _ in Page(page).tags)


def test_one_class_report_is_still_a_page(one_class_report: dict[str, Any]) -> None:
    page = render_report(one_class_report, report_figures(one_class_report), title="t", run_details={})
    text = re.sub(r"\s+", " ", Page(page).text)
    assert "not defined: it needs films of both classes" in text
    assert "All films are not fractured" in text
    assert "How it was made" not in text
    assert "nan" not in text.lower()
    assert "None" not in text


def test_optimism_is_said_at_the_top(report: dict[str, Any]) -> None:
    page = render_report(
        report | {"optimistic_reason": "used twice", "verdict": "The figure is optimistic: used twice."},
        {},
        title="t",
        run_details={},
    )
    assert '<p class="verdict optimistic">The figure is optimistic: used twice.</p>' in page


def test_findings_of_the_report_are_used_if_none_are_given(report: dict[str, Any]) -> None:
    content = report | {"findings": [{"severity": "warning", "message": "From the report."}]}
    assert "From the report." in render_report(content, {}, title="t", run_details={})
