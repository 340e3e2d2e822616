"""Bundle: a model to carry away. `model.onnx` + `card.json` (+ `fingerprints.npz`, `gate.npz`); read, write, verify."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucency.abstention import Abstention
from lucency.calibration import Calibration
from lucency.decision import ExamRule, OperatingPoint
from lucency.errors import BundleError
from lucency.imaging.geometry import InputSpec

if TYPE_CHECKING:
    from lucency.fingerprints import Fingerprints

SCHEMA_VERSION = 1
"""Version of `card.json` that this package writes, and the newest that it reads."""

MODEL_FILE = "model.onnx"
CARD_FILE = "card.json"
FINGERPRINTS_FILE = "fingerprints.npz"
GATE_FILE = "gate.npz"

INTENDED_USE = (
    "Research on the detection of bone fractures in radiographs. Not a medical device; not for diagnosis, triage or "
    "any decision about a patient."
)


@dataclass(frozen=True)
class Card:
    """What `card.json` says of the model beside it.

    Attributes:
        name: Name of the bundle, as it appears in `name@hash`.
        input: Geometry of the network input.
        model_sha256: Hash of `model.onnx`, hexadecimal.
        outputs: Names of the graph's outputs: "logit", and "heatmap" and "embedding" where the model allows.
        calibration: From logit to probability, fitted on validation films.
        operating_points: Thresholds, fitted on validation films.
        default_operating_point: Name of the one that decides unless another is asked for.
        abstention: By which "uncertain" is said, fitted on validation films; None where it was not.
        gate: Facts about `gate.npz`: "sha256", and what it was fitted on; None where the bundle has no gate.
        scores: Calibrated probabilities of the validation films by class, as `evaluation.curves.score_histogram` gives
            them, with "split" and "films": what another site is compared with. Empty where unknown.
        exams: How the films of one exam answer together, fitted on validation exams; None where it was not.
        metrics: Figures on the test films with intervals, as in `report.json`.
        training_data: What it was trained on: source, counts, hash of the manifest.
        recipe: The resolved recipe.
        provenance: Versions, seed, device, date, parity of the export.
        fingerprints_sha256: Hash of `fingerprints.npz`, or None where there is none.
        intended_use: In one paragraph.
        licence: Licence of the weights, or a sentence on how to find it.
    """

    name: str
    input: InputSpec
    model_sha256: str
    outputs: tuple[str, ...] = ("logit",)
    calibration: Calibration = field(default_factory=Calibration)
    operating_points: tuple[OperatingPoint, ...] = (OperatingPoint("half", 0.5),)
    default_operating_point: str = "half"
    abstention: Abstention | None = None
    gate: Mapping[str, Any] | None = None
    scores: Mapping[str, Any] = field(default_factory=dict)
    exams: ExamRule | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    training_data: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    fingerprints_sha256: str | None = None
    intended_use: str = INTENDED_USE
    licence: str = "not stated"

    def to_json(self) -> dict[str, Any]:
        """The content of `card.json`."""
        card: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "name": self.name,
            "intended_use": self.intended_use,
            "licence": self.licence,
            "model": {"file": MODEL_FILE, "sha256": self.model_sha256, "outputs": list(self.outputs)},
            "input": {"values": "grey 0..255, bone bright", **self.input.to_json()},
            "classes": {"1": "fractured", "0": "not_fractured"},
            "calibration": self.calibration.to_json(),
            "operating_points": [vars(point) for point in self.operating_points],
            "default_operating_point": self.default_operating_point,
            **({} if self.abstention is None else {"abstention": self.abstention.to_json()}),
            **({} if self.gate is None else {"gate": {"file": GATE_FILE, **self.gate}}),
            **({"scores": dict(self.scores)} if self.scores else {}),
            **({} if self.exams is None else {"exams": self.exams.to_json()}),
            "metrics": dict(self.metrics),
            "training_data": dict(self.training_data),
            "recipe": dict(self.recipe),
            "provenance": dict(self.provenance),
            "fingerprints": {"file": FINGERPRINTS_FILE, "sha256": self.fingerprints_sha256},
        }
        return {**card, "card_sha256": _card_hash(card)}

    @classmethod
    def from_json(cls, card: Mapping[str, Any], where: str | os.PathLike[str]) -> Card:
        """Reads the content of `card.json`.

        Raises:
            BundleError: It is from a newer version, was altered, or lacks a value.
        """
        version = card.get("schema_version")
        if not isinstance(version, int):
            raise BundleError("card.json has no schema_version, so this is not a Lucency bundle", where=where)
        if version > SCHEMA_VERSION:
            raise BundleError(
                f"the bundle has schema version {version}; this version of lucency reads up to {SCHEMA_VERSION}",
                where=where,
                hint="Upgrade with: pip install --upgrade lucency",
            )
        content = {key: value for key, value in card.items() if key != "card_sha256"}
        if card.get("card_sha256") != _card_hash(content):
            raise BundleError(
                "card.json was altered after it was written: its hash does not match",
                where=where,
                hint="Get the bundle again, or make it again with `lucency export RUN`",
            )
        try:
            spec = {key: value for key, value in card["input"].items() if key != "values"}
            result = cls(
                name=str(card["name"]),
                input=InputSpec.from_json(spec),
                model_sha256=str(card["model"]["sha256"]),
                outputs=tuple(card["model"]["outputs"]),
                calibration=Calibration.from_json(card["calibration"]),
                operating_points=tuple(OperatingPoint(**point) for point in card["operating_points"]),
                default_operating_point=str(card["default_operating_point"]),
                abstention=Abstention.from_json(card["abstention"]) if "abstention" in card else None,
                gate={key: value for key, value in card["gate"].items() if key != "file"} if "gate" in card else None,
                scores=card.get("scores", {}),
                exams=ExamRule.from_json(card["exams"]) if "exams" in card else None,
                metrics=card["metrics"],
                training_data=card["training_data"],
                recipe=card["recipe"],
                provenance=card["provenance"],
                fingerprints_sha256=card.get("fingerprints", {}).get("sha256"),
                intended_use=str(card["intended_use"]),
                licence=str(card["licence"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(f"card.json cannot be read: {type(error).__name__} {error}", where=where) from None
        result.operating_point()
        return result

    def operating_point(self, name: str | None = None) -> OperatingPoint:
        """The operating point of that name, or the default one.

        Raises:
            BundleError: There is none of that name.
        """
        wanted = name or self.default_operating_point
        for point in self.operating_points:
            if point.name == wanted:
                return point
        known = ", ".join(point.name for point in self.operating_points)
        raise BundleError(f"the bundle has no operating point '{wanted}'", hint=f"It has: {known}")


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
        return f"{self.card.name}@{_card_hash({key: content[key] for key in keys if key in content})[:12]}"

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


def read_bundle(path: str | os.PathLike[str]) -> Bundle:
    """Opens a bundle and checks that nothing in it was altered.

    Args:
        path: The bundle's folder, or a run folder that holds one.

    Raises:
        BundleError: There is none, it was altered, or it is from a newer version.
    """
    folder = Path(path)
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


def _card_hash(card: Mapping[str, Any]) -> str:
    canonical = json.dumps(card, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
