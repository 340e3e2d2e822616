"""Small films on disk for the tests of data sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FilmWriter = Callable[..., Path]


@pytest.fixture
def film(tmp_path: Path) -> FilmWriter:
    """Writes a film of noise under tmp_path; equal seeds give equal bytes."""

    def write(name: str, seed: int = 0, height: int = 20, width: int = 30) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        return path

    return write


@pytest.fixture
def two_classes(film: FilmWriter, tmp_path: Path) -> Path:
    """Twelve films: data/fractured and data/not fractured, six each."""
    for i in range(6):
        film(f"data/fractured/f{i}.png", i)
        film(f"data/not fractured/n{i}.png", 100 + i)
    return tmp_path / "data"
