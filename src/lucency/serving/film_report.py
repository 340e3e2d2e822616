"""A report on one film, on one page of PDF. It holds no file name and nothing that identifies a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from PIL import Image

from lucency._version import __version__
from lucency.card import Card
from lucency.imaging.overlay import DISCLAIMER
from lucency.serving.page_rules import (
    HEADLINES,
    Rule,
    heat_map_words,
    nowhere_words,
    percent,
    percents,
    probability_words,
    similar_words,
)
from lucency.serving.pdf_page import HEIGHT, WIDTH, Colour, PdfPage, text_width, wrapped

_MARGIN = 48.0
_ROOM = WIDTH - 2 * _MARGIN
_PICTURE = 330.0
_NAMES = 110.0
_ROW = 12.0
_FOOT = HEIGHT - 52
_FAINT: Colour = (0.33, 0.33, 0.36)
_NOTICE: Colour = (0.99, 0.93, 0.8)


@dataclass(frozen=True)
class ReportFacts:
    """What a report says.

    Attributes:
        headline: The decision for a person.
        sentences: What it rests on, in reading order.
        heat_map: What the colours of the picture show.
        rows: Names and values of the table at its end.
        made: When, in UTC.
    """

    headline: str
    sentences: tuple[str, ...]
    heat_map: str
    rows: tuple[tuple[str, str], ...]
    made: datetime

    @classmethod
    def of(
        cls,
        card: Card,
        prediction: Mapping[str, Any],
        rule: Rule,
        *,
        without_colour: bool = False,
        made: datetime | None = None,
    ) -> ReportFacts:
        """The facts of one answer.

        Args:
            card: Of the bundle that answered.
            prediction: Of `film_worker.answer`, with "similar" where it is known.
            rule: By which the film was decided.
            without_colour: Whether there is a heat map that is nowhere positive over the film.
            made: When; now where None.
        """
        made = made or datetime.now(UTC)
        said = [probability_words(prediction)]
        if prediction["probability"] is not None:
            said += [similar_words(prediction.get("similar")), rule_words(card, rule)]
        if without_colour:
            said.append(nowhere_words(card, rule, prediction["decision"]))
        film = prediction["film"]
        seen = [f"{film['width']} x {film['height']} pixels", str(film.get("format", ""))]
        seen += [str(film[name]).lower() for name in ("body_part", "view_position", "laterality") if film.get(name)]
        rows = [
            ("Model", prediction["bundle"]),
            ("Model file, SHA-256", card.model_sha256),
            ("Film file, SHA-256", prediction["sha256"]),
            ("Film", ", ".join(word for word in seen if word)),
            ("Made", f"{made:%Y-%m-%d %H:%M} UTC by lucency {__version__}"),
            *(("Note", note) for note in prediction.get("warnings", ())),
        ]
        colours = heat_map_words(prediction, "heatmap" in card.outputs, card.heat_scale)
        headline = HEADLINES[prediction["decision"]]
        return cls(headline, tuple(filter(None, said)), colours, tuple(rows), made)


def rule_words(card: Card, rule: Rule) -> str:
    """By which rule a film was decided, and what the rule gave on validation films; a sentence or two."""
    if "error_rate" in rule.asked:
        rate = percent(rule.asked["error_rate"])
        told = (
            f"Decided so that at most {rate} of the films of each class are answered wrongly, if they are like the "
            "validation films; what cannot be answered so is uncertain."
        )
        doubts = () if card.abstention is None else card.abstention.doubts(rule.asked["error_rate"])
        return " ".join([told, *doubts])
    point = card.operating_point(rule.asked["operating_point"])
    told = f'Decided by the operating point "{rule.name}": fractured from a probability of {point.threshold:.2f}.'
    if point.sensitivity is None or point.specificity is None:
        return f"{told} What it gave on validation films is not known."
    sensitivity, specificity = percents(point.sensitivity, point.specificity)
    return f"{told} On validation films its sensitivity was {sensitivity} and its specificity {specificity}."


def film_report(facts: ReportFacts, picture: Image.Image) -> bytes:
    """The report as a PDF file of one page.

    Args:
        facts: What it says.
        picture: The film with its heat map, RGB.
    """
    page = PdfPage()
    page.text(_MARGIN, 62, "Lucency: answer for one film", 17, bold=True)
    page.box(_MARGIN, 74, _ROOM, 22, fill=_NOTICE)
    page.text(_MARGIN + 8, 89, DISCLAIMER, 11, bold=True)
    y = 124.0
    page.text(_MARGIN, y, facts.headline, 20, bold=True)
    y += 6
    for sentence in facts.sentences:
        y = _paragraph(page, y + 4, sentence, 10.5)
    y += 12
    height = min(_PICTURE, _ROOM * picture.height / picture.width)
    width = height * picture.width / picture.height
    page.picture(_MARGIN, y, width, height, picture)
    y = _paragraph(page, y + height + 6, facts.heat_map, 8.5, colour=_FAINT) + 8
    _table(page, y, facts.rows)
    end = f"{DISCLAIMER} It must not decide anything about a patient."
    page.text((WIDTH - text_width(end, 8.5)) / 2, HEIGHT - 34, end, 8.5, colour=_FAINT)
    return page.written("Lucency: answer for one film", facts.made)


def _table(page: PdfPage, y: float, rows: Sequence[tuple[str, str]]) -> None:
    """Writes names and values below `y` as far as the page goes; what does not fit is the last of many notes."""
    for place, (name, value) in enumerate(rows):
        left, lines = len(rows) - place, len(wrapped(value, _ROOM - _NAMES, 8.5))
        below = y + max(_ROW, 1.3 * 8.5 * lines)
        if below + (_ROW if left > 1 else 0) > _FOOT:
            page.text(_MARGIN + _NAMES, y + 11, f"and {left} more note{'s' * (left > 1)}; see the JSON", 8.5)
            return
        page.text(_MARGIN, y + 11, name, 8.5, bold=True)
        _paragraph(page, y, value, 8.5, left=_MARGIN + _NAMES)
        y = below


def _paragraph(
    page: PdfPage, y: float, text: str, size: float, *, left: float = _MARGIN, colour: Colour = (0, 0, 0)
) -> float:
    """Writes lines below `y`; gives the place below them."""
    for line in wrapped(text, WIDTH - _MARGIN - left, size):
        y += 1.3 * size
        page.text(left, y, line, size, colour=colour)
    return y
