"""Models that others saved -> the graph of a bundle, parity asserted."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.calibration import Calibration
from lucency.errors import BundleError
from lucency.learning.backend import choose_backend, require
from lucency.learning.foreign_code import refuse_code
from lucency.learning.foreign_file import ForeignFile, Kind, identify
from lucency.learning.foreign_model import ForeignModel, InputShape
from lucency.learning.graph_surgery import compose
from lucency.learning.input_convention import InputConvention
from lucency.learning.output_mapping import OutputMapping

LOGIT_TOLERANCE = 1e-4
PROBABILITY_TOLERANCE = 1e-5
"""A film agrees where its logit or its probability does, within these."""


@dataclass(frozen=True)
class Parity:
    """How far the bundle and the model itself lie apart.

    Attributes:
        logit: Largest difference of logits among films whose probability tells logits apart (0.001 to 0.999); 0 where
            there is none.
        probability: Largest difference of probabilities.
        films: How many real films were among those checked.
        agrees: Whether every film agrees within the tolerances.
    """

    logit: float
    probability: float
    films: int
    agrees: bool


def open_model(path: str | os.PathLike[str], *, shape: InputShape | None = None, trust: bool = False) -> ForeignModel:
    """Opens a model that somebody else saved.

    Args:
        path: `.keras`, `.h5`, `.onnx`, `.tflite`, or the folder of a SavedModel; told by content, not by suffix.
        shape: Of the input, where the model does not fix it.
        trust: Open it even where it holds code.

    Raises:
        BundleError: It cannot be imported; the error says what it is instead, or what it lacks.
        MissingExtraError: TensorFlow, tf2onnx or onnx is not installed.
    """
    file = identify(path)
    require("onnx", need="Importing a model")
    if file.kind != "onnx":
        require("keras", "tensorflow", "tf2onnx", need=f"Importing a {file.format}")
        choose_backend("tensorflow")
    code = refuse_code(file, trust=trust)
    try:
        opened = READERS[file.kind](file, shape or InputShape(), trust)
    except BundleError as error:
        raise (error if error.where else type(error)(error.what, where=file.path, hint=error.hint)) from None
    # Tracing takes seconds, and a check asks for the same graph again and again.
    notes = (*opened.notes, *(f"opened on trust, though it holds {phrase}" for phrase in code))
    return replace(opened, core=cache(opened.core), notes=notes)


def _open_keras(file: ForeignFile, shape: InputShape, trust: bool) -> ForeignModel:
    from lucency.learning.foreign_keras import open_keras

    return open_keras(file, shape, trust=trust)


def _open_onnx(file: ForeignFile, shape: InputShape, trust: bool) -> ForeignModel:
    from lucency.learning.foreign_onnx import open_onnx

    return open_onnx(file, shape)


def _open_tflite(file: ForeignFile, shape: InputShape, trust: bool) -> ForeignModel:
    from lucency.learning.foreign_tensorflow import open_tflite

    return open_tflite(file, shape)


def _open_saved_model(file: ForeignFile, shape: InputShape, trust: bool) -> ForeignModel:
    from lucency.learning.foreign_tensorflow import open_saved_model

    return open_saved_model(file, shape)


READERS: dict[Kind, Callable[[ForeignFile, InputShape, bool], ForeignModel]] = {
    "keras": _open_keras,
    "hdf5": _open_keras,
    "onnx": _open_onnx,
    "tflite": _open_tflite,
    "saved_model": _open_saved_model,
}
"""Who opens which format."""


def write_graph(
    model: ForeignModel,
    convention: InputConvention,
    mapping: OutputMapping,
    path: Path,
    *,
    films: npt.NDArray[np.uint8] | None = None,
) -> tuple[tuple[str, ...], Parity]:
    """Writes the graph of a bundle, and proves that it says what the model itself says.

    Args:
        model: The opened model.
        convention: How films are scaled.
        mapping: How its units become a logit.
        path: File to write.
        films: uint8 (N, H, W) of real films for the parity check; noise and flat films are always added.

    Returns:
        Names of the graph's outputs, and the parity.

    Raises:
        BundleError: The answers differ by more than the tolerances, and the model is not quantised; or its output is
            no probability, though the user said so.
    """
    core = model.core(mapping)
    proto = compose(core, convention, mapping, size=model.size, channels=model.channels)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_bytes(proto.SerializeToString())
    try:
        parity = _parity(model, convention, mapping, temporary, films)
        if np.isnan(parity.probability):
            raise BundleError(
                "the model answers with NaN (not a number): its training diverged, or the file is damaged",
                where=model.file.path,
                hint="Train it again with a lower learning rate, or get the file again",
            )
        if not parity.agrees and model.exact:
            raise BundleError(
                f"the bundle does not say what {model.witness} says: probabilities differ by up to "
                f"{parity.probability:.2g}, logits by {parity.logit:.2g}",
                where=model.file.path,
                hint="This is a model that cannot be imported faithfully; please report it",
            )
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            # Only an empty folder can be taken away: one that was made for nothing.
            path.parent.rmdir()
    return ("logit", *core.extras), parity


def scorer(
    model: ForeignModel, convention: InputConvention, mapping: OutputMapping
) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float64]]:
    """Logits of films under a convention and a mapping that are only tried.

    Returns:
        A function of films uint8 (N, H, W), grey 0..255 -> float64 (N,).
    """
    proto = compose(model.core(mapping), convention, mapping, size=model.size, channels=model.channels)
    session = _session(proto.SerializeToString())

    def score(films: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        parts = [
            session.run(["logit"], {"film": films[start : start + 16][..., None].astype(np.float32)})[0]
            for start in range(0, len(films), 16)
        ]
        return np.concatenate(parts).astype(np.float64)

    return score


def _parity(
    model: ForeignModel,
    convention: InputConvention,
    mapping: OutputMapping,
    path: Path,
    films: npt.NDArray[np.uint8] | None,
) -> Parity:
    shape = (*model.size, 1)
    noise = np.random.default_rng(0).integers(0, 256, (4, *shape))
    flat = np.stack([np.full(shape, grey) for grey in (0, 128, 255)])
    real = [] if films is None else [films[..., None]]
    checked = np.concatenate([noise, flat, *real]).astype(np.float32)
    session = _session(str(path))
    expected, got = [], []
    for start in range(0, len(checked), 8):
        batch = checked[start : start + 8]
        own = model.answer(convention.apply(batch, model.channels))
        if mapping.form == "probability" and not (own.min() >= -1e-3 and own.max() <= 1.001):
            raise BundleError(
                f"its output goes from {own.min():.3g} to {own.max():.3g}, which are no probabilities",
                where=model.file.path,
                hint="Say --output logit",
            )
        expected.append(mapping.logit(own))
        got.append(session.run(["logit"], {"film": batch})[0].astype(np.float64))
    return _compare(np.concatenate(expected), np.concatenate(got), 0 if films is None else len(films))


def _compare(expected: npt.NDArray[np.float64], got: npt.NDArray[np.float64], films: int) -> Parity:
    sigmoid = Calibration().probability
    by_logit = np.abs(expected - got)
    by_probability = np.abs(sigmoid(expected) - sigmoid(got))
    # A NaN fails both comparisons.
    agrees = bool(((by_logit <= LOGIT_TOLERANCE) | (by_probability <= PROBABILITY_TOLERANCE)).all())
    telling = np.abs(got) < 7
    return Parity(float(by_logit[telling].max()) if telling.any() else 0.0, float(by_probability.max()), films, agrees)


def _session(model: bytes | str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
