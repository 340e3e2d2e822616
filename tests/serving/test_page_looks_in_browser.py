"""The page in a real browser: the film on its canvas, by mouse and keyboard; on a phone; and its contrasts."""

from __future__ import annotations

import base64
import dataclasses
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from given_films import DEEP, JPEG
from page_in_browser import OpenPage, until

from lucency.imaging.geometry import InputSpec, place
from lucency.imaging.overlay import draw_overlay
from lucency.imaging.radiograph import Radiograph

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NOTICE = "Research use only. Not a medical device."


def test_the_film_is_on_the_canvas_with_colours_where_the_map_is_positive(opened: OpenPage) -> None:
    opened.give(("hand.jpg", JPEG))
    page = opened.page
    shown = until(opened.pixels, lambda now: now["red"] > 1.02 * now["blue"])
    page.get_by_label("Heat map opacity").fill("0")
    bare = opened.repainted(shown)
    assert bare["red"] == bare["green"] == bare["blue"]
    assert bare["red"] != shown["red"]
    page.get_by_label("Window (contrast)").fill("40")
    narrow = opened.repainted(bare)
    page.get_by_label("Level (brightness)").fill("80")
    assert opened.repainted(narrow)["red"] < narrow["red"]
    page.get_by_role("button", name="Original").click()
    assert page.get_by_role("button", name="Original").get_attribute("aria-pressed") == "true"
    original = until(opened.pixels, lambda now: now == bare)
    page.get_by_label("Level (brightness)").fill("70")
    assert page.get_by_role("button", name="Original").get_attribute("aria-pressed") == "false"
    opened.repainted(original)
    page.get_by_role("button", name="Reset").click()
    until(opened.pixels, lambda now: now == shown)


PAINTED = """async ([view, look]) => {
  const { evidenceOver, greyLevels, paint } = await import("/page/static/levels.js");
  const pixels = new Uint8ClampedArray(4 * view.height * view.width);
  paint(pixels, await greyLevels(view), evidenceOver(view), look);
  return Array.from(pixels);
}"""


@pytest.mark.parametrize("cells", [(5, 7), (64, 64), (300, 200)], ids=["coarse", "fine", "finer than the film"])
def test_colours_are_those_of_the_overlay(browser: Browser, url: str, cells: tuple[int, int]) -> None:
    random = np.random.default_rng(4)
    film = random.integers(0, 256, (90, 130)).astype(np.float32)
    heatmap = random.normal(scale=6, size=cells).astype(np.float32)
    placement = place(90, 130, InputSpec(64, 64))
    overlay = np.asarray(draw_overlay(Radiograph(film, ""), heatmap, placement, (), scale=9.0))[:90, :130]
    view = {
        "height": 90, "width": 130, "heatmap": heatmap.tolist(), "covers": dataclasses.asdict(placement),
        "levels": base64.b64encode(zlib.compress((film * 257).astype("<u2").tobytes())).decode(),
    }  # fmt: skip
    opened = OpenPage(browser, url)
    painted = opened.page.evaluate(PAINTED, [view, {"window": 1, "level": 0.5, "opacity": 0.65, "scale": 9.0}])
    opened.close()
    found = np.array(painted).reshape(90, 130, 4)
    assert (found[..., 3] == 255).all()
    assert np.abs(found[..., :3] - overlay.astype(int)).max() <= 1
    assert (overlay[..., 0] != overlay[..., 2]).any()


SHOWN_LATE = """async ([first, second]) => {
  const { Viewer } = await import("/page/static/viewer.js");
  const viewer = new Viewer();
  const read = Response.prototype.arrayBuffer;
  let late = true;
  Response.prototype.arrayBuffer = async function () {
    if (late) await new Promise((resolve) => setTimeout(resolve, 300 * !(late = false)));
    return read.call(this);
  };
  await Promise.all([viewer.show(first, 1, "first"), viewer.show(second, 1, "second")]);
  return [viewer.film.width, viewer.canvas.getAttribute("aria-label")];
}"""


def test_of_two_films_the_one_that_was_chosen_last_is_shown(opened: OpenPage) -> None:
    views = []
    for side in (16, 8):
        levels = base64.b64encode(zlib.compress(bytes(2 * side * side))).decode()
        views.append({"height": side, "width": side, "heatmap": None, "covers": None, "levels": levels})
    assert opened.page.evaluate(SHOWN_LATE, views) == [8, "Film second"]


