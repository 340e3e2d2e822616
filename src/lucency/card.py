"""Card: what `card.json` says of the model beside it, and that nobody altered it since."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lucency.abstention import Abstention
from lucency.calibration import Calibration
from lucency.decision import ExamRule, OperatingPoint
from lucency.errors import BundleError
from lucency.imaging.geometry import InputSpec

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


POOLED_HEAT_SCALE = 20.0
"""Logits at which a heat map is drawn strongest whose mean, plus a bias, is the logit."""


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
        limits: What the model was not made for, or cannot do, as its author states it; a sentence each.
        heat_scale: Logits at which its heat map is drawn strongest, above 0; one for all films of a bundle.
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
    limits: tuple[str, ...] = ()
    heat_scale: float = POOLED_HEAT_SCALE

    def to_json(self) -> dict[str, Any]:
        """The content of `card.json`."""
        card: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "name": self.name,
            "intended_use": self.intended_use,
            "licence": self.licence,
            **({"limits": list(self.limits)} if self.limits else {}),
            "model": {"file": MODEL_FILE, "sha256": self.model_sha256, "outputs": list(self.outputs)},
            "input": {"values": "grey 0..255, bone bright", **self.input.to_json()},
            "classes": {"1": "fractured", "0": "not_fractured"},
            **({} if self.heat_scale == POOLED_HEAT_SCALE else {"heat_scale": self.heat_scale}),
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
        return {**card, "card_sha256": card_hash(card)}

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
        if card.get("card_sha256") != card_hash(content):
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
                limits=tuple(map(str, card.get("limits", ()))),
                heat_scale=_above_0(card.get("heat_scale", POOLED_HEAT_SCALE)),
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


def _above_0(value: Any) -> float:
    number = float(value)
    if not 0 < number < float("inf"):
        raise ValueError(f"heat_scale must be above 0, not {number}")
    return number


def card_hash(card: Mapping[str, Any]) -> str:
    """SHA-256, hexadecimal, of plain values in a canonical order."""
    canonical = json.dumps(card, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()
