"""Pictures within a page: small, each encoded once."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from lucency.reporting.thumbnails import SIDE, thumbnail_addresses


def test_pictures_are_small_and_asked_for_once() -> None:
    asked: list[Sequence[str]] = []
    ramp = np.tile(np.linspace(0, 255, 160).astype(np.uint8), (80, 1))

    def pictures(image_ids: Sequence[str]) -> Mapping[str, np.ndarray]:
        asked.append(image_ids)
        return {image_id: ramp for image_id in image_ids if image_id != "gone"}

    found = thumbnail_addresses(["a", "gone", "b", "a"], pictures)
    assert asked == [["a", "gone", "b"]]
    assert list(found) == ["a", "b"]
    start, content = found["a"].split(",")
    assert start == "data:image/jpeg;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(content)))
    assert picture.size == (SIDE, SIDE // 2)
    shown = np.asarray(picture).astype(float)
    assert shown[:, -1].mean() - shown[:, 0].mean() > 230
    assert len(content) < 4000


def test_nobody_is_asked_for_nothing() -> None:
    assert thumbnail_addresses([], lambda image_ids: {}["never called"]) == {}
