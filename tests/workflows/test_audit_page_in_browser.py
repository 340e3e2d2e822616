"""The page of an audit in a real browser: it opens offline, turns its pages by keyboard and fits a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from made_up_audit import made_up_audit

from lucency.reporting.audit_page import render_audit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOSTILE = "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 2'>"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of 10,000 films whose names try to break it."""
    report, films, clusters = made_up_audit(10_000, 900, bad=70)
    for row in (*films[:100], *clusters[:100]):
        row["image_id"] += HOSTILE
    for finding in report["findings"]:
        finding["message"] += HOSTILE + "y" * 200
        finding["image_ids"] = [f"{image_id}{HOSTILE}" for image_id in finding["image_ids"]]
    report["source"] += HOSTILE
    report["shortcuts"][0]["title"] = HOSTILE
    grey = np.tile(np.arange(160, dtype=np.uint8), (160, 1))
    page = tmp_path_factory.mktemp("audit") / "audit.html"
    page.write_text(render_audit(report, films, clusters, lambda ids: dict.fromkeys(ids, grey)), encoding="utf-8")
    return page


class Opened:
    """A page with what it said and asked for."""

    def __init__(self, browser: Browser, file: Path, width: int, **settings: Any):
        context = browser.new_context(viewport={"width": width, "height": 800}, **settings)
        context.set_offline(True)
        context.set_default_timeout(10_000)
        self.page: Page = context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())

    def close(self) -> None:
        self.page.context.close()


@pytest.fixture
def opened(browser: Browser, file: Path) -> Iterator[Opened]:
    found = Opened(browser, file, 1280)
    yield found
    found.close()


def test_it_opens_offline_without_a_request_or_a_complaint(opened: Opened, file: Path) -> None:
    assert [address for address in opened.asked if not address.startswith("data:")] == [file.as_uri()]
    assert opened.said == []
    assert opened.page.locator("h1").is_visible()
    broken = "[...document.images].filter(image => !image.complete || !image.naturalWidth).length"
    assert opened.page.evaluate(broken) == 0


def test_hostile_names_are_only_text(opened: Opened) -> None:
    page = opened.page
    page.locator("details > summary").first.click()
    assert page.evaluate("window.broken") is None
    assert page.locator("img[src=x]").count() == 0
    assert HOSTILE in page.locator("h1").inner_text()
    assert page.locator("script").count() == 2


def test_sets_are_turned_by_keyboard(opened: Opened) -> None:
    page = opened.page
    section = page.locator("#copies")
    bar, sets = section.locator(".pager"), section.locator(".set")

    def first_shown() -> int:
        shown = "all => all.findIndex(one => one.checkVisibility())"
        place: int = sets.evaluate_all(shown)
        return place

    assert sets.count() == 60
    assert first_shown() == 0
    following = bar.get_by_role("button", name="Next page")
    following.focus()
    page.keyboard.press("Enter")
    assert first_shown() == 12
    assert bar.get_by_role("status").inner_text() == "13 to 24 of 60"
    assert following.evaluate("button => button === document.activeElement")
    page.keyboard.press("End")
    assert first_shown() == 48
    assert following.get_attribute("aria-disabled") == "true"
    page.keyboard.press("Enter")
    assert first_shown() == 48
    page.keyboard.press("ArrowLeft")
    assert first_shown() == 36
    page.keyboard.press("Home")
    assert first_shown() == 0
    assert sets.evaluate_all("all => all.filter(one => one.checkVisibility()).length") == 12


def test_a_finding_opens_from_its_card_and_names_every_film(opened: Opened) -> None:
    page = opened.page
    page.locator(".cards a", has_text="70 films").press("Enter")
    fold = page.locator("details[open]")
    assert fold.count() == 1
    assert fold.locator("li").count() == 70
    assert "more; all are in" not in fold.inner_text()
    many = page.locator("#all details", has_text="Copies hold most")
    many.locator("summary").press("Enter")
    names = many.locator(".names li")
    page.wait_for_function("fold => fold.querySelector('.pager')", arg=many.element_handle())
    first = names.first.inner_text()
    assert names.count() == 120
    many.get_by_role("button", name="Last page").press("Enter")
    assert names.first.inner_text() != first
    assert HOSTILE in names.first.inner_text()
    assert many.get_by_role("status").inner_text().endswith(" of 10,000")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(browser: Browser, file: Path, scheme: str) -> None:
    phone = Opened(browser, file, 390, color_scheme=scheme, has_touch=True)
    phone.page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390
    wide = """[...document.querySelectorAll('main *')].filter(one => {
        const box = one.getBoundingClientRect();
        return box.width && box.right > 391 && !one.closest('.scroll, .skip');
    }).length"""
    assert phone.page.evaluate(wide) == 0
    assert phone.said == []
    phone.close()


def test_without_scripts_everything_is_there(browser: Browser, file: Path) -> None:
    plain = Opened(browser, file, 1280, java_script_enabled=False)
    assert plain.page.locator("#copies .set:visible").count() == 60
    assert plain.page.locator("#bad tbody tr:visible").count() == 70
    assert plain.page.locator("#all").get_by_text("more; all are in audit.json").count() > 0
    assert plain.page.locator(".pager").count() == 0
    plain.close()
