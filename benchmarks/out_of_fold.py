"""The published figures of a recipe from one small table: what models said of films that they never saw.

    python -m benchmarks.out_of_fold collect CROSS_VALIDATION results/lucency-1/out_of_fold.csv groups.csv
    python -m benchmarks.out_of_fold results/lucency-1/out_of_fold.csv

`collect` makes the table of a finished cross-validation; the table alone gives every figure. It holds no film: names,
labels and facts of the data set, and what each fold's bundle answered.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.cli.printing import table
from lucency.decision import OperatingPoint
from lucency.evaluation.decided import Decided
from lucency.evaluation.heat_map_summary import LARGE_BOX, SMALL_BOX
from lucency.evaluation.intervals import group_numbers, percentile_interval, resampled_weights
from lucency.evaluation.report import EvaluationReport, report_decided

COLUMNS = (
    "image_id",
    "label",
    "group",
    "fold",
    "body_part",
    "view",
    "hardware",
    "copy",
    "logit",
    "probability",
    "decision",
    "box_share",
    "hottest",
    "hottest_at_centre",
    "pointing",
)
FACTS = ("body_part", "view", "hardware")

RESAMPLES, SEED = 1000, 0

APART = range(2400, 2600)
"""Numbers of the films of FracAtlas that were collected apart: nearly all of them are fractured."""

_SIZES = (
    (f"under {SMALL_BOX:.2%} of the film", 0.0, SMALL_BOX),
    ("in between", SMALL_BOX, LARGE_BOX),
    (f"over {LARGE_BOX:.2%}", LARGE_BOX, 1.1),
)

_OF_STRATA = ("auroc", "average_precision", "sensitivity", "specificity")

_SHOWN = ("auroc", "average_precision", "sensitivity", "specificity", "ppv", "npv", "accuracy", "brier", "ece")


def collect(series: Path, out: Path, notes: Path | None = None) -> None:
    """Writes the table of a finished cross-validation.

    Args:
        series: Its folder.
        out: CSV to write.
        notes: CSV with image_id and note; a note that begins with "duplicate" marks a copy of another film.
    """
    noted = [] if notes is None else read_table(notes)
    copies = {row["image_id"] for row in noted if (row.get("note") or "").startswith("duplicate")}
    films = {row["image_id"]: row for row in read_table(series / "films.csv")}
    pointed: dict[str, dict[str, str]] = {}
    for maps in sorted(series.glob("folds/*/heat_maps.csv")):
        pointed |= {row["image_id"]: row for row in read_table(maps)}
    rows = []
    for row in read_table(series / "out_of_fold.csv"):
        film, map_ = films[row["image_id"]], pointed.get(row["image_id"], {})
        rows.append(
            {name: row[name] for name in ("image_id", "label", "group", "fold", "decision")}
            | {name: film.get(name, "") for name in FACTS}
            | {"copy": "" if notes is None else str(int(row["image_id"] in copies))}
            | {name: f"{float(row[name]):.6g}" for name in ("logit", "probability")}
            | {
                "box_share": f"{float(map_['box_share']):.4g}" if map_.get("box_share") else "",
                "hottest": map_.get("model_hottest", ""),
                "hottest_at_centre": map_.get("centre_hottest", ""),
                "pointing": map_.get("model_pointing", ""),
            }
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def measured(rows: Sequence[Mapping[str, str]]) -> EvaluationReport:
    """The report of films of the table, at the operating point that decided them."""
    called = np.array([row["decision"] == "fractured" for row in rows])
    probabilities = np.array([float(row["probability"]) for row in rows])
    # Each fold has a threshold of its own; the lowest probability that was called fractured stands for them.
    threshold = float(probabilities[called].min()) if called.any() else 1.0
    return report_decided(
        np.array([int(row["label"]) for row in rows]),
        probabilities,
        Decided(OperatingPoint("of each fold", threshold), called),
        [],
        groups=[row["group"] for row in rows],
        temperature=None,
        calibration={"method": "of each fold"},
        resamples=RESAMPLES,
        seed=SEED,
    )


def pointing(rows: Sequence[Mapping[str, str]], column: str) -> tuple[float, float, float, int]:
    """How often the hottest cell lies in a box or one cell beside it: share, its interval by groups, and films."""
    marked = [row for row in rows if row[column]]
    hits: npt.NDArray[np.float64] = np.array([float(row[column]) for row in marked])
    numbers, count = group_numbers([row["group"] for row in marked], len(marked))
    draws = [(weights @ hits) / weights.sum(axis=1) for weights in resampled_weights(numbers, count, RESAMPLES, SEED)]
    interval = percentile_interval(np.concatenate(draws), 0.95)
    assert interval.low is not None
    assert interval.high is not None
    return float(hits.mean()), interval.low, interval.high, len(marked)


def show(path: Path) -> None:
    """Prints every figure of the table."""
    rows = read_table(path)
    report = measured(rows)
    print(f"{path.name}: {report.films} films, {report.fractured} fractured, {report.groups} groups\n")
    found = []
    for name in _SHOWN:
        if name in report.metrics:
            found.append([name, *_words(report.metrics[name])])
    found.append(["ece of a perfect model", f"{report.ece_floor:.3f}", ""])
    for name, column in (
        ("hottest cell in a box", "hottest"),
        ("the same, at the centre", "hottest_at_centre"),
        ("the same, and evidence there", "pointing"),
    ):
        share, low, high, films = pointing(rows, column)
        found.append([name, f"{share:.3f}", f"{low:.3f} to {high:.3f} ({films} films)"])
    print(table(["figure", "value", "95 % interval"], found))
    print()
    sizes = [[words, *_found(rows, low, high)] for words, low, high in _SIZES]
    print(table(["largest box", "fractured films", "called fractured", "hottest cell in a box"], sizes))
    strata = {
        "no hardware": [row for row in rows if row["hardware"] in ("", "0")],
        "numbers outside 2400 to 2599": [row for row in rows if _number(row["image_id"]) not in APART],
    }
    if any(row.get("copy") for row in rows):
        strata["without copies of other films"] = [row for row in rows if row["copy"] == "0"]
    strata["all but oblique views alone"] = [row for row in rows if row["view"] != "oblique"]
    strata["folds 3 to 5"] = [row for row in rows if row["fold"] in ("3", "4", "5")]
    for fold in sorted({row["fold"] for row in rows}):
        strata[f"fold {fold}"] = [row for row in rows if row["fold"] == fold]
    for trait in ("body_part", "view"):
        for value in sorted({row[trait] for row in rows}):
            strata[f"{trait.replace('_', ' ')}: {value or 'not known'}"] = [row for row in rows if row[trait] == value]
    lines = []
    for name, part in strata.items():
        fractured = sum(row["label"] == "1" for row in part)
        shown = [""] * len(_OF_STRATA)
        if 0 < fractured < len(part):
            figures = measured(part).metrics
            shown = [" ".join(_words(figures[which])) for which in _OF_STRATA]
        lines.append([name, str(len(part)), str(fractured), *shown])
    print()
    print(table(["films", "number", "fractured", "AUROC", "average precision", "sensitivity", "specificity"], lines))


def _found(rows: Sequence[Mapping[str, str]], low: float, high: float) -> tuple[str, str, str]:
    """Films whose largest box covers such a share of them: number, share called fractured, share pointed at."""
    part = [row for row in rows if row["box_share"] and low <= float(row["box_share"]) < high]
    called = sum(row["decision"] == "fractured" for row in part) / max(1, len(part))
    pointed = sum(float(row["hottest"]) for row in part) / max(1, len(part))
    return str(len(part)), f"{called:.3f}", f"{pointed:.3f}"


def _words(figure: Mapping[str, Any]) -> tuple[str, str]:
    value = "" if figure["value"] is None else f"{figure['value']:.3f}"
    known = figure["low"] is not None and figure["high"] is not None
    return value, f"{figure['low']:.3f} to {figure['high']:.3f}" if known else ""


def _number(image_id: str) -> int:
    digits = "".join(character for character in image_id if character.isdigit())
    return int(digits) if digits else -1


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    if len(sys.argv) in (4, 5) and sys.argv[1] == "collect":
        collect(*map(Path, sys.argv[2:]))
    elif len(sys.argv) == 2:
        show(Path(sys.argv[1]))
    else:
        sys.exit(
            "usage: python -m benchmarks.out_of_fold collect CROSS_VALIDATION TABLE [NOTES]\n"
            "       python -m benchmarks.out_of_fold TABLE"
        )
