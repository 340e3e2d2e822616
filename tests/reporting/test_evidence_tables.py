"""Sections of evidence as tables, whatever they hold; words and figures that Markdown does not spoil."""

from __future__ import annotations

from typing import Any

import pytest

from lucency.reporting.evidence_tables import evidence_lines, evidence_sentences
from lucency.reporting.figure_words import cell, code, counted, figure, listed, plain, table


def found(
    value: float | None, low: float | None = None, high: float | None = None, reason: str | None = None
) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "reason": reason, "dropped": 0}


def test_figures_in_words() -> None:
    assert figure(found(0.95778, 0.9289, 0.9809)) == "0.958 (0.929 to 0.981)"
    assert figure(found(0.5, reason="one group only.")) == "0.500 (one group only)"
    assert figure(found(None, reason="of one class")) == "not defined (of one class)"
    assert figure(None) == "not measured"


def test_counts_and_lists() -> None:
    assert [counted(1, "film"), counted(1200, "film"), counted(2, "study", "studies")] == [
        "1 film",
        "1,200 films",
        "2 studies",
    ]
    assert [listed([]), listed(["a"]), listed(["a", "b", "c"])] == ["", "a", "a, b and c"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a_b.png", "a_b.png"),
        ("_a_ *b*", "\\_a\\_ \\*b\\*"),
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("[a](b) | c\n# d", "\\[a\\](b) \\| c \\# d"),
    ],
)
def test_plain_text_stays_plain(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_cells_keep_to_their_row() -> None:
    assert cell("a | b\n\nc") == "a \\| b<br>c"
    assert cell(plain("a | b")) == "a \\| b"
    assert code("a`b\nc") == "`a'b c`"
    assert table(("x", "y"), [("1", "2\n3")]) == ["| x | y |", "| --- | --- |", "| 1 | 2<br>3 |"]


def test_sentences_come_in_a_fixed_order_and_end() -> None:
    section = {"notes": ["few films"], "verdict": "It holds.", "reason": None, "films": 3, "sentences": ["Worst: hip!"]}
    assert evidence_sentences(section) == ["It holds.", "Worst: hip!", "few films."]
    assert evidence_sentences(None) == []


def test_a_section_of_unknown_make_is_shown_row_by_row() -> None:
    section = {
        "verdict": "Shifted.",
        "distance": found(0.25, 0.125, 0.5),
        "rows": [
            {"name": "a|b", "films": 1200, "share": 0.5, "auroc": found(0.75, 0.5, 0.875), "curve": [1, 2]},
            {"name": "c", "films": 2, "share": None, "auroc": found(None, reason="few")},
        ],
        "by_class": {"not_fractured": {"mean": found(0.125, 0.0, 0.25)}},
        "curve": [0.1, 0.2],
        "counts": [{"films": 1}],
    }
    lines = evidence_lines("something", section)
    assert lines[0] == "Shifted."
    text = "\n".join(lines)
    assert "| distance | 0.250 (0.125 to 0.500) |" in text
    assert "| Name | Films | Share | Auroc |" in text
    assert "| a\\|b | 1,200 | 0.500 | 0.750 (0.500 to 0.875) |" in text
    assert "| c | 2 | - | not defined (few) |" in text
    assert "| not fractured | 0.125 (0.000 to 0.250) |" in text
    assert "Counts" not in text


def test_heat_maps_stand_beside_what_position_alone_gives() -> None:
    maps = {
        name: {"pointing": found(value, 0.0, 1.0)}
        for name, value in (("model", 0.75), ("flat", 0.125), ("centre", 0.25))
    }
    section = {"verdict": "It looks.", "sets": [{"name": "all", "words": "all films", "films": 40, "maps": maps}]}
    text = "\n".join(evidence_lines("heat_maps", section))
    assert (
        "| all films | 40 | 0.750 (0.000 to 1.000) | 0.125 (0.000 to 1.000) | 0.250 (0.000 to 1.000) | not measured |"
        in text
    )
    assert evidence_lines("heat_maps", {"reason": "no boxes are known"}) == ["no boxes are known.", ""]


def test_abstention_and_decision_curve() -> None:
    one = found(0.125, 0.0, 0.25)
    rate = {
        "error_rate": 0.05,
        "uncertain": one,
        "wrong": one,
        "sensitivity": found(None, reason="few"),
        "specificity": one,
    }
    text = "\n".join(evidence_lines("abstention", {"rates": [rate], "notes": ["On average."]}))
    assert text.startswith("On average.")
    assert (
        "| 5.0 % | 0.125 (0.000 to 0.250) | 0.125 (0.000 to 0.250) | not defined (few) | 0.125 (0.000 to 0.250) |"
        in text
    )
    at = {"name": "youden", "threshold": 0.25, "model": one, "treat_all": -0.5, "finds_per_100": one}
    text = "\n".join(evidence_lines("decision_curve", {"reason": None, "operating_point": at}))
    assert "| `youden` | 0.250 | 0.125 (0.000 to 0.250) | -0.500 | 0.125 (0.000 to 0.250) |" in text
    assert evidence_lines("decision_curve", {"reason": "it needs both classes"}) == ["it needs both classes.", ""]
