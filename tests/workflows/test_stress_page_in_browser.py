"""The page of a stress test in a real browser: it opens offline, fits a phone, and its words can be read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from made_up_stress import made_up_stress

from lucency.datasets.corruptions import CORRUPTIONS
from lucency.reporting.stress_figures import stress_figures
from lucency.reporting.stress_page import render_stress
from lucency.workflows.stress_folder import sample_pictures

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CONTRAST = """() => {
  const probe = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = (...colours) => {
    for (const colour of colours) { probe.fillStyle = colour; probe.fillRect(0, 0, 1, 1); }
    return [...probe.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const paper = getComputedStyle(document.body).backgroundColor;
  return Math.min(...[...document.querySelectorAll('.heat td')].map(cell => {
    const look = getComputedStyle(cell);
    const [a, b] = [rgb(paper, look.backgroundColor), rgb(look.color)].map(light).sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  }));
}"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of all corruptions with their pictures."""
    content = made_up_stress(tuple(row.title for row in CORRUPTIONS.values()))
    for name, row in zip(CORRUPTIONS, content["corruptions"], strict=True):
        row["name"] = name
    page = tmp_path_factory.mktemp("stress") / "stress.html"
    page.write_text(render_stress(content, stress_figures(content), sample_pictures(content)), encoding="utf-8")
    return page


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_opens_offline_and_fits(browser: Browser, file: Path, width: int, theme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)  # type: ignore[arg-type]
    context.set_offline(True)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    assert [address for address in asked if not address.startswith("data:")] == [file.as_uri()]
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert page.locator(".strip img").count() == 72
    # WCAG 2.1 asks for 4.5; the deepest cells are where words are hardest to read.
    assert page.evaluate(CONTRAST) >= 4.5
    context.close()


def test_all_figures_unfold_by_keyboard(browser: Browser, file: Path) -> None:
    page = browser.new_page()
    page.goto(file.as_uri())
    page.locator("details > summary").first.press("Enter")
    assert page.locator("details[open] tbody tr").count() == 5
    page.close()
