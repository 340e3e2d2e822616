"""What a search needs of Keras: to hear of each epoch, and to forget the model of a trial that is over."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from typing import Any

import keras

from lucency.learning.epoch_metrics import figures_of_films


def epoch_hook(tell: Callable[[int, Mapping[str, float]], None]) -> Any:
    """A Keras callback that tells of each epoch once its checkpoint is on disk.

    Args:
        tell: Called with the number of the epoch, from 1, and its figures; what it raises ends the training.
    """

    def told(epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        tell(epoch + 1, figures_of_films(logs))

    return keras.callbacks.LambdaCallback(on_epoch_end=told)


def forget_models() -> None:
    """Frees what Keras keeps of models that nobody holds any more."""
    keras.utils.clear_session()
    gc.collect()
