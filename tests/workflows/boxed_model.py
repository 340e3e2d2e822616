"""A made-up model in the box, whose every answer is known, in place of that which ships."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from brightness import brightness_bundle

from lucency import DEFAULT_MODEL, shipped
from lucency.bundle import Bundle
from lucency.decision import OperatingPoint


def box_with_a_model(folder: Path, monkeypatch: pytest.MonkeyPatch, **card: Any) -> Bundle:
    """Puts `brightness_bundle` into a box of its own, and steps into an empty folder with no bundle named."""
    monkeypatch.delenv("LUCENCY_BUNDLE", raising=False)
    monkeypatch.setattr(shipped, "_FOLDER", folder / "models")
    points = (OperatingPoint("youden", 0.5, 0.8, 0.7), OperatingPoint("screening", 0.2))
    told: dict[str, Any] = {"operating_points": points, "default_operating_point": "youden", **card}
    bundle = brightness_bundle(folder / "models" / DEFAULT_MODEL, **told)
    (folder / "here").mkdir()
    monkeypatch.chdir(folder / "here")
    return bundle
