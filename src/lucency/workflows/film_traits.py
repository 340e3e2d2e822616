"""What kind of film each film is: body part, view, metal, size of the film and of the fracture."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from lucency.datasets.manifest import Manifest

SIDE_LIMITS = (512, 1024, 2048)
"""Limits of the longer side, in pixels. They are fixed, so that the same words mean the same films in every report."""

BOX_LIMITS = (0.25, 1.0)
"""Limits of the largest box, in percent of the film's area. Of the marked fractures of FracAtlas about a fifth lie
below the first and a fifth above the second."""

Words = Callable[[float | None, float | None], str]

_METAL = {"1": "with metal", "0": "without metal"}


def film_traits(films: Manifest, sizes: npt.NDArray[np.int32]) -> dict[str, Any]:
    """Traits of films, as `measure_subgroups` takes them.

    Every film has one value of a trait, so that no film stands on both sides of a comparison: a film with several body
    parts or views, such as "lateral, frontal", counts for the combination "frontal+lateral" and not for each of them.

    Args:
        films: N films, such as those of a split.
        sizes: int32 (N, 2), height and width of each upright film; 0 where not known.

    Returns:
        - "traits": for "body_part", "view", "hardware", "image_size" and "box_size", and where the manifest has such
          columns for "kind" (of fracture) and "second_label" (whether it agrees), N values; "" where not known;
        - "orders": the order of the values of "image_size" and "box_size";
        - "fractured_only": the traits that only fractured films have.
    """
    table: Any = films.table
    heights_and_widths = sizes.tolist()
    boxes = zip(table["boxes"], heights_and_widths, strict=True)
    traits = {
        "body_part": [combination(cell) for cell in table["body_part"]],
        "view": [combination(cell) for cell in table["view"]],
        "hardware": [_METAL.get(cell, combination(cell)) for cell in _column(table, "hardware")],
        "image_size": [side_band(max(size)) if min(size) else "" for size in heights_and_widths],
        "box_size": [_largest_box(cell, height, width) for cell, (height, width) in boxes],
    }
    if "kind" in table.columns:
        traits["kind"] = [combination(cell) for cell in table["kind"]]
    if "second_label" in table.columns:
        cells = zip(table["label"], table["second_label"], strict=True)
        traits["second_label"] = [_agreement(str(label), second) for label, second in cells]
    return {
        "traits": traits,
        "orders": {"image_size": _bands(SIDE_LIMITS, _side_words), "box_size": _bands(BOX_LIMITS, _box_words)},
        "fractured_only": [name for name in ("box_size", "kind") if name in traits],
    }


def combination(cell: str) -> str:
    """One name for a cell, in whatever order and case it names its parts: "Lateral, frontal" is "frontal+lateral"."""
    parts = (" ".join(part.split()).casefold() for part in re.split(r"[+,;&]", cell))
    return "+".join(sorted({part for part in parts if part}))


def side_band(side: int) -> str:
    """The band of `SIDE_LIMITS` that a longer side in pixels lies in, in words."""
    return _band(side, SIDE_LIMITS, _side_words)


def box_band(percent: float) -> str:
    """The band of `BOX_LIMITS` that a box lies in, in words; it covers so many percent of the film."""
    return _band(percent, BOX_LIMITS, _box_words)


def _band(value: float, limits: Sequence[float], words: Words) -> str:
    return _bands(limits, words)[sum(value >= limit for limit in limits)]


def _bands(limits: Sequence[float], words: Words) -> list[str]:
    return [words(low, high) for low, high in zip((None, *limits), (*limits, None), strict=True)]


def _side_words(low: float | None, high: float | None) -> str:
    if low is None:
        return f"longer side under {high:g} pixels"
    return f"longer side {low:g} pixels or more" if high is None else f"longer side {low:g} to {high - 1:g} pixels"


def _box_words(low: float | None, high: float | None) -> str:
    if low is None:
        return f"largest box under {high:g} % of the film"
    ends = f"{low:g} % or more" if high is None else f"{low:g} to {high:g} %"
    return f"largest box {ends} of the film"


def _largest_box(cell: str, height: int, width: int) -> str:
    if not height * width:
        return ""
    # A box may reach over the edge, and no more than the film can be covered.
    shares = [
        max(0.0, min(x + w, width) - max(x, 0.0)) * max(0.0, min(y + h, height) - max(y, 0.0)) / (height * width)
        for x, y, w, h in (json.loads(cell) if cell else [])
    ]
    return box_band(100 * max(shares)) if shares else ""


def _agreement(label: str, second: str) -> str:
    if second not in ("0", "1"):
        return ""
    return "second label agrees" if second == label else "second label differs"


def _column(table: Any, name: str) -> list[str]:
    return list(table[name]) if name in table.columns else [""] * len(table)
