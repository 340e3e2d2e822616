"""Films with leakage, damage and contradictions of known place, for tests of the audit."""

from __future__ import annotations

import shutil
from pathlib import Path

from PIL import Image

CLASSES = ("fractured", "not_fractured")
TEST, TURNED, CUT = 8, 4, 3
"""Of each class the films in test and, of these, those that lie turned in train; films that are cut, of one class."""


def leaky_folder(root: Path) -> Path:
    """100 films drawn into train and test; some of test lie turned in train, one of each class twice, one under both
    labels."""
    from lucency.datasets.synthetic import write_dataset

    drawn, folder = write_dataset(root / "drawn", films=100, seed=9, size=192), root / "films"
    for name, source in zip(CLASSES, ("Fractured", "Not_fractured"), strict=True):
        for split in ("train", "test"):
            (folder / split / name).mkdir(parents=True)
        films = sorted((drawn / source).iterdir())
        for place, film in enumerate(films):
            side = "test" if place < TEST else "train"
            shutil.copy(film, folder / side / name / film.name)
            if place < TURNED:
                with Image.open(film) as opened:
                    turned = opened.transpose(Image.Transpose.ROTATE_90)
                turned.save(folder / "train" / name / f"turned_{film.name}", quality=90)
        whole = films[20].read_bytes()
        for number in range(CUT if name == "not_fractured" else 0):
            (folder / "train" / name / f"cut{number}.jpg").write_bytes(whole[: len(whole) // 2 - number])
        shutil.copy(films[30], folder / "train" / name / f"twice_{films[30].name}")
        if name == "not_fractured":
            shutil.copy(films[40], folder / "train" / "fractured" / "both.jpg")
    return folder
