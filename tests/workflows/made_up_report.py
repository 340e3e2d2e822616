"""A made-up report.json with every section, for tests of its page."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from lucency.abstention import Abstention
from lucency.calibration import Calibration
from lucency.decision import OperatingPoint
from lucency.evaluation.box_cells import film_cells, fit_to_film
from lucency.evaluation.conformal import abstention_section
from lucency.evaluation.heat_map_rows import score_rows
from lucency.evaluation.heat_map_summary import summarise_heat_maps
from lucency.evaluation.map_changes import ShuffledMaps, map_changes
from lucency.evaluation.map_precision_recall import pooled_precision_recall
from lucency.evaluation.report import evaluate_scores
from lucency.evaluation.shift import measure_shift
from lucency.evaluation.subgroups import measure_subgroups
from lucency.imaging.geometry import InputSpec, place

_FEW = 60


def made_up_report(name: str) -> dict[str, Any]:
    """A report of 400 films.

    Args:
        name: Of a film, shown wherever films are named.
    """
    random = np.random.default_rng(0)
    labels = (random.random(400) < 0.35).astype(int)
    parts = random.choice(["hand", "leg", "shoulder", "mixed"], 400, p=[0.5, 0.4, 0.07, 0.03])
    logits = random.normal(size=400) + np.where(parts == "leg", 0.4, 3.0) * (labels - 0.5)
    probabilities = Calibration().probability(logits)
    report = evaluate_scores(
        labels,
        logits,
        groups=None,
        calibration=Calibration(),
        operating_point=OperatingPoint("youden", 0.4, 0.8, 0.9),
        other_points=[OperatingPoint("sensitivity_90", 0.2, 0.9, 0.7)],
        prevalences=[0.05, 0.5],
        resamples=_FEW,
    ).to_json()
    kept = {"split": "test", "films": 400, "fractured": int(labels.sum()), "figures": report["metrics"]}
    card = {"metrics": kept, "scores": {**report["histogram"], "split": "val"}}
    sizes = random.choice([f"longer side {words} pixels" for words in ("under 512", "1024 to 2047")], 400)
    traits = {"body_part": parts.tolist(), "image_size": sizes.tolist(), "view": ["frontal"] * 400}
    abstention = Abstention(tuple(np.sort(logits[labels == 1])), tuple(np.sort(logits[labels == 0])))
    evidence = {
        **report["evidence"],
        "shift": measure_shift(card, labels, probabilities, None, report["metrics"], resamples=_FEW),
        "abstention": abstention_section(abstention, labels, logits, None, resamples=_FEW),
        "subgroups": measure_subgroups(labels, probabilities, probabilities >= 0.4, None, traits, resamples=_FEW),
        "heat_maps": _heat_maps(random),
        "gate": _gate(name),
        "failures": {
            kind: {"films": 3, "share": None if kind == "uncertain" else 0.1, "shown": []}
            for kind in ("false_negatives", "false_positives", "uncertain")
        },
    }
    finding = {
        "check": "labels", "severity": "warning", "message": f"{name} is odd.", "image_ids": [name], "action": "Look.",
        "evidence": {},
    }  # fmt: skip
    content = {**report, "evidence": evidence, "findings": [finding], "notes": [f"{name} was left out."]}
    plain: dict[str, Any] = json.loads(json.dumps(content))
    return plain


def _heat_maps(random: np.random.Generator) -> dict[str, Any]:
    """Boxes all in the middle, and a heat map of noise: position alone would find them more often."""
    placement = place(200, 150, InputSpec(64, 64))
    fitted = [fit_to_film([(*random.uniform(60, 70, 2), 25, 25)], 200, 150) for _ in range(40)]
    cells = [film_cells(one.boxes, placement, (8, 8)) for one in fitted]
    heats = [random.normal(size=(8, 8)) for _ in cells]
    rows = [
        {
            "image_id": f"film {number}", "group": "", "label": 1, "decision": "fractured", "left_out": "", "boxes": 1,
            "boxes_outside": 0, "boxes_cut": 0, "box_share": one.largest_share, "occlusion_pointing": None,
            "occlusion_pointing_exact": None, "occlusion_correlation": None, **scores,
        }
        for number, (one, scores) in enumerate(zip(fitted, score_rows(heats, cells, None), strict=True))
    ]  # fmt: skip
    shuffled = [ShuffledMaps(step, count, [heat.copy() for heat in heats]) for count, step in enumerate("ab", 1)]
    return summarise_heat_maps(rows, resamples=_FEW, seed=0) | {
        "cells": [8, 8],
        "source": "heatmap",
        "precision_recall": pooled_precision_recall(heats, cells, None, resamples=_FEW, seed=0),
        "randomisation": map_changes(heats, shuffled, cells, None, resamples=_FEW, seed=0) | {"kernels": 2, "seed": 0},
        "folds": None,
    }


def _gate(name: str) -> dict[str, Any]:
    share = {"value": 0.0025, "low": 0.001, "high": 0.014, "reason": None, "dropped": 0, "films": 400, "refused": 1}
    image = {"image_id": name, "fractured": True, "refusal": "not_a_radiograph", "distances": {"texture": 1.04}}
    reasons = {"not_a_radiograph": 1, "unlike_training_films": 0}
    refused = {"all": share, "fractured": share, "not_fractured": share}
    return {
        "films": 400, "refused": refused, "reasons": reasons, "images": [image], "drawn": None, "sentences": [],
    }  # fmt: skip
