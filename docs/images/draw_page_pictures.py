"""Takes the pictures of the page, with the films that it offers: `python docs/images/draw_page_pictures.py BUNDLE`.

Needs the extra `web`, the Python package playwright and a Chromium.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent


def main() -> None:
    """Starts the service, opens its page twice, and ends it."""
    command = [str(Path(sys.executable).with_name("lucency")), "serve", "--port", "0", "--model", sys.argv[1]]
    service = subprocess.Popen([*command, "--workers", "1"], stderr=subprocess.PIPE, text=True)
    try:
        assert service.stderr is not None
        lines = (json.loads(line) for line in service.stderr)
        address = next(line["address"] for line in lines if line["event"] == "serving")
        with sync_playwright() as driver:
            arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
            draw(browser, address, "page.png", width=900, height=790, top=0)
            draw(browser, address, "page-phone.png", width=360, height=740, top=400)
            browser.close()
    finally:
        service.terminate()
        service.wait(30)


def draw(browser: Browser, address: str, name: str, *, width: int, height: int, top: int) -> None:
    """Saves the page as it is after three samples, from `top` pixels down."""
    size = {"width": width, "height": height}
    page = browser.new_context(viewport=size).new_page()  # type: ignore[arg-type]
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    samples = page.locator("#lucency-samples button")
    for number in range(samples.count()):
        samples.nth(number).click()
        wait_for_rows(page, number + 1)
    page.evaluate(f"scrollTo(0, {top})")
    page.mouse.move(0, 0)
    time.sleep(0.5)
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(256, kmeans=3, dither=Image.Dither.NONE).save(HERE / name, optimize=True)


def wait_for_rows(page: Page, count: int) -> None:
    """Waits until so many films are answered; the page cannot be asked to wait, since its policy forbids eval."""
    rows = page.locator(".films tbody tr")
    for _ in range(600):
        told = rows.all_inner_texts()
        if len(told) == count and not any("Being read" in row for row in told):
            return
        time.sleep(0.05)
    raise SystemExit("the page does not answer")


if __name__ == "__main__":
    main()
