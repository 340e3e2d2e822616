"""Time and memory of a whole report against the number of films.

`python -m benchmarks.report_time [--sizes 1000,10000] [--groups grouped,alone] [--resamples 1000] [--profile]
[--json FILE]`. Made-up scores, in groups of one to four or alone, go through everything that `lucency evaluate` makes
of scores: metrics, subgroups of five traits, abstention, heat maps of 10 x 10 cells against the boxes of one film in
five, failures, figures and page. Films of some kinds are answered worse, so that the costly test of subgroups runs.
Neither are films scored nor pictures of films drawn. Each row is measured in a process of its own, where the largest
memory so far is noted after each part; `--profile` shows the functions that take longest in a second run.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from benchmarks.interval_coverage import drawn_films
from lucency.calibration import Calibration
from lucency.cli.printing import table
from lucency.decision import OperatingPoint
from lucency.evaluation.box_cells import film_cells
from lucency.evaluation.conformal import abstention_section, fit_abstention
from lucency.evaluation.failures import failure_section
from lucency.evaluation.heat_map_rows import score_rows
from lucency.evaluation.heat_map_summary import summarise_heat_maps
from lucency.evaluation.map_precision_recall import pooled_precision_recall
from lucency.evaluation.report import EvaluationReport, evaluate_scores
from lucency.evaluation.subgroups import measure_subgroups
from lucency.imaging.geometry import InputSpec, place
from lucency.reporting.canvas import to_png
from lucency.reporting.evidence_figures import evidence_figures
from lucency.reporting.figures import report_figures
from lucency.reporting.html import render_report

USED, SCREENING = OperatingPoint("youden", 0.3), OperatingPoint("screening", 0.1)
TRAITS = {
    "body_part": {"hand": 0.35, "leg": 0.4, "hip": 0.08, "shoulder": 0.1, "hand+wrist": 0.04, "": 0.03},
    "view": {"frontal": 0.45, "lateral": 0.25, "oblique": 0.1, "frontal+lateral": 0.15, "": 0.05},
    "hardware": {"without metal": 0.92, "with metal": 0.08},
    "image_size": {"under 512": 0.1, "512 to 1023": 0.4, "1024 to 2047": 0.4, "2048 or more": 0.1},
    "box_size": {"under 0.25 %": 0.2, "0.25 to 1 %": 0.6, "1 % or more": 0.2},
}
HARDER = {("body_part", "hip"), ("hardware", "with metal"), ("box_size", "under 0.25 %")}
CELLS = (10, 10)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report_time", description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", default="1000,10000", help="numbers of films")
    parser.add_argument("--groups", default="grouped,alone")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--profile", action="store_true", help="show where the time of each goes")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--one", nargs=2, metavar=("FILMS", "alone|grouped"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        measured = _measured(int(given.one[0]), given.one[1] == "grouped", given.resamples, given.profile)
        print(json.dumps(measured))
        return
    found = []
    for size in given.sizes.split(","):
        for groups in given.groups.split(","):
            command = [sys.executable, "-m", "benchmarks.report_time", "--one", size, groups]
            command += ["--resamples", str(given.resamples), *(["--profile"] if given.profile else [])]
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            found.append({"films": int(size), "groups": groups, "parts": json.loads(said)})
            print(_table(found[-1]), flush=True)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end, {given.resamples} resamples")
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")


def _table(row: dict[str, Any]) -> str:
    columns = (f"{row['films']} films, {row['groups']}", "processor s", "elapsed s", "MiB at most")
    parts = row["parts"]
    whole = {key: sum(part[key] for part in parts) for key in ("processor", "elapsed")}
    parts = [*parts, {"name": "all", **whole, "memory": parts[-1]["memory"]}]
    rows = [
        (part["name"], f"{part['processor']:.1f}", f"{part['elapsed']:.1f}", f"{part['memory']:.0f}") for part in parts
    ]
    return table(columns, rows, right=columns[1:]) + "\n"


def _measured(films: int, grouped: bool, resamples: int, profile: bool) -> list[dict[str, Any]]:
    report = _Report(films, grouped, resamples)
    parts: list[dict[str, Any]] = [{"name": "before", "processor": 0.0, "elapsed": 0.0, "memory": _mebibytes()}]
    for name, work in report.parts():
        begun, processor = time.monotonic(), time.process_time()
        work()
        processor, elapsed = time.process_time() - processor, time.monotonic() - begun
        parts.append({"name": name, "processor": processor, "elapsed": elapsed, "memory": _mebibytes()})
    if profile:
        watch = cProfile.Profile()
        for _, work in report.parts():
            watch.runcall(work)
        pstats.Stats(watch, stream=sys.stderr).sort_stats("tottime").print_stats(20)
    return parts


class _Report:
    """Scores of films that never were, and the parts of a report of them in the order of `lucency evaluate`."""

    def __init__(self, films: int, grouped: bool, resamples: int):
        random = np.random.default_rng(0)
        self.labels, probabilities, self.groups = drawn_films(films, grouped=grouped, random=random)
        self.traits = {
            name: random.choice(list(shares), size=films, p=list(shares.values())) for name, shares in TRAITS.items()
        }
        self.traits["box_size"] = np.where(self.labels == 1, self.traits["box_size"], "")
        harder = np.any([self.traits[name] == value for name, value in HARDER], axis=0)
        logits = np.log(probabilities) - np.log1p(-probabilities)
        self.logits = np.where(harder, 0.4 * logits + 1.5 * random.normal(size=films), logits)
        self.probabilities = expit(self.logits)
        self.called = self.probabilities >= USED.threshold
        self.names = [f"film {number}" for number in range(films)]
        self.boxed = np.flatnonzero(self.labels)[: films // 5].tolist()
        self.boxes = [(*random.uniform(0, 150, 2), *random.uniform(8, 60, 2)) for _ in self.boxed]
        self.noise = random.normal(size=(len(self.boxed), *CELLS)).astype(np.float32)
        others = drawn_films(1000, grouped=False, random=random)
        self.abstention = fit_abstention(np.log(others[1]) - np.log1p(-others[1]), others[0], error_rate=0.1)
        self.bootstrap: Any = {"resamples": resamples, "seed": 0}
        self.evidence: dict[str, Any] = {}
        self.report: EvaluationReport
        self.figures: dict[str, Any]

    def parts(self) -> Sequence[tuple[str, Callable[[], None]]]:
        return (
            ("metrics", self.metrics),
            ("abstention", self.abstain),
            ("subgroups", self.subgroups),
            ("heat maps", self.heat_maps),
            ("failures", self.failures),
            ("figures as PNG", self.draw),
            ("page", self.page),
        )

    def metrics(self) -> None:
        self.report = evaluate_scores(
            self.labels,
            self.logits,
            groups=self.groups,
            calibration=Calibration(),
            operating_point=USED,
            other_points=[SCREENING],
            prevalences=(0.05, 0.3),
            **self.bootstrap,
        )
        self.evidence = dict(self.report.evidence)

    def abstain(self) -> None:
        self.evidence["abstention"] = abstention_section(
            self.abstention, self.labels, self.logits, self.groups, **self.bootstrap
        )

    def subgroups(self) -> None:
        traits = {name: values.tolist() for name, values in self.traits.items()}
        self.evidence["subgroups"] = measure_subgroups(
            self.labels,
            self.probabilities,
            self.called,
            self.groups,
            traits,
            fractured_only=["box_size"],
            **self.bootstrap,
        )

    def heat_maps(self) -> None:
        groups = None if self.groups is None else [self.groups[film] for film in self.boxed]
        placement = place(320, 260, InputSpec(320, 320))
        cells = [film_cells([box], placement, CELLS) for box in self.boxes]
        heats = [noise + one.boxed.astype(np.float32) / 512 for noise, one in zip(self.noise, cells, strict=True)]
        rows = [
            {
                "image_id": self.names[film],
                "group": "" if self.groups is None else self.groups[film],
                "label": 1,
                "decision": "fractured" if self.called[film] else "not_fractured",
                "left_out": "",
                "boxes": 1,
                "boxes_outside": 0,
                "boxes_cut": 0,
                "box_share": one.boxed_share,
                **scores,
            }
            for film, one, scores in zip(self.boxed, cells, score_rows(heats, cells, groups), strict=True)
        ]
        self.evidence["heat_maps"] = summarise_heat_maps(rows, **self.bootstrap) | {
            "cells": list(CELLS),
            "source": "heatmap",
            "precision_recall": pooled_precision_recall(heats, cells, groups, **self.bootstrap),
            "randomisation": None,
            "folds": None,
        }

    def failures(self) -> None:
        self.evidence["failures"] = failure_section(
            self.labels,
            self.probabilities,
            ["fractured" if called else "not_fractured" for called in self.called],
            image_ids=self.names,
            threshold=USED.threshold,
        )

    def draw(self) -> None:
        self.report = replace(self.report, evidence=self.evidence)
        content = self.report.to_json()
        self.figures = {**report_figures(content), **evidence_figures(content["evidence"])}
        for figure in self.figures.values():
            to_png(figure)

    def page(self) -> None:
        render_report(self.report.to_json(), self.figures, title="Report", run_details={})


def _mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
