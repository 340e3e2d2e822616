"""Makes the picture of the audit: writes its films, and photographs the page that `lucency audit` makes of them.

python docs/images/draw_audit_picture.py films        # a folder that is not there yet
lucency audit films ...                               # with a page
python docs/images/draw_audit_picture.py audit.html
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from lucency.datasets.synthetic import draw_film

TARGET = Path(__file__).with_name("audit.png")
SIZE, WIDTH, TALLEST = 256, 1040, 1500
RADIOGRAPHS, MOST_COPIES, TRUNCATED, WRONG = 80, 12, 6, 2
SPLITS, SHARES = ("train", "val", "test"), (0.8, 0.1, 0.1)


def write_films(folder: Path) -> None:
    """Writes a data set with the faults of the field: turned copies dealt to all splits, cut files, wrong labels.

    Args:
        folder: Must not be there yet.
    """
    chance = np.random.default_rng(7)
    for number in range(RADIOGRAPHS):
        fractured = bool(chance.random() < 0.5)
        film = Image.fromarray(draw_film(500_000 + number, fractured=fractured, size=SIZE).pixels)
        copies = int(chance.integers(1, MOST_COPIES + 1))
        for copy in range(copies):
            wrong = number < WRONG and copy == copies - 1
            label = "fractured" if fractured != wrong else "not fractured"
            place = folder / str(chance.choice(SPLITS, p=SHARES)) / label
            place.mkdir(parents=True, exist_ok=True)
            turned = film.rotate(int(chance.integers(1, 360)), expand=True) if copy else film
            name = f"image{number}-rotated{copy}.jpg" if copy else f"image{number}.jpg"
            turned.save(place / name, quality=int(chance.integers(75, 96)))
    normal = sorted((folder / "train" / "not fractured").iterdir())
    for path in chance.choice(np.array(normal, dtype=object), TRUNCATED, replace=False):
        path.write_bytes(path.read_bytes()[:2_000])


def photograph(page: Path) -> None:
    """Writes audit.png: the top of the page, down to the first sets of copies.

    Args:
        page: What the audit wrote.

    Raises:
        SystemExit: No Chromium is installed.
    """
    browsers = ("chromium", "chromium-browser", "google-chrome")
    program = next((found for name in browsers if (found := shutil.which(name))), "")
    if not program:
        raise SystemExit("No Chromium: audit.png is left as it is.")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": WIDTH, "height": TALLEST}, color_scheme="light")
        view.goto(page.resolve().as_uri())
        top = view.screenshot(clip={"x": 0, "y": 0, "width": WIDTH, "height": _bottom(view, "#findings") + 16})
        view.locator("#copies").evaluate("section => section.scrollIntoView()")
        sets = view.screenshot(clip={"x": 0, "y": 0, "width": WIDTH, "height": min(TALLEST, 760)})
        browser.close()
    pictures = [Image.open(io.BytesIO(shot)).convert("RGB") for shot in (top, sets)]
    sheet = Image.new("RGB", (WIDTH, sum(picture.height for picture in pictures)), "white")
    sheet.paste(pictures[0], (0, 0))
    sheet.paste(pictures[1], (0, pictures[0].height))
    sheet.quantize(96, dither=Image.Dither.NONE).save(TARGET, optimize=True)


def _bottom(view: Page, place: str) -> int:
    return int(view.locator(place).evaluate("section => section.getBoundingClientRect().bottom"))


if __name__ == "__main__":
    given = Path(sys.argv[1])
    if given.suffix == ".html":
        photograph(given)
    else:
        write_films(given)
