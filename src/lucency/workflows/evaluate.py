"""Bundle + films -> report: the shipped ONNX file is what is evaluated."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lucency.bundle import Bundle, read_bundle, write_bundle
from lucency.errors import DatasetError, MissingExtraError
from lucency.workflows.export import shareable
from lucency.workflows.run_films import prepare_films, run_films
from lucency.workflows.run_folder import RunFolder, now, read_rows, versions, write_rows, write_text
from lucency.workflows.scan import read_films
from lucency.workflows.split_films import SplitFilms, split_films
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.datasets.audit import Finding
    from lucency.datasets.manifest import Manifest
    from lucency.datasets.prepared import Prepared
    from lucency.evaluation.report import EvaluationReport

_SAMPLES = 12


def evaluate(
    bundle: Bundle | str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    *,
    split: str = "test",
    out: str | os.PathLike[str] | None = None,
    labels: Mapping[str, int] | None = None,
    groups: str | os.PathLike[str] | None = None,
    operating_point: str | None = None,
    resamples: int = 1000,
    seed: int = 0,
    workers: int | None = None,
    teller: Teller | None = None,
) -> EvaluationReport:
    """Measures a bundle on films, and writes `report.json`, `report.html`, `predictions.csv` and `figures/`.

    Args:
        bundle: A bundle, its folder, or a run folder.
        data: Folder of films or table; where None, `bundle` must be a run folder, whose own films are used.
        split: Which films, where the data have splits: "test", "val" or "train". Data without splits are used whole.
        out: Folder for what is written; `evaluation-<name of the data>` in the working folder, or as in `evaluate_run`.
        labels: Further names of classes; only with `data`.
        groups: CSV with image_id and group; whole groups are resampled for the intervals. Only with `data`.
        operating_point: Name of the operating point that decides; the bundle's default where None.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.
        workers: Processes that decode films.
        teller: Hears of progress.

    Raises:
        BundleError: The bundle cannot be used.
        DatasetError: The films cannot be used.
    """
    teller = teller or Teller()
    if data is None:
        if labels or groups:
            raise DatasetError("labels and groups go with films of their own", hint="Give the films as well")
        if isinstance(bundle, Bundle) or not (Path(bundle) / "run.json").is_file():
            raise DatasetError(
                "no films were given", hint="Give a folder of films or a table, or a run folder as the bundle"
            )
        return evaluate_run(
            bundle, split=split, out=out, operating_point=operating_point, workers=workers, teller=teller
        )
    from lucency.datasets.audit import audit

    opened = bundle if isinstance(bundle, Bundle) else read_bundle(bundle)
    manifest = read_films(data, labels=labels, groups=groups)
    target = Path(out) if out else Path(f"evaluation-{Path(data).resolve().stem}")
    RunFolder.refuse_run(target)
    prepared = prepare_films(manifest, opened.card.input, target / "prepared", workers=workers, teller=teller)
    manifest = prepared.manifest
    if not (manifest.table["split"] == split).any():
        given = sorted(set(manifest.table["split"]) - {""})
        if given:
            raise DatasetError(
                f"has no films of split '{split}'",
                where=data,
                hint=f"It has: {', '.join(given)}; choose with --split",
            )
        manifest = replace(manifest, table=manifest.table.assign(split=split))
    leak = _films_not_new(opened, manifest.subset(split))
    findings = [*([leak] if leak else []), *prepared.findings, *audit(manifest)]
    for finding in findings:
        if finding.severity != "note":
            teller.say(f"{finding.severity}: {finding.message}")
    return _evaluate(
        opened,
        manifest,
        prepared,
        split=split,
        out=target,
        operating_point=operating_point,
        resamples=resamples,
        seed=seed,
        findings=[finding.to_json() for finding in findings],
        optimistic=leak.message if leak else None,
        details={"data": Path(data).name},
        history=[],
        summary="",
        teller=teller,
    )


def evaluate_run(
    run: str | os.PathLike[str],
    *,
    split: str = "test",
    out: str | os.PathLike[str] | None = None,
    operating_point: str | None = None,
    workers: int | None = None,
    teller: Teller | None = None,
) -> EvaluationReport:
    """Measures the bundle of a run on the run's own films; figures of the test films go into its card.

    Args:
        run: The run folder.
        split: "test", "val" or "train".
        out: Folder for what is written; the run folder for the test films at the default operating point,
            `RUN/evaluation-<split>[-<operating point>]` otherwise.
        operating_point: As in `evaluate`.
        workers: As in `evaluate`.
        teller: As in `evaluate`.
    """
    from lucency.learning.recipe import load_recipe

    teller = teller or Teller()
    folder = RunFolder.open(run)
    opened = read_bundle(folder.path)
    recipe = load_recipe(folder.path / "recipe.toml")
    manifest, prepared = run_films(folder, recipe, workers=workers, teller=teller)
    own = out is None and split == "test" and operating_point is None
    other = f"evaluation-{split}" + (f"-{operating_point}" if operating_point else "")
    target = Path(out) if out else folder.path if own else folder.path / other
    if not own:
        RunFolder.refuse_run(target)
    details = folder.details()
    history = read_rows(folder.path / "history.csv")
    optimistic = None
    if split == "train":
        optimistic = "These are the films that the model was trained on"
    elif split == "val" or manifest.test_is_val:
        optimistic = "These validation films chose the best epoch, the calibration and the thresholds"
    report = _evaluate(
        opened,
        manifest,
        prepared,
        split=split,
        out=target,
        operating_point=operating_point,
        resamples=recipe.evaluation.resamples,
        seed=recipe.seed,
        findings=folder.read_json("findings.json"),
        optimistic=optimistic,
        details={**{key: value for key, value in details.items() if key != "command"}, "recipe": shareable(recipe)},
        history=history,
        summary=(folder.path / "summary.txt").read_text("utf-8"),
        teller=teller,
    )
    if own:
        metrics = {
            "split": split,
            "films": report.films,
            "groups": report.groups,
            "fractured": report.fractured,
        }
        metrics.update({"optimistic_reason": report.optimistic_reason, "figures": dict(report.metrics)})
        write_bundle(opened.folder, replace(opened.card, metrics=metrics))
        folder.finish("evaluated")
    return report


def _evaluate(
    bundle: Bundle,
    manifest: Manifest,
    prepared: Prepared,
    *,
    split: str,
    out: Path,
    operating_point: str | None,
    resamples: int,
    seed: int,
    findings: Sequence[Mapping[str, Any]],
    optimistic: str | None,
    details: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    summary: str,
    teller: Teller,
) -> EvaluationReport:
    try:
        from lucency.evaluation.predictions import prediction_rows
        from lucency.evaluation.report import evaluate_scores
        from lucency.reporting.canvas import to_png
        from lucency.reporting.figures import report_figures
        from lucency.reporting.films import sample_grid
        from lucency.reporting.html import render_report
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), extra="train", need="Evaluation") from None
    from lucency.predictor import Predictor

    card = bundle.card
    predictor = Predictor(bundle, operating_point=operating_point)
    films = split_films(manifest, prepared, split)
    logits = _score(predictor, films, split, teller)
    report = evaluate_scores(
        films.labels,
        logits,
        groups=films.groups,
        calibration=card.calibration,
        operating_point=predictor.operating_point,
        other_points=[point for point in card.operating_points if point.name != predictor.operating_point.name],
        image_ids=films.image_ids,
        baselines=_baselines(bundle, manifest, prepared, films, split),
        findings=findings,
        split=split,
        optimistic_reason=optimistic,
        resamples=resamples,
        seed=seed,
    )
    content = report.to_json()
    rows = prediction_rows(
        films.labels,
        logits,
        image_ids=films.image_ids,
        groups=films.groups,
        calibration=card.calibration,
        operating_point=predictor.operating_point,
    )
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / "report.json", _json({**content, "verdict": report.verdict, "bundle": bundle.identity}))
    write_rows(out / "predictions.csv", list(rows[0]), rows)
    figures = report_figures(content, history)
    samples = _samples(predictor, films, rows, seed)
    pictures = {name: to_png(figure) for name, figure in figures.items()}
    if samples:
        images, captions = [sample["image"] for sample in samples], [sample["caption"] for sample in samples]
        pictures["samples"] = to_png(sample_grid(images, captions, title="Sample predictions"))
    (out / "figures").mkdir(exist_ok=True)
    for name, png in pictures.items():
        (out / "figures" / f"{name}.png").write_bytes(png)
    run_details = {**details, "bundle": bundle.identity, "evaluated": now(), "versions": versions()}
    page = render_report(
        content,
        figures,
        title=f"Lucency report: {card.name} on {split} films",
        run_details=run_details,
        samples=samples,
        model_summary=summary,
    )
    write_text(out / "report.html", page)
    teller.say(report.verdict)
    teller.say(f"Report: {out / 'report.html'}")
    return report


def _films_not_new(bundle: Bundle, films: Manifest) -> Finding | None:
    from lucency.datasets.audit import Finding

    seen = bundle.films_used("train") | bundle.films_used("val")
    table = films.table
    known = table[table["sha256"].str[:16].isin(seen)]
    if not len(known):
        return None
    return Finding(
        "leakage",
        "warning",
        f"{len(known)} of these {len(table)} films, byte for byte, trained this bundle or chose its thresholds",
        image_ids=tuple(known["image_id"]),
        evidence={"films": len(table), "seen": len(known)},
        action="Evaluate on films that are new to the bundle",
    )


def _score(predictor: Any, films: SplitFilms, split: str, teller: Teller) -> Any:
    parts, total = [], len(films.rows)
    for start in range(0, total, 16):
        parts.append(predictor.score_rows(films.images, films.rows[start : start + 16]))
        teller.progress(f"scoring {split} films", min(start + 16, total), total)
    return np.concatenate(parts) if parts else np.zeros(0)


def _baselines(bundle: Bundle, manifest: Manifest, prepared: Prepared, films: SplitFilms, split: str) -> list[Any]:
    from lucency.evaluation.baselines import majority, nearest_neighbour

    counts = bundle.card.training_data.get("splits", {}).get("train")
    if split == "train" or not counts:
        return []
    positives = int(counts["fractured"])
    labels = np.repeat([1, 0], [positives, int(counts["films"]) - positives])
    rows = [majority(labels, films.labels)]
    train = split_films(manifest, prepared, "train")
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


def _samples(predictor: Any, films: SplitFilms, rows: Sequence[Mapping[str, Any]], seed: int) -> list[dict[str, Any]]:
    from lucency.errors import FilmError
    from lucency.imaging.overlay import draw_overlay

    order = np.random.default_rng(seed).permutation(len(rows))
    fractured = [index for index in order if rows[index]["label"] == 1][: _SAMPLES // 2]
    normal = [index for index in order if rows[index]["label"] == 0][: _SAMPLES - len(fractured)]
    samples = []
    for index in (*fractured, *normal):
        try:
            answer, film, placement = predictor.predict_with_film(films.paths[index])
        except FilmError:
            continue
        truth = "fractured" if rows[index]["label"] else "not fractured"
        said = f"{answer.decision.replace('_', ' ')} ({answer.probability:.2f})"
        picture = draw_overlay(film, answer.heatmap, placement, [], boxes=films.boxes[index])
        picture.thumbnail((360, 360))
        samples.append(
            {
                "image": np.asarray(picture),
                "title": films.image_ids[index],
                "caption": f"label: {truth}; model: {said}",
            }
        )
    return samples


def _json(content: Mapping[str, Any]) -> str:
    import json

    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
