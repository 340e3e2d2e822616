"""The report: what its text says, that all of it lies on the page, and that a reader can take the file apart."""

from __future__ import annotations

import re
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import get_data_path
from PIL import Image
from service_process import Served, png
from small_bundle import SCORES

from lucency.bundle import Bundle
from lucency.predictor import Predictor
from lucency.serving.film_report import ReportFacts, film_report
from lucency.serving.page_rules import rules
from lucency.serving.pdf_page import HEIGHT, WIDTH, PdfPage, text_width, wrapped
from lucency.serving.similar import similar_films
from lucency.workflows.predict import FilmAnswer

MADE = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
PICTURE = Image.fromarray(np.full((300, 200, 3), 90, np.uint8))


def lines(report: bytes) -> list[tuple[float, float, float, bool, str]]:
    """Each line of text: x, y from below, size, whether bold, and its words."""
    found = []
    for stream in re.findall(rb"/FlateDecode /Length \d+ >>\nstream\n(.*?)\nendstream", report, re.S):
        pattern = rb"BT [\d. ]+ rg /(F\d) ([\d.]+) Tf 1 0 0 1 ([\d.]+) ([\d.]+) Tm \((.*?)(?<!\\)\) Tj ET"
        for font, size, x, y, text in re.findall(pattern, zlib.decompress(stream)):
            words = re.sub(rb"\\(.)", rb"\1", text).decode("cp1252")
            found.append((float(x), float(y), float(size), font == b"F2", words))
    return found


def answered(bundle: Bundle, grey: int, **more: Any) -> dict[str, Any]:
    prediction = FilmAnswer("", Predictor(bundle).predict(png(grey))).to_json()
    similar = similar_films(SCORES, prediction["probability"])
    return {**prediction, "similar": similar, "film": {"height": 96, "width": 96, "format": "PNG"}, **more}


def test_it_says_decision_probability_rule_model_and_hashes(bright: Bundle) -> None:
    prediction = answered(bright, 150)
    rule = next(rule for rule in rules(bright.card) if rule.key == "confirm")
    report = film_report(
        ReportFacts.of(bright.card, {**prediction, "decision": "not_fractured"}, rule, made=MADE), PICTURE
    )
    text = " ".join(words for *_, words in lines(report))
    assert "Not fractured" in text
    assert f"Probability of a fracture: {prediction['probability']:.2f}" in text
    assert '"Confirm": fractured from a probability of 0.80' in text
    assert "sensitivity was 60 % and its specificity 95 %" in text
    similar = prediction["similar"]
    assert f"({similar['fractured']} of {similar['films']} films with a probability" in text
    assert text.count("Research use only. Not a medical device.") == 2
    for fact in (bright.identity, bright.card.model_sha256, prediction["sha256"], "2026-01-02 03:04 UTC"):
        assert fact in text


def test_everything_lies_on_the_page_even_with_long_notes(bright: Bundle) -> None:
    prediction = answered(
        bright, 150, warnings=["A rather long note about the film, its bits and its window. " * 4] * 30
    )
    report = film_report(ReportFacts.of(bright.card, prediction, rules(bright.card)[0], made=MADE), PICTURE)
    found = lines(report)
    assert len(found) > 30
    for x, y, size, bold, words in found:
        assert x >= 40
        assert x + text_width(words, size, bold=bold) <= WIDTH - 40
        assert 20 <= y <= HEIGHT - 40
    *rest, foot = found
    assert "must not decide" in foot[-1]
    assert min(y for _, y, *_ in rest) >= foot[1] + foot[2] + 8


@pytest.mark.parametrize(("notes", "words"), [(2, 10), (30, 40), (3, 500)])
def test_notes_that_do_not_fit_are_counted(bright: Bundle, notes: int, words: int) -> None:
    prediction = answered(bright, 150, warnings=["note " * words] * notes)
    found = lines(film_report(ReportFacts.of(bright.card, prediction, rules(bright.card)[0], made=MADE), PICTURE))
    shown = sum(words == "Note" for *_, words in found)
    told = re.findall(r"and (\d+) more notes?; see the JSON", " ".join(words for *_, words in found))
    assert shown + sum(map(int, told)) == notes
    assert bool(told) == (words > 10)


def test_a_refused_film_has_no_probability_and_no_rule(bright: Bundle) -> None:
    prediction = answered(bright, 150, probability=None, logit=None, decision="not_a_radiograph")
    report = film_report(ReportFacts.of(bright.card, prediction, rules(bright.card)[0], made=MADE), PICTURE)
    text = " ".join(words for *_, words in lines(report))
    assert "Not a radiograph" in text
    assert "Probability" not in text
    assert "operating point" not in text


def test_its_table_of_objects_points_at_them() -> None:
    page = PdfPage()
    page.text(50, 50, r"Back\slash (and brackets), ä and 漢", 12)
    page.picture(50, 60, 100, 150, PICTURE)
    file = page.written("Title", MADE)
    start = int(re.findall(rb"startxref\n(\d+)\n%%EOF\n$", file)[0])
    assert file[start : start + 4] == b"xref"
    places = [int(place) for place in re.findall(rb"(\d{10}) 00000 n ", file[start:])]
    assert len(places) == 8
    for number, place in enumerate(places, start=1):
        assert file[place:].startswith(f"{number} 0 obj\n".encode())
    for length, stream in re.findall(rb"/Length (\d+) >>\nstream\n(.*?)\nendstream\nendobj", file, re.S):
        assert len(stream) == int(length)
    assert lines(file)[0][4] == r"Back\slash (and brackets), ä and ?"


@pytest.mark.parametrize(("name", "bold"), [("Helvetica", False), ("Helvetica-Bold", True)])
def test_widths_are_those_of_adobes_metrics(name: str, bold: bool) -> None:
    metrics = (Path(get_data_path()) / "fonts" / "pdfcorefonts" / f"{name}.afm").read_text("latin-1")
    rows = re.findall(r"^C (-?\d+) ; WX (\d+) ; N (\w+)", metrics, re.M)
    by_code = {int(code): int(width) for code, width, _ in rows}
    by_name = {name: int(width) for _, width, name in rows}
    # Adobe's own encoding has curly quotes in these two places.
    by_code |= {39: by_name["quotesingle"], 96: by_name["grave"]}
    for code in range(32, 127):
        assert text_width(chr(code), 1000, bold=bold) == pytest.approx(by_code[code]), chr(code)


def test_lines_fit_and_hold_every_word() -> None:
    text = "some words and " + "x" * 300 + " and more"
    found = wrapped(text, 120, 10)
    assert all(text_width(line, 10) <= 120 for line in found)
    assert "".join(found).replace(" ", "") == text.replace(" ", "")
    assert wrapped("", 100, 10) == []


@pytest.mark.parametrize(("film", "told"), [(png(120), True), (png(120, corner=140), False)])
def test_a_film_called_fractured_without_any_colour_says_so(served: Served, film: bytes, told: bool) -> None:
    with served.client() as client:
        report = client.post("/page/report?rule=screening", content=film).content
    text = " ".join(words for *_, words in lines(report))
    assert "Fractured" in text
    assert ("The model points at no place on this film: the film as a whole scored above the threshold" in text) is told
