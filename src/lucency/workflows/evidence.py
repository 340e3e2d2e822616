"""What a report says beyond its metrics: abstention, gate, subgroups, heat maps, failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucency.gate import Gate
from lucency.predictor import Predictor
from lucency.workflows.answered import Answered
from lucency.workflows.run_folder import write_rows
from lucency.workflows.score_films import ScoredSplit
from lucency.workflows.split_films import SplitFilms
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.datasets.manifest import Manifest
    from lucency.datasets.prepared import Prepared
    from lucency.evaluation.report import EvaluationReport

MAPS_FILE = "heat_maps.csv"
"""One row a film with boxes, beside the report."""


def add_evidence(
    report: EvaluationReport,
    answered: Answered,
    films: SplitFilms,
    scored: ScoredSplit,
    rows: Sequence[Mapping[str, Any]],
    *,
    predictor: Predictor,
    manifest: Manifest,
    prepared: Prepared,
    out: Path,
    occluded: int,
    external: bool,
    teller: Teller,
) -> EvaluationReport:
    """The report with its further sections; `heat_maps.csv` is written.

    Exams have the gallery of failures alone: what a gate, a heat map or a subgroup is of, is a film.

    Args:
        report: Of `evaluate_scores`.
        answered: What was measured.
        films: Films of the split.
        scored: Their outputs.
        rows: Of `predictions.csv`, in the order of `answered`.
        predictor: Of the bundle, without its gate.
        manifest: Films with their splits.
        prepared: The same films, decoded.
        out: Folder of the report.
        occluded: On how many films the heat map is checked by occlusion.
        external: As for `measure`.
        teller: Hears of progress.
    """
    from lucency.evaluation.conformal import abstention_section
    from lucency.evaluation.failures import failure_section
    from lucency.evaluation.gate_report import gate_section
    from lucency.evaluation.heat_map_rows import HEAT_MAP_COLUMNS
    from lucency.evaluation.shift import measure_shift
    from lucency.evaluation.subgroups import measure_subgroups
    from lucency.workflows.bundle_gate import judge_drawn
    from lucency.workflows.film_traits import film_traits
    from lucency.workflows.heat_maps import film_sizes, heat_map_section

    card = predictor.bundle.card
    probabilities = answered.calibration.probability(answered.logits)
    decisions = [row["decision"] for row in rows]
    bootstrap = {"resamples": report.bootstrap["resamples"], "seed": report.bootstrap["seed"]}
    sections: dict[str, Any] = dict(report.evidence)
    maps: list[dict[str, Any]] = []
    if answered.unit == "film":
        if external:
            sections["shift"] = measure_shift(
                {"metrics": card.metrics, "scores": card.scores},
                films.labels,
                probabilities,
                films.groups,
                report.metrics,
            )
        if "validation" in card.provenance and "calibration" in sections:
            sections["calibration"] = {
                **sections["calibration"],
                "choice": card.provenance["validation"]["calibration"],
            }
        if card.abstention is not None:
            sections["abstention"] = abstention_section(
                card.abstention, films.labels, scored.logits, films.groups, **bootstrap
            )
        gate = predictor.bundle.gate_path
        if scored.gate is not None and gate is not None:
            drawn = judge_drawn(predictor, Gate.read(gate), teller=teller)
            sections["gate"] = gate_section(films.labels, scored.gate, image_ids=films.image_ids, drawn=drawn)
        sizes = film_sizes(prepared, films)
        teller.say("Measuring subgroups")
        sections["subgroups"] = measure_subgroups(
            films.labels,
            probabilities,
            [decision == "fractured" for decision in decisions],
            films.groups,
            **film_traits(manifest.subset(report.split), sizes),
            **bootstrap,
        )
        sections["heat_maps"], maps = heat_map_section(
            predictor,
            films,
            sizes,
            maps=None,
            decisions=decisions,
            occluded=occluded,
            teller=teller,
            **bootstrap,
        )
    if maps:
        write_rows(out / MAPS_FILE, HEAT_MAP_COLUMNS, maps)
    else:
        # Of an earlier evaluation into the same folder.
        (out / MAPS_FILE).unlink(missing_ok=True)
    sections["failures"] = failure_section(
        answered.labels,
        probabilities,
        decisions,
        image_ids=answered.names,
        threshold=answered.operating_point.threshold,
    )
    return replace(report, evidence=sections)


def told_evidence(evidence: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What of a report's sections is worth a line on the terminal; the page has the rest."""
    told = list(evidence.get("shift", {}).get("sentences", ()))
    told += list(evidence.get("gate", {}).get("sentences", ()))[:1]
    subgroups = evidence.get("subgroups", {})
    if any(subgroups.get("worst", {}).values()):
        told.append(subgroups["sentences"][0])
    verdict = evidence.get("heat_maps", {}).get("verdict")
    return [*told, verdict] if verdict else told