def test_dragging_changes_window_and_level_and_the_wheel_zooms(opened: OpenPage) -> None:
    opened.give(("hand.jpg", JPEG))
    page, canvas = opened.page, opened.page.locator(".stage canvas")
    canvas.scroll_into_view_if_needed()
    before = until(opened.pixels, lambda now: now["red"] > 0)
    box = canvas.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + min(box["height"] / 2, 200)
    page.mouse.move(x, y)
    at = page.evaluate("scrollY")
    page.mouse.down()
    page.mouse.move(x + 60, y + 40, steps=4)
    page.mouse.up()
    dragged = opened.repainted(before)
    assert page.get_by_label("Window (contrast)").input_value() != "100"
    assert page.get_by_label("Level (brightness)").input_value() != "50"
    page.mouse.wheel(0, -600)
    zoomed = opened.repainted(dragged)
    assert page.evaluate("scrollY") == at
    page.get_by_role("button", name="Move", exact=True).click()
    canvas.scroll_into_view_if_needed()
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 50, y, steps=3)
    page.mouse.up()
    opened.repainted(zoomed)
    page.get_by_role("button", name="Fit").click()
    page.evaluate("scrollTo(0, 0)")
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.wheel(0, 100)
    until(lambda: page.evaluate("scrollY"), lambda top: top > 0)


def test_all_can_be_done_by_keyboard(opened: OpenPage) -> None:
    page = opened.page
    assert "Ctrl+V" in page.locator(".drop").inner_text()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "films-input"
    outline = "getComputedStyle(document.querySelector('.drop')).outlineStyle"
    assert page.evaluate(outline) == "solid"
    opened.give(("b.jpg", JPEG), ("a.png", DEEP))
    canvas = page.locator(".stage canvas")
    for _ in range(30):
        if page.evaluate("document.activeElement.tagName") == "CANVAS":
            break
        page.keyboard.press("Tab")
    assert canvas.evaluate("canvas => canvas === document.activeElement")
    pixels = until(opened.pixels, lambda now: now["red"] > 0)
    for key in ("w", "a", "h", "+", "ArrowUp"):
        page.keyboard.press(key)
        pixels = opened.repainted(pixels)
    page.keyboard.press("0")
    opened.repainted(pixels)
    heading = page.get_by_role("columnheader", name="File")
    heading.get_by_role("button").press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    rows = page.locator(".films tbody th")
    assert rows.all_inner_texts() == ["a.png", "b.jpg"]
    heading.get_by_role("button").press("Enter")
    assert rows.all_inner_texts() == ["b.jpg", "a.png"]
    page.get_by_role("button", name="a.png").press("Enter")
    assert page.locator("#film-name").inner_text() == "a.png"
    assert page.get_by_role("button", name="a.png").evaluate("one => one === document.activeElement")


def test_a_phone_needs_no_sideways_scrolling_and_always_shows_the_notice(browser: Browser, url: str) -> None:
    phone = OpenPage(browser, url, 360, has_touch=True)
    # Before anything is touched.
    assert phone.page.locator(".drop .choose").is_visible()
    assert phone.page.locator(".drop .for-mouse").is_hidden()
    assert phone.page.locator("#viewer-help .for-mouse").evaluate("one => getComputedStyle(one).display") == "none"
    phone.give(("a-rather-long-name-of-a-film-without-any-space.jpg", JPEG), ("deep.png", DEEP))
    for fold in ("#lucency-reading button", "#lucency-model summary"):
        phone.page.locator(fold).first.click()
    phone.page.locator("#lucency-reading .prose").first.wait_for()
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 360
    film = phone.page.locator(".stage canvas").bounding_box()
    for words in (".decision", ".probability"):
        box = phone.page.locator(words).bounding_box()
        assert film is not None
        assert box is not None
        assert box["y"] + box["height"] <= film["y"]
    help_words = phone.page.locator("#viewer-help")
    assert help_words.locator(".for-touch").is_visible()
    assert help_words.locator(".for-mouse").is_hidden()
    for top in (0, 700, 100_000):
        phone.page.evaluate(f"window.scrollTo(0, {top})")
        box = phone.page.get_by_text(NOTICE).first.bounding_box()
        assert box is not None
        assert 0 <= box["y"] <= 900 - box["height"]
    phone.close()


CONTRASTS = """() => {
  const light = (colour) => colour.map((part) => part / 255)
    .map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, n) => sum + part * [0.2126, 0.7152, 0.0722][n], 0);
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const found = parts(getComputedStyle(one).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found.slice(0, 3);
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("body *")]
    .filter((one) => [...one.childNodes].some((child) => child.nodeType === 3 && child.data.trim()))
    .filter((one) => one.checkVisibility() && !one.closest(".unseen, script, style"))
    .map((one) => {
      const pair = [light(parts(getComputedStyle(one).color).slice(0, 3)), light(ground(one))].sort((a, b) => b - a);
      return [one.textContent.trim().slice(0, 40), (pair[0] + 0.05) / (pair[1] + 0.05)];
    });
}"""
"""Each text in sight with its contrast, by the formula of WCAG 2.2."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(browser: Browser, url: str, scheme: str) -> None:
    found = OpenPage(browser, url, color_scheme=scheme)
    found.give(("hand.jpg", JPEG), ("cut.jpg", JPEG[:500]))
    for fold in ("#lucency-reading button", "#lucency-model summary"):
        found.page.locator(fold).first.click()
    found.page.locator("#lucency-reading .prose").first.wait_for()
    contrasts = found.page.evaluate(CONTRASTS)
    assert len(contrasts) > 30
    assert [text for text, contrast in contrasts if contrast < 4.5] == []
    found.said.clear()
    found.close()
