"""The page of a service, opened in a real browser."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PIXELS = """() => {
  const shown = document.querySelector(".stage canvas");
  const canvas = Object.assign(document.createElement("canvas"), { width: shown.width, height: shown.height });
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  brush.drawImage(shown, 0, 0);
  const { data } = brush.getImageData(0, 0, canvas.width, canvas.height);
  let [red, green, blue, places] = [0, 0, 0, 0];
  for (let at = 0; at < data.length; at += 4) {
    red += data[at]; green += data[at + 1]; blue += data[at + 2];
    places = (31 * places + data[at] + 7 * data[at + 2]) % 4294967291;
  }
  return { red, green, blue, places };
}"""
"""Sums of the colours on the canvas, and a number that changes where pixels move."""


def until(read: Callable[[], Any], wanted: Callable[[Any], bool], seconds: float = 20) -> Any:
    """What is read, once it is as wanted. (Waiting inside the page would take eval, which its policy forbids.)"""
    end = time.monotonic() + seconds
    while not wanted(found := read()):
        if time.monotonic() > end:
            raise AssertionError(f"still {found!r}")
        time.sleep(0.03)
    return found


class OpenPage:
    """A page with all that it said and asked for."""

    def __init__(self, browser: Browser, url: str, width: int = 1280, **settings: Any):
        context = browser.new_context(viewport={"width": width, "height": 900}, accept_downloads=True, **settings)
        context.set_default_timeout(20_000)
        self.url = url
        self.page: Page = context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(url)
        self.page.wait_for_selector("body[data-ready]")

    def close(self) -> None:
        """Closes it, and makes sure that it asked nobody else and complained of nothing."""
        self.page.context.close()
        known = ("data:", f"blob:{self.url}/", f"{self.url}/")
        assert [address for address in self.asked if not address.startswith(known)] == []
        assert self.said == []

    def give(self, *films: tuple[str, bytes]) -> None:
        """Gives films to the file dialog, and waits for their answers."""
        self.page.set_input_files(
            "#films-input", [{"name": name, "mimeType": "", "buffer": content} for name, content in films]
        )
        self.wait(len(films))

    def wait(self, films: int) -> None:
        rows = self.page.locator(".films tbody tr")
        until(rows.all_inner_texts, lambda all: len(all) >= films and not any("Being read" in row for row in all))

    def pixels(self) -> dict[str, int]:
        found: dict[str, int] = self.page.evaluate(PIXELS)
        return found

    def repainted(self, before: dict[str, int]) -> dict[str, int]:
        changed: dict[str, int] = until(self.pixels, lambda now: now != before)
        return changed

    def taken(self, button: str) -> tuple[str, bytes]:
        """The name and content of what a button downloads."""
        with self.page.expect_download() as started:
            self.page.get_by_role("button", name=button, exact=True).click()
        path = started.value.path()
        return started.value.suggested_filename, path.read_bytes()
