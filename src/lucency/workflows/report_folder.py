"""Writes what an evaluation gave: report.json, report.html, predictions.csv and figures/."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lucency.bundle import Bundle
from lucency.errors import MissingExtraError, ResourceError
from lucency.predictor import Predictor
from lucency.workflows.answered import Answered
from lucency.workflows.gallery import failure_pictures, sample_pictures
from lucency.workflows.run_folder import now, versions, write_rows, write_text
from lucency.workflows.split_films import SplitFilms

if TYPE_CHECKING:
    from lucency.evaluation.report import EvaluationReport


def write_report(
    out: Path,
    report: EvaluationReport,
    answered: Answered,
    films: SplitFilms,
    rows: Sequence[Mapping[str, Any]],
    *,
    bundle: Bundle,
    predictor: Predictor,
    details: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]] = (),
    summary: str = "",
    seed: int = 0,
) -> None:
    """Writes the folder.

    Args:
        out: The folder; made where it is missing.
        report: The numbers.
        answered: What was measured.
        films: Films of the split.
        rows: Of `predictions.csv`, in the order of `answered`.
        bundle: What was measured.
        predictor: Of that bundle; draws the samples.
        details: How the bundle was made, for the page.
        history: Rows of the epochs, for the curves of training.
        summary: Of the model, as text.
        seed: Of the choice of samples.

    Raises:
        MissingExtraError: A package that draws is not installed.
        ResourceError: Something cannot be written.
    """
    try:
        from lucency.reporting.canvas import to_png
        from lucency.reporting.evidence_figures import EVIDENCE_FIGURES, evidence_figures
        from lucency.reporting.figures import report_figures
        from lucency.reporting.films import sample_grid
        from lucency.reporting.html import render_report
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), extra="train", need="Evaluation") from None
    content = report.to_json()
    out.mkdir(parents=True, exist_ok=True)
    data = {"data": details["data"]} if isinstance(details.get("data"), str) else {}
    write_text(out / "report.json", _json({**content, "verdict": report.verdict, "bundle": bundle.identity, **data}))
    write_rows(out / "predictions.csv", list(rows[0]), rows)
    figures = {**report_figures(content, history), **evidence_figures(content["evidence"])}
    samples = sample_pictures(predictor, answered, films, rows, seed=seed)
    failures: dict[str, Any] = {}
    if "failures" in report.evidence:
        failures = failure_pictures(predictor, answered, films, report.evidence["failures"])
    pictures = {name: to_png(figure) for name, figure in figures.items()}
    if samples:
        images, captions = [sample["image"] for sample in samples], [sample["caption"] for sample in samples]
        pictures["samples"] = to_png(sample_grid(images, captions, title="Sample predictions"))
    (out / "figures").mkdir(exist_ok=True)
    # Figures of an earlier evaluation in the same folder would pass for those of this one.
    for name in {path.stem for path in (out / "figures").glob("*.png")} - set(pictures):
        if name.startswith(tuple(EVIDENCE_FIGURES)):
            (out / "figures" / f"{name}.png").unlink()
    for name, png in pictures.items():
        try:
            (out / "figures" / f"{name}.png").write_bytes(png)
        except OSError as error:
            raise ResourceError(f"cannot be written ({error.strerror})", where=out / "figures") from None
    page = render_report(
        content,
        figures,
        title=f"Lucency report: {bundle.card.name} on {report.split} {report.unit}s",
        run_details={**details, "bundle": bundle.identity, "evaluated": now(), "versions": versions()},
        samples=samples,
        failures=failures,
        model_summary=summary,
    )
    write_text(out / "report.html", page)


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
