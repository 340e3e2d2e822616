"""The small CNNs of the field, by name: each is a stack of layers from (H, W, 3) to the map that enters the head."""

from __future__ import annotations

from typing import Any

from keras import layers


def tiny_vgg() -> list[Any]:
    """TinyVGG: two blocks of two valid 3x3 convolutions of 10 filters, each block closed by 2x2 max pooling.

    Wang et al. 2020, "CNN Explainer", doi 10.1109/TVCG.2020.3030418.
    """
    stack: list[Any] = []
    for _ in range(2):
        stack += [
            layers.Conv2D(10, 3, activation="relu"),
            layers.Conv2D(10, 3, activation="relu"),
            layers.MaxPooling2D(2),
        ]
    return stack


def cnn_1conv() -> list[Any]:
    """One valid 3x3 convolution of 32 filters with ReLU and one 2x2 max pooling."""
    return [layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2)]


def cnn_3block() -> list[Any]:
    """Three blocks of a valid 3x3 convolution with ReLU and 2x2 max pooling; 32, 64 and 128 filters."""
    stack: list[Any] = []
    for filters in (32, 64, 128):
        stack += [layers.Conv2D(filters, 3, activation="relu"), layers.MaxPooling2D(2)]
    return stack


def four_block() -> list[Any]:
    """Four blocks of a 3x3 convolution, BatchNormalization, ReLU and 2x2 max pooling; 8, 16, 32 and 64 filters."""
    stack: list[Any] = []
    for filters in (8, 16, 32, 64):
        stack += [
            layers.Conv2D(filters, 3, padding="same", use_bias=False),
            # With batches of 32 and some dozens of steps an epoch, the stock momentum of 0.99 lags for epochs.
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.MaxPooling2D(2),
        ]
    return stack
