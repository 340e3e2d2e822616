"""Bundle + prepared films -> report: the shipped ONNX file is what is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lucency.bundle import Bundle
from lucency.decision import ExamRule
from lucency.errors import MissingExtraError
from lucency.workflows.answered import Answered, answered_exams, answered_films, exam_majority, exam_names
from lucency.workflows.evidence import add_evidence, told_evidence
from lucency.workflows.run_folder import write_rows
from lucency.workflows.score_films import score_films
from lucency.workflows.split_films import SplitFilms, split_films
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.datasets.manifest import Manifest
    from lucency.datasets.prepared import Prepared
    from lucency.evaluation.report import EvaluationReport


def measure(
    bundle: Bundle,
    manifest: Manifest,
    prepared: Prepared,
    *,
    split: str,
    out: Path,
    operating_point: str | None,
    rule: ExamRule | None,
    resamples: int,
    seed: int,
    findings: Sequence[Mapping[str, Any]],
    optimistic: str | None,
    details: Mapping[str, Any],
    teller: Teller,
    history: Sequence[Mapping[str, Any]] = (),
    summary: str = "",
    prevalences: Sequence[float] = (),
    occluded: int = 0,
    external: bool = False,
) -> EvaluationReport:
    """Scores the films of a split, and writes the report.

    Args:
        bundle: What is measured.
        manifest: Films with their splits.
        prepared: The same films, decoded.
        split: "test", "val" or "train".
        out: Folder of the report.
        operating_point: Name of the one that decides; the bundle's default where None.
        rule: By which the films of an exam answer together; None where each film answers for itself.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.
        findings: Of the audit, as plain dictionaries.
        optimistic: Why the figures are too good, or None.
        details: How the bundle was made, for the page.
        teller: Hears of progress.
        history: Rows of the epochs.
        summary: Of the model, as text.
        prevalences: At which PPV and NPV are told, each above 0 and below 1.
        occluded: On how many films the heat map is checked by occlusion.
        external: The films are not those of the bundle's own run: what is shifted against it is told.
    """
    try:
        from lucency.evaluation.predictions import prediction_rows
        from lucency.evaluation.report import evaluate_scores
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), extra="train", need="Evaluation") from None
    from lucency.predictor import Predictor
    from lucency.workflows.report_folder import write_report

    # The gate is asked by `score_films`; here every film is to have its figure and its heat map.
    predictor = Predictor(bundle, operating_point=operating_point, gate=False)
    films = split_films(manifest, prepared, split)
    scored = score_films(predictor, films, what=f"{split} films", teller=teller)
    alone = answered_films(films, scored.logits, bundle.card, predictor.operating_point)
    answered = alone
    if rule is not None:
        answered = answered_exams(films, scored.logits, bundle.card, predictor.operating_point, rule)
    report = evaluate_scores(
        answered.labels,
        answered.logits,
        groups=answered.groups,
        calibration=answered.calibration,
        operating_point=answered.operating_point,
        other_points=answered.other_points,
        image_ids=answered.names,
        baselines=_baselines(bundle, manifest, prepared, films, answered, split),
        findings=findings,
        split=split,
        optimistic_reason=optimistic,
        resamples=resamples,
        seed=seed,
        unit=answered.unit,
        prevalences=prevalences,
    )
    report = replace(report, notes=[*report.notes, *answered.notes])

    def rows_of(what: Answered) -> list[dict[str, Any]]:
        return prediction_rows(
            what.labels,
            what.logits,
            image_ids=what.names,
            groups=what.groups,
            calibration=what.calibration,
            operating_point=what.operating_point,
        )

    rows = rows_of(answered)
    if rule is not None:
        rows = [
            {"exam": row.pop("image_id"), "films": size, "highest_film": films.image_ids[place], **row}
            for row, size, place in zip(rows, answered.sizes, answered.shown, strict=True)
        ]
        views = [{"exam": name, **row} for name, row in zip(exam_names(films), rows_of(alone), strict=True)]
        write_rows(out / "views.csv", list(views[0]), views)
    out.mkdir(parents=True, exist_ok=True)
    report = add_evidence(
        report,
        answered,
        films,
        scored,
        rows if rule is None else rows_of(answered),
        predictor=predictor,
        manifest=manifest,
        prepared=prepared,
        out=out,
        occluded=occluded,
        external=external,
        teller=teller,
    )
    write_report(
        out,
        report,
        answered,
        films,
        rows,
        bundle=bundle,
        predictor=predictor,
        details=details,
        history=history,
        summary=summary,
        seed=seed,
    )
    teller.say(report.verdict)
    for sentence in told_evidence(report.evidence):
        teller.say(sentence)
    for note in answered.notes:
        teller.say(note)
    teller.say(f"Report: {out / 'report.html'}")
    return report


def _baselines(
    bundle: Bundle, manifest: Manifest, prepared: Prepared, films: SplitFilms, answered: Answered, split: str
) -> list[Any]:
    from lucency.evaluation.baselines import majority, nearest_neighbour

    counts = bundle.card.training_data.get("splits", {}).get("train")
    if split == "train" or not counts:
        return []
    train = split_films(manifest, prepared, "train")
    if answered.unit == "exam":
        # A card counts training films, not exams; how often exams are fractured is known where the films are here.
        row = exam_majority(train, answered)
        return [row] if row is not None else []
    positives = int(counts["fractured"])
    labels = np.repeat([1, 0], [positives, int(counts["films"]) - positives])
    rows = [majority(labels, films.labels)]
    if len(train.rows):
        rows.append(
            nearest_neighbour(
                train.images,
                train.labels,
                films.images,
                films.labels,
                train_rows=train.rows,
                test_rows=films.rows,
            )
        )
    return rows
