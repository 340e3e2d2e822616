"""What the cards of the models in the box say of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lucency.bundle import Bundle, read_bundle
from lucency.decision import OperatingPoint
from lucency.shipped import DEFAULT_MODEL, shipped_folder, shipped_models

_NO_INTERVAL = "the card holds no interval for it"


def describe_models(name: str | None = None) -> dict[str, Any]:
    """What `lucency models --json` prints (see docs/reference/json.md).

    Every figure is that of the card; a figure that a card lacks is None.

    Args:
        name: The only model to describe; all that came with this installation where None.

    Raises:
        BundleError: There is no such model, it did not come with this installation, or it was altered.
    """
    names = shipped_models() if name is None else (name,)
    return {"default": DEFAULT_MODEL, "models": [_described(one) for one in names]}


def _described(name: str) -> dict[str, Any]:
    bundle = read_bundle(shipped_folder(name))
    card, files = bundle.card, _files(bundle.folder)
    return {
        "name": name,
        "default": name == DEFAULT_MODEL,
        "bundle": bundle.identity,
        "path": str(bundle.folder),
        "bytes": sum(file["bytes"] for file in files.values()),
        "files": files,
        "input": card.input.to_json(),
        "outputs": list(card.outputs),
        "intended_use": card.intended_use,
        "limits": list(card.limits),
        "licence": card.licence,
        "trained_on": _trained_on(card.training_data),
        "training_data": dict(card.training_data),
        "auroc": card.metrics.get("figures", {}).get("auroc"),
        "measured_on": _measured_on(card.metrics),
        "default_operating_point": card.default_operating_point,
        "operating_points": [_point(bundle, point) for point in card.operating_points],
        "refuses": card.gate is not None,
        "knows_its_films": card.fingerprints_sha256 is not None,
    }


def _files(folder: Path) -> dict[str, dict[str, Any]]:
    # What the hashes should be, the card says; that they are, the reading of the bundle has checked.
    contents = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
    return {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in contents.items()
    }


def _trained_on(data: Mapping[str, Any]) -> dict[str, Any]:
    train = data.get("splits", {}).get("train", {})
    return {"source": data.get("source"), "films": train.get("films"), "fractured": train.get("fractured")}


def _measured_on(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    if "figures" not in metrics:
        return None
    return {key: metrics.get(key) for key in ("split", "films", "groups", "fractured", "optimistic_reason")}


def _point(bundle: Bundle, point: OperatingPoint) -> dict[str, Any]:
    measured = bundle.card.provenance.get("validation", {}).get("operating_points", {}).get(point.name, {})
    told = {"sensitivity": point.sensitivity, "specificity": point.specificity}
    return {
        "name": point.name,
        "threshold": point.threshold,
        **{name: measured.get(name) or _alone(value) for name, value in told.items()},
    }


def _alone(value: float | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return {"value": value, "low": None, "high": None, "reason": _NO_INTERVAL, "dropped": 0}
