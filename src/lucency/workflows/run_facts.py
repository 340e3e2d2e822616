"""What else there is to compare of two models: recipes, training data, training time, size."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from lucency.bundle import Bundle
from lucency.errors import RunError
from lucency.workflows.compared_runs import ComparedRun
from lucency.workflows.run_folder import read_rows

_NAMING = frozenset({"title", "source"})
_TRAINING_DATA = ("source", "layout", "manifest_sha256", "test_is_val")
_SHORTENED = 12


def differing(values: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The keys whose values are not the same throughout.

    Args:
        values: Nested mappings, one a model.

    Returns:
        For each such key "key" (as in `training.epochs`) and "values", one a model: None where a model lacks it, a list
        as its JSON text.
    """
    flat = [_flat(one) for one in values]
    keys = sorted({key for one in flat for key in one})
    rows = [{"key": key, "values": [one.get(key) for one in flat]} for key in keys]
    return [row for row in rows if any(value != row["values"][0] for value in row["values"])]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = json.dumps(value) if isinstance(value, list | tuple) else value
    return found


def recipe_differences(runs: Sequence[ComparedRun]) -> list[dict[str, Any]]:
    """Recipe values in which the models differ; see `differing`."""
    return differing(
        [{key: value for key, value in run.bundle.card.recipe.items() if key not in _NAMING} for run in runs]
    )


def data_differences(runs: Sequence[ComparedRun]) -> list[dict[str, Any]]:
    """What differs between the films that the models were made with; see `differing`."""
    found = []
    for run in runs:
        data = run.bundle.card.training_data
        facts = {key: data[key] for key in _TRAINING_DATA if key in data}
        if isinstance(facts.get("manifest_sha256"), str):
            facts["manifest_sha256"] = facts["manifest_sha256"][:_SHORTENED]
        found.append({**facts, "splits": data.get("splits", {})})
    return differing(found)


def size_of(bundle: Bundle) -> dict[str, Any]:
    """Bytes of the model file and of the whole bundle, and the number of parameters where the card has it."""
    parameters = bundle.card.provenance.get("parameters")
    return {
        "model_bytes": bundle.model_path.stat().st_size,
        "bundle_bytes": sum(file.stat().st_size for file in bundle.folder.iterdir() if file.is_file()),
        "parameters": int(parameters) if isinstance(parameters, int) else None,
    }


def history_of(run: ComparedRun) -> list[dict[str, str]]:
    """The rows of `history.csv`, or none where there is no such file.

    Raises:
        RunError: It is damaged.
    """
    if run.folder is None or not (run.folder.path / "history.csv").is_file():
        return []
    try:
        rows = read_rows(run.folder.path / "history.csv")
        for row in rows:
            for key, value in row.items():
                if key != "phase" and value:
                    float(value)
    except (OSError, ValueError, TypeError) as error:
        raise RunError(
            f"history.csv is damaged ({error})", where=run.folder.path, hint="Restore it, or delete it"
        ) from None
    return rows


def training_of(run: ComparedRun, history: Sequence[Mapping[str, str]]) -> dict[str, Any] | None:
    """Epochs, seconds and best epoch of the training, or None where nothing is known of it."""
    if not history:
        return None
    seconds = [float(row.get("seconds") or "nan") for row in history]
    best = run.bundle.card.provenance.get("best_epoch")
    device = run.bundle.card.provenance.get("device")
    return {
        "epochs": len(history),
        "best_epoch": best if isinstance(best, int) else None,
        "seconds": None if any(map(math.isnan, seconds)) else sum(seconds),
        "device": ", ".join(device["devices"]) if isinstance(device, Mapping) and "devices" in device else None,
    }
