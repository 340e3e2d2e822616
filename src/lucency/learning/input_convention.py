"""How grey 0..255 becomes what a foreign model expects: scale and offset of each channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lucency.errors import BundleError

Convention = Literal["unchanged", "zero_to_one", "minus_one_to_one", "caffe", "torch"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)

CONVENTIONS: dict[Convention, tuple[tuple[float, ...], tuple[float, ...]]] = {
    # The network scales its input itself, as EfficientNet and MobileNetV3 do.
    "unchanged": ((1.0,) * 3, (0.0,) * 3),
    # x / 255, the habit of notebooks.
    "zero_to_one": ((1 / 255,) * 3, (0.0,) * 3),
    # x / 127.5 - 1: MobileNet, MobileNetV2, Inception, Xception, Teachable Machine.
    "minus_one_to_one": ((1 / 127.5,) * 3, (-1.0,) * 3),
    # VGG and ResNet50 of Keras: blue, green, red; with three equal grey channels the order matters for the means alone.
    "caffe": ((1.0,) * 3, (-103.939, -116.779, -123.68)),
    # torchvision, DenseNet of Keras.
    "torch": (
        tuple(1 / (255 * deviation) for deviation in IMAGENET_DEVIATION),
        tuple(-mean / deviation for mean, deviation in zip(IMAGENET_MEAN, IMAGENET_DEVIATION, strict=True)),
    ),
}
"""Scale and offset of each channel that turn grey 0..255 into what a network expects."""


@dataclass(frozen=True)
class InputConvention:
    """x * scale + offset, channel by channel.

    Attributes:
        name: Of `CONVENTIONS`, or how it was given.
        scale: One number, or one a channel.
        offset: Likewise.
    """

    name: str
    scale: tuple[float, ...]
    offset: tuple[float, ...]

    def apply(self, films: npt.NDArray[np.float32], channels: int) -> npt.NDArray[np.float32]:
        """What the model is given.

        Args:
            films: float32 (N, H, W, 1), grey 0..255.
            channels: 1 or 3.

        Returns:
            float32 (N, H, W, channels).
        """
        scale, offset = self.of_channels(channels)
        result: npt.NDArray[np.float32] = (films * scale + offset).astype(np.float32)
        return result

    def of_channels(self, channels: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Scale and offset, float32 (channels,) each."""
        scale, offset = (np.array(values, dtype=np.float32) for values in (self.scale, self.offset))
        return np.broadcast_to(scale, (channels,)), np.broadcast_to(offset, (channels,))

    def describe(self) -> str:
        """In one phrase, with the numbers."""
        shown = [", ".join(f"{value:.6g}" for value in values) for values in (self.scale, self.offset)]
        return f"{self.name}: grey 0..255 times {shown[0]} plus {shown[1]}"

    def to_json(self) -> dict[str, Any]:
        """Plain values for a card."""
        return {"name": self.name, "scale": list(self.scale), "offset": list(self.offset)}


def named(name: str) -> InputConvention:
    """A convention of `CONVENTIONS`; one number a part where all channels have the same.

    Raises:
        BundleError: There is none of that name.
    """
    row = next((parts for key, parts in CONVENTIONS.items() if key == name), None)
    if row is None:
        raise BundleError(f"--convention {name} is unknown", hint=f"Known: {', '.join(CONVENTIONS)}; or give --scale")
    scale, offset = (values[:1] if len(set(values)) == 1 else values for values in row)
    return InputConvention(name, scale, offset)


def read_convention(
    *,
    convention: str | None = None,
    scale: str | None = None,
    mean: str | None = None,
    deviation: str | None = None,
    channels: int = 3,
) -> InputConvention | None:
    """What the user said of the input, or None where nothing was said.

    Args:
        convention: Key of `CONVENTIONS`.
        scale: "1/255", or with an offset "1/127.5,-1".
        mean: Subtracted after the scale: one number, or one a channel.
        deviation: Divides after that: likewise.
        channels: Of the model.

    Raises:
        BundleError: The texts cannot be read, or contradict each other.
    """
    if convention is not None:
        if scale or mean or deviation:
            raise BundleError(
                "--convention and --scale, --mean or --std both say how films are scaled", hint="Give one"
            )
        found = named(convention)
        _fits(found.scale, channels, f"--convention {convention}")
        _fits(found.offset, channels, f"--convention {convention}")
        return found
    if not (scale or mean or deviation):
        return None
    numbers = _numbers(scale or "1", "--scale")
    if len(numbers) > 2 or numbers[0] == 0:
        raise BundleError(f"--scale {scale}: expected SCALE or SCALE,OFFSET", hint='Such as 1/255 or "1/127.5,-1"')
    factor, shift = numbers[0], numbers[1] if len(numbers) == 2 else 0.0
    means = _numbers(mean, "--mean") if mean else (0.0,)
    deviations = _numbers(deviation, "--std") if deviation else (1.0,)
    if 0 in deviations:
        raise BundleError(f"--std {deviation}: a channel would be divided by 0")
    for values, option in ((means, "--mean"), (deviations, "--std")):
        _fits(values, channels, option)
    width = max(len(means), len(deviations))
    means, deviations = (values * width if len(values) == 1 else values for values in (means, deviations))
    words = [f"--{key} {text}" for key, text in (("scale", scale), ("mean", mean), ("std", deviation)) if text]
    return InputConvention(
        " ".join(words),
        tuple(factor / part for part in deviations),
        tuple((shift - middle) / part for middle, part in zip(means, deviations, strict=True)),
    )


def _fits(values: Sequence[float], channels: int, option: str) -> None:
    if len(values) not in (1, channels):
        raise BundleError(f"{option} has {len(values)} numbers, but the model has {channels} input channels")


def _numbers(text: str, option: str) -> tuple[float, ...]:
    try:
        values = tuple(_number(part) for part in text.split(","))
    except (ValueError, ZeroDivisionError):
        raise BundleError(
            f"{option} {text}: expected numbers or fractions", hint="Such as 1/255, or 0.485,0.456,0.406"
        ) from None
    if not all(np.isfinite(values)):
        raise BundleError(f"{option} {text}: a number is not finite")
    return values


def _number(text: str) -> float:
    above, slash, below = text.strip().partition("/")
    return float(Fraction(above.strip()) / Fraction(below.strip())) if slash else float(above)
