"""The report of an evaluation in a real browser: it opens offline, fits a phone, and its contents lead somewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from made_up_report import made_up_report

from lucency.reporting.evidence_figures import evidence_figures
from lucency.reporting.figures import report_figures
from lucency.reporting.html import render_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LONG = "a/long/path/without/any/space/" + "of_folders_that_hold_films/" * 6 + "IMG0000001.png"
CUT = """() => {
  document.querySelectorAll('details').forEach(part => part.open = true);
  return [...document.querySelectorAll('.scroll')]
    .filter(part => part.scrollWidth > part.clientWidth).map(part => part.innerText.slice(0, 60));
}"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with every section, whose films are named by a long path."""
    content = made_up_report(LONG)
    pair = {"image": np.full((320, 646, 3), 90, dtype=np.uint8), "title": LONG, "caption": "label: fractured"}
    page = tmp_path_factory.mktemp("report") / "report.html"
    html = render_report(
        content,
        {**report_figures(content), **evidence_figures(content["evidence"])},
        title=LONG,
        run_details={"data": LONG},
        samples=[pair] * 3,
        failures={kind: [pair] * 3 for kind in content["evidence"]["failures"]},
        model_summary="conv2d " * 40,
    )
    page.write_text(html, encoding="utf-8")
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
    cut = page.evaluate(CUT)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert cut == [] or width == 390
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    tops = page.locator(".pairs").first.locator("figure").evaluate_all("all => all.map(one => one.offsetTop)")
    assert tops.count(tops[0]) == (1 if width == 390 else 2)
    assert [address for address in asked if not address.startswith("data:")] == [file.as_uri()]
    assert said == []
    context.close()


def test_contents_lead_to_every_section(browser: Browser, file: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(file.as_uri())
    links = page.locator("nav.contents a")
    titles = page.locator("h2").all_inner_texts()
    assert links.all_inner_texts() == [title for title in titles if title != "Read this first"]
    assert len(titles) == 17
    for place in range(links.count()):
        link = links.nth(place)
        link.click()
        heading = page.locator(str(link.get_attribute("href")))
        box = heading.bounding_box()
        assert heading.inner_text() == link.inner_text()
        assert box is not None
        assert -1 < box["y"] < 900
    page.close()


def test_the_gravest_stands_first(browser: Browser, file: Path) -> None:
    page = browser.new_page()
    page.goto(file.as_uri())
    first = page.locator("ul.plain").first.locator("li").all_inner_texts()
    assert "does not show where the fracture is" in first[0]
    assert "hardly depends on the weights" in first[1]
    assert "Worst subgroup: leg" in first[2]
    assert "is odd" in first[3]
    page.close()
