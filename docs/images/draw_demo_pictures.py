"""Makes the pictures of the demo: `python docs/images/draw_demo_pictures.py demo`, after `make demo`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from lucency import Predictor
from lucency.datasets.synthetic import draw_film
from lucency.imaging.overlay import draw_overlay
from lucency.imaging.radiograph import Radiograph
from lucency.workflows.predict import caption
from lucency.workflows.show import show_films

TARGET = Path(__file__).parent
WIDTH, GAP = 900, 12
REPORT_SIZE = (1000, 930)
SEEDS = range(900_000, 900_100)
"""Films that no demo trains on."""
SURE = 0.9


def main(demo: Path) -> None:
    """Writes films.jpg, prediction.jpg and, where a Chromium is installed, report.png.

    Args:
        demo: Folder that `lucency demo` wrote.
    """
    show_films(demo / "films", count=8, seed=1, out=TARGET / "films.jpg")
    left, right = next(_pairs(Predictor(demo / "run")))
    sheet = Image.new("RGB", (left.width + GAP + right.width, max(left.height, right.height)), "white")
    sheet.paste(left, (0, 0))
    sheet.paste(right, (left.width + GAP, 0))
    height = round(sheet.height * WIDTH / sheet.width)
    sheet.resize((WIDTH, height), Image.Resampling.LANCZOS).save(TARGET / "prediction.jpg", quality=88)
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        print("No Chromium: report.png is left as it is.")
        return
    _photograph(browser, demo / "run" / "report.html", TARGET / "report.png")


def _pairs(predictor: Predictor) -> Iterator[tuple[Image.Image, Image.Image]]:
    """Overlays of one film with a fracture and without, where the bundle is right about both and sure of it."""
    for seed in SEEDS:
        pictures = []
        for fractured in (True, False):
            pixels = draw_film(seed, fractured=fractured, size=720).pixels.astype(np.float32)
            answer, film, placement = predictor.predict_with_film(Radiograph(pixels, "", {}))
            if (answer.probability > SURE) if fractured else (answer.probability < 1 - SURE):
                pictures.append(draw_overlay(film, answer.heatmap, placement, caption(answer)))
        if len(pictures) == 2:
            print(f"prediction.jpg shows seed {seed}")
            yield pictures[0], pictures[1]


def _photograph(browser: str, page: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        quiet = ["--disable-background-networking", f"--user-data-dir={folder}/user"]
        size = f"--window-size={REPORT_SIZE[0]},{REPORT_SIZE[1]}"
        subprocess.run(
            [browser, *options, *quiet, size, f"--screenshot={shot}", page.resolve().as_uri()],
            check=True,
            capture_output=True,
        )
        Image.open(shot).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(target, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
