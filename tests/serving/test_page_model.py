"""What the page tells of the model: its figures, where they come from, and what it may refuse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from page_in_browser import OpenPage
from service_process import Serve
from small_bundle import small_bundle

from lucency.bundle import Bundle, read_bundle
from lucency.serving.page_model import figures

if TYPE_CHECKING:
    from playwright.sync_api import Browser

METRICS = {
    "split": "test",
    "films": 1200,
    "fractured": 300,
    "optimistic_reason": "twelve of them are copies of training films",
    "figures": {"auroc": {"value": 0.923, "low": 0.901, "high": 0.942}},
}
TRAINED = {"source": "films", "splits": {"train": {"films": 2908, "fractured": 507}}}
LIMITS = ("It has seen no spine. " * 8, "It must not decide anything about a patient.")


def test_its_figures_are_those_of_its_card(bright: Bundle) -> None:
    card = replace(bright.card, metrics=METRICS, training_data=TRAINED)
    assert dict(figures(card)) == {
        "AUROC": "0.923 (95 % interval 0.901 to 0.942)",
        "Measured on": "1,200 films (test), 300 of them fractured (25 %); twelve of them are copies of training films",
        "Trained on": "films: 2,908 films, 507 of them fractured (17 %)",
    }


def test_what_a_card_does_not_state_is_not_made_up(bright: Bundle) -> None:
    assert dict(figures(bright.card)) == {
        "AUROC": "The card states none.",
        "Trained on": "number of films not stated",
    }
    unknown = {"figures": {"auroc": {"value": None, "low": None, "high": None, "reason": "one class alone"}}}
    assert dict(figures(replace(bright.card, metrics=unknown)))["AUROC"] == "not known: one class alone"


def test_the_model_in_the_box_tells_its_figures() -> None:
    told = dict(figures(read_bundle("lucency-1").card))
    assert "95 % interval" in told["AUROC"]
    assert "out-of-fold" in told["Measured on"]
    assert "fractured (17 %)" in told["Trained on"]


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_tells_figures_and_limits(browser: Browser, serve: Serve, tmp_path: Path, width: int) -> None:
    bundle = small_bundle(tmp_path / "told", metrics=METRICS, training_data=TRAINED, limits=LIMITS)
    opened = OpenPage(browser, serve(model=bundle.folder).url, width)
    about = opened.page.locator(".about")
    about.locator("summary").click()
    said = about.inner_text()
    for words in (*(limit.strip() for limit in LIMITS), "0.923 (95 % interval 0.901 to 0.942)", "2,908 films"):
        assert words in said
    # The marks of the list stand before its text, and within the card.
    card, text = about.bounding_box(), about.locator("li").first.bounding_box()
    assert card is not None
    assert text is not None
    assert text["x"] - card["x"] >= 24
    assert text["x"] + text["width"] <= card["x"] + card["width"]
    assert opened.page.get_by_text("may refuse drawn ones").is_hidden()
    opened.close()


def test_a_model_with_a_gate_says_so_beside_the_samples(opened: OpenPage) -> None:
    note = opened.page.locator("#lucency-samples p")
    assert note.is_visible()
    assert note.inner_text() == "This model refuses what is unlike its training films, and may refuse drawn ones."
