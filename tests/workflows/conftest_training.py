"""A callback that presses Ctrl-C in the middle of training."""

from __future__ import annotations

from typing import Any

from lucency.learning.backend import choose_backend

choose_backend()
import keras  # noqa: E402


class StopAt(keras.callbacks.Callback):
    """Raises KeyboardInterrupt in an epoch (from 0) after a batch."""

    def __init__(self, *, epoch: int, batch: int):
        super().__init__()
        self.wanted = (epoch, batch)
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if (self.epoch, batch) == self.wanted:
            raise KeyboardInterrupt
