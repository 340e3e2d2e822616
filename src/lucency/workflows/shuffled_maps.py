"""The randomisation test of a bundle: the same films through the same graph with shuffled weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lucency.bundle import MODEL_FILE, Card, write_bundle
from lucency.errors import BundleError
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.evaluation.box_cells import FilmCells
    from lucency.predictor import Predictor

LARGEST_SAMPLE = 100
"""Films of the test at most; each runs once for each step."""
_BATCH = 16


def randomisation_test(
    predictor: Predictor,
    images: npt.NDArray[np.uint8],
    rows: npt.NDArray[np.int64],
    heats: Sequence[npt.NDArray[np.float32]],
    cells: Sequence[FilmCells],
    groups: Sequence[str] | None,
    *,
    resamples: int,
    seed: int,
    teller: Teller,
) -> dict[str, Any]:
    """Compares heat maps with those of the same model with shuffled weights, in three steps from the head down.

    Args:
        predictor: Of the bundle; has a heat map.
        images: uint8 (rows, H, W), prepared films.
        rows: (N,) row of each film.
        heats: N maps of the whole model, float (h, w).
        cells: Where film and boxes lie in them.
        groups: N names, or None.
        resamples: Of the group bootstrap.
        seed: Of the permutations and the draws.
        teller: Hears of progress.

    Returns:
        See `map_changes`, with "kernels" (how many weight tensors the graph has) and "seed".

    Raises:
        MissingExtraError: The package `onnx` is not installed.
        BundleError: The graph has no weights that can be shuffled, or gives no numbers when they are.
    """
    from lucency.evaluation.map_changes import ShuffledMaps, map_changes
    from lucency.learning.shuffled_weights import WeightShuffler

    shuffler = WeightShuffler(predictor.bundle.model_path)
    steps: list[ShuffledMaps] = []
    # In a graph with one or two weight tensors steps fall together, and the later name holds.
    names = {-(-shuffler.count // 2): "the upper half", 1: "the head"} | {shuffler.count: "all weights"}
    total = len(rows) * len(names)
    for kernels, name in sorted(names.items()):
        with TemporaryDirectory(prefix="lucency-shuffled-") as folder:
            other = _shuffled(predictor, shuffler.shuffled(kernels, seed=seed), Path(folder))
            made: list[npt.NDArray[np.float32]] = []
            for start in range(0, len(rows), _BATCH):
                made += list(other.score(images[rows[start : start + _BATCH]][..., None])["heatmap"])
                teller.progress("shuffled weights", len(steps) * len(rows) + len(made), total)
        if not all(np.isfinite(heat).all() for heat in made):
            raise BundleError(
                f"with {name} shuffled the model gives values that are not numbers, so maps cannot be compared"
            )
        steps.append(ShuffledMaps(name, kernels, made))
    changes = map_changes(heats, steps, cells, groups, resamples=resamples, seed=seed)
    return changes | {"kernels": shuffler.count, "seed": seed}


def _shuffled(predictor: Predictor, model: bytes, folder: Path) -> Predictor:
    from lucency.predictor import Predictor as Loaded

    (folder / MODEL_FILE).write_bytes(model)
    card: Card = replace(predictor.bundle.card, gate=None)
    return Loaded(write_bundle(folder, card))
