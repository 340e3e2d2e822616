"""A vocabulary of keypoints, by which all that a film's keypoints show is told in one row of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.fingerprint import FloatArray, unit
from lucency.datasets.audit.keypoints import CHANGES, PRINT, rooted

Prints = npt.NDArray[np.uint8]

_WORDS, _KEPT = 64, 48
"""Words, and numbers that are kept of each keypoint's 128."""
_EACH, _MOST = 20, 40_000
"""Keypoints that a word needs to be learnt from, and that all are learnt from at most."""
_NUMBERS, _FILMS_FOR_AXES = 256, 1024
"""Numbers that a film's row is brought to, and films from which on: axes need several times as many examples."""
_WHITENED = 0.75
"""Power of an axis's strength that it is divided by: a quarter more makes all axes alike."""
_SEED, _ROUNDS = 1, 10


@dataclass(frozen=True, eq=False)
class PointVocabulary:
    """Vectors of locally aggregated descriptors (Jegou and others, CVPR 2010), learnt from the films themselves.

    Attributes:
        mean: float32 (128,).
        axes: float32 (128, 48).
        words: float32 (W, 48).
        middle: float32 (W * 48,).
        shorter: float32 (W * 48, D); None where films are too few, whose rows stay as long as they are.
    """

    mean: FloatArray
    axes: FloatArray
    words: FloatArray
    middle: FloatArray
    shorter: FloatArray | None

    @classmethod
    def learn(cls, prints: Sequence[Prints]) -> PointVocabulary | None:
        """Learns from some films; None where their keypoints are too few.

        Args:
            prints: uint8 (K, 128) of each film.
        """
        import faiss

        every = np.concatenate(prints) if prints else np.zeros((0, PRINT), np.uint8)
        chosen = np.sort(np.random.default_rng(_SEED).permutation(len(every))[:_MOST])
        points = rooted(every[chosen])
        words = min(_WORDS, len(points) // _EACH)
        if words < 2:
            return None
        mean = points.mean(axis=0)
        points -= mean
        _, axes = np.linalg.eigh(points.T @ points)
        kept = np.ascontiguousarray(axes[:, ::-1][:, :_KEPT], dtype=np.float32)
        means: Any = faiss.Kmeans(_KEPT, words, niter=_ROUNDS, seed=_SEED, min_points_per_centroid=_EACH)
        means.train(points @ kept)
        rows = cls(mean, kept, means.centroids, np.zeros(words * _KEPT, np.float32), None)
        if len(prints) < _FILMS_FOR_AXES:
            return rows
        sample = np.concatenate([rows.told(rooted(some)[None]) for some in prints[:_FILMS_FOR_AXES]])
        middle = sample.mean(axis=0)
        sample -= middle
        # Fewer films than numbers: their products with each other have the same axes.
        power, directions = np.linalg.eigh(sample @ sample.T)
        power, directions = power[::-1][:_NUMBERS], directions[:, ::-1][:, :_NUMBERS]
        shorter = sample.T @ directions / np.maximum(power, 1e-6) ** _WHITENED
        return cls(mean, kept, means.centroids, middle, np.ascontiguousarray(shorter, dtype=np.float32))

    @cached_property
    def _offset(self) -> FloatArray:
        return np.asarray((self.words**2).sum(axis=1) / 2, dtype=np.float32)

    @property
    def numbers(self) -> int:
        """D, of the rows of `told`."""
        return len(self.middle) if self.shorter is None else self.shorter.shape[1]

    def of(self, prints: Prints) -> FloatArray:
        """What a film shows as it is: uint8 (K, 128) -> float32 (D,) of length 1."""
        row: FloatArray = self.told(rooted(prints)[None])[0]
        return row

    def of_changed(self, prints: Prints) -> FloatArray:
        """What it shows as it is, inverted, mirrored, and both: uint8 (K, 128) -> float32 (4, D), each of length 1."""
        return self.told(rooted(prints)[:, CHANGES].transpose(1, 0, 2))

    def told(self, points: FloatArray) -> FloatArray:
        """Rows of length 1, one for each of F films; of length 0 for those without keypoints.

        Args:
            points: float32 (F, K, 128), of `rooted`; K may be 0.
        """
        if not points.shape[1]:
            return np.zeros((len(points), self.numbers), np.float32)
        near = (points - self.mean) @ self.axes
        word = (near @ self.words.T - self._offset).argmax(axis=2)
        of_word = (word[:, None] == np.arange(len(self.words))[:, None]).astype(np.float32)
        rows = (of_word @ unit(near - self.words[word])).reshape(len(points), -1)
        # Without the root a detail that is repeated, as along an edge, would outweigh all others.
        rows = np.sign(rows) * np.sqrt(np.abs(rows)) - self.middle
        return unit(rows if self.shorter is None else np.asarray(rows @ self.shorter, dtype=np.float32))
