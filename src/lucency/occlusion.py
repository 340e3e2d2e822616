"""Occlusion sensitivity: a map for every model, also one whose inside is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from lucency.predictor import Predictor

_BATCH = 16


def occlusion_map(
    predictor: Predictor,
    film_input: npt.NDArray[np.uint8],
    *,
    patch: float,
    stride: float | tuple[float, float],
) -> npt.NDArray[np.float32]:
    """How much the logit falls when a part of the film is covered (Zeiler and Fergus 2014, arXiv 1311.2901).

    A grey square is laid over one place after another. Its grey is the mean of what surrounds it (a frame half as wide
    as the square), so that the cover itself is not taken for an edge where there was none. It asks the whole model and
    needs no look inside, but runs it once for each place: a map of 10 x 10 costs a hundred predictions.

    Args:
        predictor: Of the bundle.
        film_input: uint8 (H, W, C), one film in input geometry, as `to_input` makes it.
        patch: Side of the square in pixels of the input, at least 1.
        stride: Pixels from one place to the next, above 0, need not be whole; or those down and those across. They are
            spread evenly, so that the map covers the input as a heat map of the graph does.

    Returns:
        float32 (h, w), h about H / stride: logit of the film minus logit with this place covered. Positive: what lies
        here speaks for a fracture.

    Raises:
        ValueError: `film_input` is no film, or `patch` or `stride` is out of range.
    """
    if film_input.ndim != 3:
        raise ValueError(f"a film in input geometry has shape (H, W, C), not {film_input.shape}")
    down, across = stride if isinstance(stride, tuple) else (stride, stride)
    if not (patch >= 1 and down > 0 and across > 0):
        raise ValueError(f"patch must be at least 1 and stride above 0, not {patch} and {stride}")
    height, width = film_input.shape[:2]
    rows, columns = max(1, round(height / down)), max(1, round(width / across))
    places = [
        (_span((row + 0.5) * height / rows, patch, height), _span((column + 0.5) * width / columns, patch, width))
        for row in range(rows)
        for column in range(columns)
    ]
    whole = float(predictor.score(film_input[None])["logit"][0])
    logits: list[npt.NDArray[np.float32]] = []
    for start in range(0, len(places), _BATCH):
        chosen = places[start : start + _BATCH]
        covered = np.repeat(film_input[None], len(chosen), axis=0)
        for film, (y, x) in zip(covered, chosen, strict=True):
            film[y, x] = _surround(film_input, y, x)
        logits.append(predictor.score(covered)["logit"])
    result: npt.NDArray[np.float32] = (whole - np.concatenate(logits)).astype(np.float32).reshape(rows, columns)
    return result


def _span(centre: float, side: float, end: int) -> slice:
    start = round(centre - side / 2)
    # At least one pixel, also where a square of one pixel is rounded to the very edge.
    first = min(max(start, 0), end - 1)
    return slice(first, max(first + 1, min(round(start + side), end)))


def _surround(film: npt.NDArray[np.uint8], y: slice, x: slice) -> int:
    """Mean grey of the frame around a square; of the square itself where it covers all there is."""
    margin_y, margin_x = max(1, (y.stop - y.start) // 2), max(1, (x.stop - x.start) // 2)
    around = film[max(0, y.start - margin_y) : y.stop + margin_y, max(0, x.start - margin_x) : x.stop + margin_x]
    inside = film[y, x]
    pixels = around.size - inside.size
    total: Any = around.sum(dtype=np.int64) - inside.sum(dtype=np.int64)
    return round(float(total) / pixels) if pixels else round(float(inside.mean()))
