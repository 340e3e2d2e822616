"""Prepared array -> batches, on every Keras backend."""

from __future__ import annotations

from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt

Balance = Literal["none", "class_weight", "oversample", "undersample", "twice"]


class FilmBatches(keras.utils.PyDataset):
    """Batches of films, or of their frozen features, from a memory-mapped array.

    Args:
        images: uint8 (rows, H, W), grey 0..255, or float32 features of any shape; read batch by batch and never copied
            whole.
        rows: int64 (N,): row of each film; the first of its rows where it has several `views`.
        labels: (N,) of 0 and 1.
        batch_size: Films in a batch; the last one may be smaller.
        shuffle: Draw a new order for each epoch, from `seed` and the number of the epoch alone.
        balance: How both classes come to count the same. "oversample" shows films of the smaller class again,
            "undersample" shows as few of the larger one, both drawn anew for each epoch; "twice" shows each film of the
            smaller class two times; "class_weight" weighs films in the loss.
        mixup: Alpha of the Beta distribution by which films of a batch and their labels are blended in pairs (Zhang et
            al. 2018, "mixup", arXiv 1710.09412); 0 for none.
        views: Rows that each film has in `images`, one after the other; an epoch draws one of them for each film.
        seed: Seed of everything that is drawn.
    """

    def __init__(
        self,
        images: npt.NDArray[Any],
        rows: npt.NDArray[np.int64],
        labels: npt.ArrayLike,
        *,
        batch_size: int = 32,
        shuffle: bool = False,
        balance: Balance = "none",
        mixup: float = 0.0,
        views: int = 1,
        seed: int = 0,
    ):
        super().__init__()
        self.images = images
        self.rows = rows
        self.labels = np.asarray(labels, dtype=np.float32)
        self.weights = class_weights(self.labels) if balance == "class_weight" else np.ones(len(rows), np.float32)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.balance = balance
        self.mixup = mixup
        self.views = views
        self.seed = seed
        self._epoch = 0
        self._view = np.zeros(len(rows), np.int64)
        self._order = np.arange(len(rows))
        self.begin_epoch(0)

    def with_features(self, features: npt.NDArray[np.float32], views: int) -> FilmBatches:
        """The same batches of the films' frozen features: (N * views, ...), in the order of `rows`."""
        return FilmBatches(
            features,
            np.arange(len(self.rows)) * views,
            self.labels,
            batch_size=self.batch_size,
            shuffle=self.shuffle,
            balance=self.balance,
            mixup=self.mixup,
            views=views,
            seed=self.seed,
        )

    def begin_epoch(self, epoch: int) -> None:
        """Draws the order of an epoch (from 0).

        The trainer calls it, since Keras calls `on_epoch_end` more often than there are epochs.
        """
        self._epoch = epoch
        draw = np.random.default_rng([self.seed, epoch])
        if self.views > 1:
            self._view = np.random.default_rng([self.seed, epoch, 1]).integers(0, self.views, len(self.rows))
        self._order = self._chosen(draw)
        if self.shuffle:
            self._order = draw.permutation(self._order)

    def _chosen(self, draw: np.random.Generator) -> npt.NDArray[np.int64]:
        small, large = sorted((np.flatnonzero(self.labels == 1), np.flatnonzero(self.labels == 0)), key=len)
        if self.balance == "oversample" and len(small):
            # Each film of the smaller class is shown as often as any other of it, give or take one time.
            again = [draw.permutation(small) for _ in range(-(-len(large) // len(small)))]
            return np.concatenate([large, np.concatenate(again)[: len(large)]])
        if self.balance == "twice":
            return np.concatenate([large, small, small])
        if self.balance == "undersample":
            return np.concatenate([small, draw.permutation(large)[: len(small)]])
        return np.arange(len(self.rows))

    def __len__(self) -> int:
        return -(-len(self._order) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
        """Batch `index`: films uint8 (B, H, W, 1) or features, labels float32 (B, 1), weights float32 (B,)."""
        chosen = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        films = self.images[self.rows[chosen] + self._view[chosen]]
        if self.images.dtype == np.uint8:
            films = films[..., None]
        labels, weights = self.labels[chosen, None], self.weights[chosen]
        if not self.mixup:
            return films, labels, weights
        draw = np.random.default_rng([self.seed, self._epoch, 2, index])
        share = draw.beta(self.mixup, self.mixup, len(chosen)).astype(np.float32)
        partner = draw.permutation(len(chosen))

        def blend(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
            part = share.reshape(-1, *(1,) * (values.ndim - 1))
            blended: npt.NDArray[np.float32] = part * values + (1 - part) * values[partner]
            return blended

        return blend(films), blend(labels), blend(weights)


def class_weights(labels: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Weight of each film such that both classes weigh the same and the mean weight is 1; float32 (N,)."""
    ones = np.asarray(labels) == 1
    count = len(ones)
    weights = np.where(ones, count / (2 * max(1, ones.sum())), count / (2 * max(1, (~ones).sum())))
    result: npt.NDArray[np.float32] = weights.astype(np.float32)
    return result
