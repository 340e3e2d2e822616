"""A run folder with a bundle that nobody trained: real files of made-up content, written in milliseconds."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from lucency.bundle import Bundle, Card, write_bundle
from lucency.calibration import Calibration
from lucency.decision import OperatingPoint
from lucency.evaluation.baselines import Baseline
from lucency.evaluation.report import evaluate_scores
from lucency.evaluation.stress import StressedScores, evaluate_stress
from lucency.evaluation.subgroups import measure_subgroups
from lucency.imaging.geometry import InputSpec

POINTS = (OperatingPoint("youden", 0.41, 0.83, 0.79), OperatingPoint("screening", 0.22, 0.95, 0.55))
CALIBRATION = Calibration(1.25)
SIZES = {"train": 60, "val": 20, "test": 80}
PARTS = ("wrist", "ankle")

RECIPE: dict[str, Any] = {
    "name": "tiny-vgg",
    "title": "A small network",
    "source": "Somebody's notebook",
    "seed": 7,
    "input": {"height": 64, "width": 48, "fit": "letterbox", "interpolation": "bilinear"},
    "model": {"architecture": "tiny-vgg", "weights": "none", "hidden": [32], "dropout": 0.25},
    "augmentation": {"flip_horizontal": 0.5, "rotation": 0.0},
    "training": {"epochs": 3, "batch_size": 8, "optimizer": "adam", "balance": "none", "monitor": "val_auroc"},
    "split": {"val": 0.125, "test": 0.5, "test_from_val": False},
    "evaluation": {"operating_point": "youden", "sensitivity": 0.9, "resamples": 100},
}
FINDINGS: list[dict[str, Any]] = [
    {
        "check": "leakage",
        "severity": "warning",
        "message": "7 of 80 films of test are copies of films of train",
        "image_ids": ["f100"],
        "evidence": {"films": 80},
        "action": "Keep copies on one side",
    },
    {"check": "balance", "severity": "note", "message": "By the way | said", "image_ids": [], "evidence": {}},
]


def scores(seed: int = 0, films: int = SIZES["test"]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Labels, logits and groups of made-up films."""
    random = np.random.default_rng(seed)
    labels = np.arange(films) % 4 < 1
    return labels.astype(int), random.normal(size=films) + 2.2 * labels - 1.3, [f"g{n // 2}" for n in range(films)]


def made_up_report(bundle: str, *, seed: int = 0, evidence: bool = True) -> dict[str, Any]:
    """The content of report.json, from the evaluation room itself."""
    labels, logits, groups = scores(seed)
    report = evaluate_scores(
        labels,
        logits,
        groups=groups,
        calibration=CALIBRATION,
        operating_point=POINTS[0],
        other_points=POINTS[1:],
        baselines=[Baseline("majority", 0.75, None, {"answer": "not_fractured"})],
        findings=FINDINGS,
        resamples=100,
    )
    content: dict[str, Any] = report.to_json() | {"bundle": bundle}
    if evidence:
        probabilities = CALIBRATION.probability(logits)
        decisions = [bool(value >= POINTS[0].threshold) for value in probabilities]
        traits = {"body_part": [PARTS[n % 3 > 0] for n in range(len(labels))]}
        found = measure_subgroups(labels, probabilities, decisions, groups, traits=traits, resamples=100)
        content["evidence"] = {**content.get("evidence", {}), "subgroups": found}
    plain: dict[str, Any] = json.loads(json.dumps(content))
    return plain


def made_up_stress(bundle: str) -> dict[str, Any]:
    """The content of stress.json, from the evaluation room itself."""
    labels, logits, groups = scores()
    damaged = (logits, logits[::-1].copy())
    found = evaluate_stress(
        labels,
        logits,
        [StressedScores("noise", "Noise", (1, 5), (0.1, 0.5), ("a little", "a lot"), damaged)],
        groups=groups,
        calibration=CALIBRATION,
        operating_point=POINTS[0],
        resamples=100,
    )
    content = {"schema_version": 1, "verdict": "Noise breaks it at severity 5.", "bundle": bundle, **found, "notes": []}
    plain: dict[str, Any] = json.loads(json.dumps({**content, "split": "test", "data": None}))
    return plain


def made_up_bundle(folder: Path, *, source: str = "films") -> Bundle:
    """A bundle whose card has what training, export and evaluation write."""
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"no graph, but nothing here runs it")
    report = made_up_report("")
    splits = {
        name: {"films": films, "fractured": films // 4 if name == "test" else films // 2}
        for name, films in SIZES.items()
    }
    card = Card(
        name="tiny-vgg",
        input=InputSpec(64, 48, 1, "letterbox", "bilinear"),
        model_sha256="",
        outputs=("logit", "heatmap", "embedding"),
        calibration=CALIBRATION,
        operating_points=POINTS,
        default_operating_point="youden",
        metrics={
            **{key: report[key] for key in ("split", "films", "groups", "fractured", "optimistic_reason")},
            "figures": report["metrics"],
        },
        training_data={
            "source": source,
            "layout": "folder with a table",
            "manifest_sha256": "ab" * 32,
            "test_is_val": False,
            "splits": splits,
        },
        recipe=RECIPE,
        provenance={
            "exported": "2026-01-02T00:00:00Z",
            "trained": "2026-01-01T00:00:00Z",
            "device": {"backend": "tensorflow", "devices": ["cpu:0"]},
            "seed": 7,
            "parameters": 41234,
            "best_epoch": 2,
            "versions_of_training": {"python": "3.11.7", "lucency": "0.1.0"},
            "versions_of_export": {"python": "3.11.7", "onnx": "1.23.2"},
        },
        licence="Pretrained weights of the backbone: Apache-2.0.",
    )
    return write_bundle(folder, card, films={"train": ["0" * 64], "val": ["f" * 64]})


def made_up_run(folder: Path, *, source: str = "films") -> Bundle:
    """A run folder around such a bundle, with all that a card is drawn from."""
    bundle = made_up_bundle(folder / "bundle", source=source)
    (folder / "report.json").write_text(json.dumps(made_up_report(bundle.identity)))
    (folder / "findings.json").write_text(json.dumps(FINDINGS))
    run = {
        "schema_version": 1,
        "stages": {},
        "command": ["/a/b/lucency", "train", "/secret/place/films", "--out=/x/run"],
    }
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "history.csv").write_text("epoch,phase,seconds\n1,train,2.5\n2,train,1.5\n3,train,1.0\n")
    columns = (
        "image_id",
        "path",
        "sha256",
        "label",
        "patient_id",
        "study_id",
        "group",
        "body_part",
        "view",
        "split",
        "boxes",
    )
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        place = 0
        for split, films in SIZES.items():
            for n in range(films):
                label = int(n % 4 < 1) if split == "test" else n % 2
                boxes = "[[1,2,3,4]]" if label else "[]"
                row = (
                    f"f{place}",
                    f"films/f{place}.png",
                    f"{place:064x}",
                    label,
                    "",
                    "",
                    f"{split}{n // 2}",
                    PARTS[n % 2],
                )
                writer.writerow((*row, "AP", split, boxes))
                place += 1
    return bundle
