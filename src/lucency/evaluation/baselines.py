"""What a model must beat: always the same answer, and copying the most similar training film."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lucency.errors import DatasetError
from lucency.evaluation.metrics import measure

_SIDE = 32
_PIXELS_AT_ONCE = 16_000_000
_DISTANCES_AT_ONCE = 8_000_000


@dataclass(frozen=True)
class Baseline:
    """Accuracy without learning.

    Attributes:
        name: "majority" or "nearest_neighbour".
        accuracy: On the evaluated films, 0..1.
        auroc: Likewise; None where the baseline ranks nothing or one class is missing.
        detail: Harmless facts about how it was made, such as {"answer": "not_fractured"}.
    """

    name: str
    accuracy: float
    auroc: float | None
    detail: Mapping[str, str | int | float] = field(default_factory=dict)


def majority(train_labels: npt.ArrayLike, test_labels: npt.ArrayLike) -> Baseline:
    """Always the commoner class of the training films.

    Args:
        train_labels: (M,) integers, 1 = fractured, 0 = not fractured.
        test_labels: (N,) integers, likewise.

    Raises:
        DatasetError: One of the two is empty or holds another label.
    """
    train = _checked_labels(train_labels, "training")
    test = _checked_labels(test_labels, "evaluated")
    share = float(train.mean())
    answer = int(share > 0.5)
    return Baseline(
        name="majority",
        accuracy=float(np.mean(test == answer)),
        auroc=None,
        detail={
            "answer": "fractured" if answer else "not_fractured",
            "training_films": len(train),
            "training_share": share if answer else 1 - share,
        },
    )


def thumbnails(images: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64] | None = None) -> npt.NDArray[np.float32]:
    """Area means of the films on a grid of 32 x 32.

    Args:
        images: (M, H, W) uint8, also a memory map; read in chunks.
        rows: (N,) which films, in which order; all if None.

    Returns:
        (N, 1024) float32, 0..1, row by row.

    Raises:
        DatasetError: The images are not (M, H, W).
    """
    if images.ndim != 3:
        raise DatasetError(f"films must be an array (films, height, width), not of shape {images.shape}")
    places = np.arange(len(images)) if rows is None else np.asarray(rows)
    down, across = _area_weights(images.shape[1]) / 255, _area_weights(images.shape[2])
    result = np.empty((len(places), _SIDE * _SIDE), dtype=np.float32)
    step = max(1, _PIXELS_AT_ONCE // (images.shape[1] * images.shape[2]))
    for start in range(0, len(places), step):
        chunk = np.asarray(images[places[start : start + step]], dtype=np.float32)
        result[start : start + step] = (down @ (chunk @ across.T)).reshape(len(chunk), -1)
    return result


def nearest_neighbour(
    train_images: npt.NDArray[np.uint8],
    train_labels: npt.ArrayLike,
    test_images: npt.NDArray[np.uint8],
    test_labels: npt.ArrayLike,
    *,
    train_rows: npt.NDArray[np.int64] | None = None,
    test_rows: npt.NDArray[np.int64] | None = None,
) -> Baseline:
    """The label of the most similar training film, by Euclidean distance of 32 x 32 pixels.

    Where copies of one film lie on both sides of the split this baseline is nearly perfect, and so it unmasks
    a leaking data set. Its AUROC ranks films by how much nearer the nearest fractured training film is.

    Args:
        train_images: (M, H, W) uint8.
        train_labels: Integers of the training films, 1 = fractured, 0 = not fractured.
        test_images: (K, H, W) uint8; may be the same array as `train_images`, told apart by rows.
        test_labels: Integers of the evaluated films, likewise.
        train_rows: Rows of `train_images` that the labels belong to; all if None.
        test_rows: Rows of `test_images`, likewise.

    Raises:
        DatasetError: No film on one side, labels other than 0 and 1, or not as many labels as films.
    """
    train_classes = _checked_labels(train_labels, "training")
    test_classes = _checked_labels(test_labels, "evaluated")
    train, test = thumbnails(train_images, train_rows), thumbnails(test_images, test_rows)
    for films, labels, side in ((train, train_classes, "training"), (test, test_classes, "evaluated")):
        if len(films) != len(labels):
            raise DatasetError(f"{len(labels)} labels were given for {len(films)} {side} films")

    centre = train.mean(axis=0)
    to_normal = _nearest_distance(train[train_classes == 0] - centre, test - centre)
    to_fractured = _nearest_distance(train[train_classes == 1] - centre, test - centre)
    answers = to_fractured < to_normal
    auroc: float | None = None
    if np.isfinite(to_normal).all() and np.isfinite(to_fractured).all():
        gap = to_normal - to_fractured
        # Any rising map into 0..1 keeps the ranks; equal distances stay equal.
        ranked = measure(test_classes, 0.5 + gap / (4 * max(1e-12, float(np.abs(gap).max()))), answers, names=["auroc"])
        value = float(ranked["auroc"][0])
        auroc = None if np.isnan(value) else value
    return Baseline(
        name="nearest_neighbour",
        accuracy=float(np.mean(answers == test_classes)),
        auroc=auroc,
        detail={"training_films": len(train), "pixels": f"{_SIDE}x{_SIDE}"},
    )


def _checked_labels(labels: npt.ArrayLike, side: str) -> npt.NDArray[np.int64]:
    array = np.asarray(labels)
    if array.size == 0:
        raise DatasetError(f"there are no {side} films")
    if not np.isin(array, (0, 1)).all():
        raise DatasetError(f"a label of the {side} films is neither 0 nor 1")
    return array.astype(np.int64).ravel()


def _area_weights(size: int) -> npt.NDArray[np.float32]:
    # (32, size): the share of each output cell that each pixel covers; 32 need not divide the size.
    edges = np.linspace(0, size, _SIDE + 1)
    starts = np.arange(size)
    overlap: npt.NDArray[np.float64] = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    shares: npt.NDArray[np.float32] = (np.clip(overlap, 0, None) / (size / _SIDE)).astype(np.float32)
    return shares


def _nearest_distance(train: npt.NDArray[np.float32], test: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    nearest = np.full(len(test), np.inf)
    if len(train) == 0:
        return nearest
    lengths = np.einsum("ij,ij->i", train, train)
    step = max(1, _DISTANCES_AT_ONCE // len(train))
    for start in range(0, len(test), step):
        chunk = test[start : start + step]
        squared = lengths - 2 * (chunk @ train.T) + np.einsum("ij,ij->i", chunk, chunk)[:, None]
        nearest[start : start + step] = np.sqrt(np.clip(squared.min(axis=1), 0, None))
    return nearest
