"""Bundle: a model to carry away. `model.onnx` + `card.json` (+ `fingerprints.npz`, `gate.npz`); read, write, verify."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lucency.card import (
    CARD_FILE,
    FINGERPRINTS_FILE,
    GATE_FILE,
    INTENDED_USE,
    MODEL_FILE,
    POOLED_HEAT_SCALE,
    SCHEMA_VERSION,
    Card,
    card_hash,
)
from lucency.errors import BundleError
from lucency.shipped import bundle_folder

if TYPE_CHECKING:
    from lucency.fingerprints import Fingerprints

__all__ = [
    "CARD_FILE",
    "FINGERPRINTS_FILE",
    "GATE_FILE",
    "INTENDED_USE",
    "MODEL_FILE",
    "POOLED_HEAT_SCALE",
    "SCHEMA_VERSION",
    "Bundle",
    "Card",
    "read_bundle",
    "write_bundle",
]


@dataclass(frozen=True)
class Bundle:
    """A folder whose model and card belong together.

    Attributes:
        folder: Where it lies.
        card: What is known of it.
    """

    folder: Path
    card: Card

    @property
    def identity(self) -> str:
        """`name@hash`: changes with all that changes an answer: weights, input, calibration, thresholds, gate."""
        content = self.card.to_json()
        keys = ("model", "input", "calibration", "operating_points", "default_operating_point", "abstention", "gate")
        return f"{self.card.name}@{card_hash({key: content[key] for key in keys if key in content})[:12]}"

    @property
    def model_path(self) -> Path:
        """The ONNX file."""
        return self.folder / MODEL_FILE

    @property
    def gate_path(self) -> Path | None:
        """The file of the gate, or None where the bundle has none."""
        return None if self.card.gate is None else self.folder / GATE_FILE

    def films_used(self, split: str) -> frozenset[str]:
        """The films of a split ("train" or "val"), each as the first 16 hexadecimal digits of its SHA-256.

        Empty where the bundle does not know them.
        """
        known = self.fingerprints()
        return frozenset() if known is None else known.used(split)

    def fingerprints(self) -> Fingerprints | None:
        """By what the films that it has seen are known again; None where the bundle does not know them."""
        if self.card.fingerprints_sha256 is None:
            return None
        from lucency.fingerprints import Fingerprints

        return Fingerprints.read(self.folder / FINGERPRINTS_FILE)


def read_bundle(path: str | os.PathLike[str] | None = None) -> Bundle:
    """Opens a bundle and checks that nothing in it was altered.

    Args:
        path: The bundle's folder, a run folder that holds one, or the name of a model in the box as
            `shipped.bundle_folder` takes it; the default model where None.

    Raises:
        BundleError: There is none, it was altered, or it is from a newer version.
    """
    path = folder = bundle_folder(path)
    if not (folder / CARD_FILE).is_file() and (folder / "bundle" / CARD_FILE).is_file():
        folder = folder / "bundle"
    if (folder / "run.json").is_file():
        raise BundleError(
            "this run has no bundle yet",
            where=path,
            hint=f"Go on with: lucency train --resume {path}, or where it is trained: lucency export {path}",
        )
    if not (folder / CARD_FILE).is_file():
        problem = "holds no bundle (no card.json)" if folder.is_dir() else "does not exist"
        raise BundleError(
            problem,
            where=path,
            hint="Give the folder that `lucency train` or `lucency export` wrote as 'bundle'",
        )
    try:
        content = json.loads((folder / CARD_FILE).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"card.json cannot be read ({error})", where=folder) from None
    if not isinstance(content, dict):
        raise BundleError("card.json cannot be read (it is not an object)", where=folder)
    card = Card.from_json(content, folder)
    model = folder / MODEL_FILE
    if not model.is_file():
        raise BundleError("model.onnx is missing", where=folder, hint="Get the bundle again")
    if _file_hash(model) != card.model_sha256:
        raise BundleError(
            "model.onnx is not the file that card.json was written for: its hash does not match",
            where=folder,
            hint="Get the bundle again, or make it again with `lucency export RUN`",
        )
    beside = {FINGERPRINTS_FILE: card.fingerprints_sha256, GATE_FILE: card.gate["sha256"] if card.gate else None}
    for name, known in beside.items():
        if known is not None and (not (folder / name).is_file() or _file_hash(folder / name) != known):
            raise BundleError(f"{name} is missing or altered", where=folder, hint="Get the bundle again")
    return Bundle(folder, card)


def write_bundle(
    folder: Path, card: Card, *, films: Fingerprints | Mapping[str, Sequence[str]] | None = None
) -> Bundle:
    """Writes `card.json` beside the `model.onnx` that lies in the folder already, and reads the bundle back.

    Args:
        folder: Folder with `model.onnx`.
        card: What is known of it; its hashes are filled in here.
        films: Fingerprints of the films that the model has seen, or their SHA-256 (hexadecimal) by split alone, so that
            an evaluation can tell which films are not new to it. None keeps what the folder holds.
    """
    if films is not None:
        from lucency.fingerprints import Fingerprints

        seen = films if isinstance(films, Fingerprints) else Fingerprints.of(films)
        seen.write(folder / FINGERPRINTS_FILE)
    known = _file_hash(folder / FINGERPRINTS_FILE) if (folder / FINGERPRINTS_FILE).is_file() else None
    gate = None if card.gate is None else {**card.gate, "sha256": _file_hash(folder / GATE_FILE)}
    card = replace(card, model_sha256=_file_hash(folder / MODEL_FILE), fingerprints_sha256=known, gate=gate)
    temporary = folder / (CARD_FILE + ".part")
    temporary.write_text(json.dumps(card.to_json(), indent=2, ensure_ascii=False) + "\n", "utf-8")
    os.replace(temporary, folder / CARD_FILE)
    return read_bundle(folder)


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
