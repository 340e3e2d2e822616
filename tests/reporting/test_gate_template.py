"""The part of a report's page about the gate."""

from __future__ import annotations

from typing import Any

from lucency.reporting.html import page_environment


def figure(films: int, refused: int, **more: Any) -> dict[str, Any]:
    share = refused / films if films else None
    ends = (0.01, 0.2) if films else (None, None)
    reason = None if films else "there are no such films"
    row = {"value": share, "low": ends[0], "high": ends[1], "reason": reason, "dropped": 0}
    return {**row, "films": films, "refused": refused, **more}


def drawn_row(kind: str, refused: int) -> dict[str, Any]:
    return figure(8, refused, kind=kind, not_a_radiograph=refused, unlike_training_films=0, auroc=0.9876)


SECTION: dict[str, Any] = {
    "films": 40,
    "refused": {"all": figure(40, 1), "fractured": figure(0, 0), "not_fractured": figure(40, 1)},
    "reasons": {"not_a_radiograph": 1, "unlike_training_films": 0},
    "images": [
        {
            "image_id": "<film>.png",
            "fractured": False,
            "refusal": "not_a_radiograph",
            "distances": {"texture": 1.25, "look": 0.5},
        }
    ],
    "drawn": {"pictures": drawn_row("pictures", 7), "other_anatomy": None, "kinds": [drawn_row("white_noise", 7)]},
    "sentences": [],
}


def rendered(section: dict[str, Any]) -> str:
    return page_environment().get_template("evidence/gate.html.j2").render(section=section, figures={})


def test_counts_films_and_drawn_pictures_are_shown() -> None:
    page = rendered(SECTION)
    assert "2.5 %" in page
    assert "1.0 % to 20.0 %" in page
    assert "there are no such films" in page
    assert "&lt;film&gt;.png" in page
    assert "not a radiograph" in page
    assert "1.25" in page
    assert "All that are no radiographs" in page
    assert "Drawn chest" not in page
    assert "white noise" in page
    assert "0.9876" in page


def test_nothing_refused_and_nothing_drawn() -> None:
    page = rendered({**SECTION, "images": [], "drawn": None})
    assert "<details>" not in page
    assert "Pictures that it should refuse" not in page
