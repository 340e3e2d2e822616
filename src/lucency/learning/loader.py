"""Prepared array -> batches, on every Keras backend."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt


class FilmBatches(keras.utils.PyDataset):
    """Batches of films from a memory-mapped array.

    Args:
        images: uint8 (rows, H, W), grey 0..255; read batch by batch and never copied whole.
        rows: int64 (N,): row of each film.
        labels: (N,) of 0 and 1.
        weights: float32 (N,) weight of each film in the loss; all 1 where None.
        batch_size: Films in a batch; the last one may be smaller.
        shuffle: Draw a new order for each epoch, from `seed` and the number of the epoch alone.
        seed: Seed of the order.
    """

    def __init__(
        self,
        images: npt.NDArray[np.uint8],
        rows: npt.NDArray[np.int64],
        labels: npt.ArrayLike,
        *,
        weights: npt.NDArray[np.float32] | None = None,
        batch_size: int = 32,
        shuffle: bool = False,
        seed: int = 0,
    ):
        super().__init__()
        self.images = images
        self.rows = rows
        self.labels = np.asarray(labels, dtype=np.float32)
        self.weights = np.ones(len(rows), np.float32) if weights is None else weights
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self._order = np.arange(len(self.rows))

    def begin_epoch(self, epoch: int) -> None:
        """Draws the order of an epoch (from 0).

        The trainer calls it, since Keras calls `on_epoch_end` more often than there are epochs.
        """
        if self.shuffle:
            self._order = np.random.default_rng([self.seed, epoch]).permutation(len(self.rows))

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
        """Batch `index`: films uint8 (B, H, W, 1), labels float32 (B, 1), weights float32 (B,)."""
        chosen = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        films = self.images[self.rows[chosen]][..., None]
        return films, self.labels[chosen, None], self.weights[chosen]


def class_weights(labels: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Weight of each film such that both classes weigh the same and the mean weight is 1; float32 (N,)."""
    ones = np.asarray(labels) == 1
    count = len(ones)
    weights = np.where(ones, count / (2 * max(1, ones.sum())), count / (2 * max(1, (~ones).sum())))
    result: npt.NDArray[np.float32] = weights.astype(np.float32)
    return result
