"""ForeignModel: a model that somebody else trained, opened, with what can be known of its input and output."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.errors import BundleError
from lucency.learning.foreign_file import ForeignFile
from lucency.learning.graph_surgery import CoreGraph
from lucency.learning.output_mapping import Activation, OutputMapping

FilmArray = npt.NDArray[np.float32]

SMALLEST_SIDE, LARGEST_SIDE = 8, 4096


@dataclass(frozen=True)
class InputShape:
    """Height, width and channels; None where not known."""

    height: int | None = None
    width: int | None = None
    channels: int | None = None

    def describe(self) -> str:
        """As height x width x channels."""
        return "x".join("?" if value is None else str(value) for value in (self.height, self.width, self.channels))


@dataclass(frozen=True)
class ForeignModel:
    """A model that was opened.

    Attributes:
        file: Where it came from.
        shape: Of its input; every part is known.
        units: How many numbers it gives for a film.
        activation: Its last activation.
        answer: What the model itself says, in its own framework: float32 (N, H, W, C) in its own convention -> (N, K).
        core: The model as ONNX, for a mapping of its units.
        names: Names of the classes, where the file has them.
        rescales: The layer inside that scales the input, or None.
        exact: Whether the ONNX graph computes what the file says; False for quantised models, which drift.
        witness: Who gives `answer`.
        independent: Whether the witness read the file in a way of its own; False where `answer` comes from the same
            reading as the graph, so that their agreement does not show that the file was read rightly.
        heatmap: Why there is no heat map, or None where there is one.
        notes: What else a user should know.
    """

    file: ForeignFile
    shape: InputShape
    units: int
    activation: Activation
    answer: Callable[[FilmArray], FilmArray]
    core: Callable[[OutputMapping], CoreGraph]
    names: tuple[str, ...] = ()
    rescales: str | None = None
    exact: bool = True
    witness: str = ""
    independent: bool = True
    heatmap: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the input."""
        assert self.shape.height is not None
        assert self.shape.width is not None
        return self.shape.height, self.shape.width

    @property
    def channels(self) -> int:
        """1 or 3."""
        assert self.shape.channels is not None
        return self.shape.channels


def read_input_shape(text: str | None) -> InputShape:
    """Reads "224x224x3", "224x224" or "224".

    Raises:
        BundleError: It is none of these.
    """
    if text is None:
        return InputShape()
    match = re.fullmatch(r"(\d+)(?:[x×,](\d+)(?:[x×,](\d+))?)?", text.strip().lower().replace(" ", ""))
    if not match:
        raise BundleError(f"--input {text}: expected HEIGHTxWIDTHxCHANNELS", hint="Such as 224x224x3")
    height, width, channels = (int(part) if part else None for part in match.groups())
    return InputShape(height, width or height, channels)


def agree(wanted: InputShape, own: InputShape, where: Any) -> InputShape:
    """The input shape of a model, from the model where it is fixed, and otherwise from the user.

    Args:
        wanted: What the user said.
        own: What the model says.
        where: The model file, for an error.

    Raises:
        BundleError: They contradict each other, a side is not known, or it is no size for a film.
    """
    found: list[int | None] = []
    for said, fixed in zip(
        (wanted.height, wanted.width, wanted.channels), (own.height, own.width, own.channels), strict=True
    ):
        if said is not None and fixed is not None and said != fixed:
            raise BundleError(
                f"takes {own.describe()} (height x width x channels), not {wanted.describe()}",
                where=where,
                hint="Leave --input away: the model fixes it",
            )
        found.append(fixed if fixed is not None else said)
    height, width, channels = found
    if height is None or width is None or channels is None:
        raise BundleError(
            f"does not fix the size of its input ({own.describe()})",
            where=where,
            hint="Say what it was trained on, such as --input 224x224x3",
        )
    if channels not in (1, 3):
        raise BundleError(
            f"takes {channels} channels; a film has one grey channel, given once or three times", where=where
        )
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in (height, width)):
        raise BundleError(
            f"an input of {height}x{width} pixels is not possible",
            where=where,
            hint=f"A side has {SMALLEST_SIDE} to {LARGEST_SIDE} pixels",
        )
    return InputShape(height, width, channels)


def one_of(names: list[str], what: str, where: Any) -> str:
    """The only name of a list.

    Raises:
        BundleError: There are several, or none.
    """
    if len(names) != 1:
        listed = ", ".join(names[:8]) or "none"
        raise BundleError(
            f"has {len(names)} {what}s ({listed}); a classifier of films has one",
            where=where,
            hint=f"Save a model that has only the {what} that matters",
        )
    return names[0]


def flat_units(answer: Any, where: Any) -> FilmArray:
    """What a model answered as (N, K).

    Raises:
        BundleError: It is a map or a sequence, and not a few numbers a film.
    """
    values = np.asarray(answer, dtype=np.float32)
    if values.ndim == 0 or (values.ndim > 2 and int(np.prod(values.shape[1:])) != max(values.shape[1:])):
        raise BundleError(
            f"gives an array of shape {tuple(values.shape)} for a batch of films, not one number a class",
            where=where,
            hint="Only classifiers can be imported, not detectors or segmentation networks",
        )
    return values.reshape(len(values), -1)
