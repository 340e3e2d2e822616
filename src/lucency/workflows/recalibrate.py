"""Bundle + films of a new site -> a bundle for that site: the same network, calibrated anew."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lucency.abstention import check_error_rate
from lucency.bundle import GATE_FILE, MODEL_FILE, Bundle, read_bundle, write_bundle
from lucency.calibration import Calibration
from lucency.decision import ExamRule
from lucency.errors import DatasetError, MissingExtraError, ResourceError, RunError
from lucency.fingerprints import Fingerprints
from lucency.workflows.fitted_rules import fit_rules
from lucency.workflows.local_films import LocalFilms, read_local_films
from lucency.workflows.run_folder import now, versions, write_json, write_text
from lucency.workflows.teller import Teller

RECORD_FILE, PAGE_FILE = "recalibration.json", "recalibration.html"

SCHEMA_VERSION = 1

_METRICS_GONE = (
    "The metrics of the old card were dropped: they were measured with other probabilities and thresholds, on films of "
    "another site. Measure this bundle on films of the site that did not recalibrate it."
)


@dataclass(frozen=True)
class Recalibration:
    """What came of it.

    Attributes:
        bundle: The new bundle.
        record: The content of `recalibration.json`.
    """

    bundle: Bundle
    record: Mapping[str, Any]


def recalibrate(
    bundle: Bundle | str | os.PathLike[str],
    data: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    split: str | None = None,
    labels: Mapping[str, int] | None = None,
    groups: str | os.PathLike[str] | None = None,
    error_rate: float | None = None,
    resamples: int = 1000,
    seed: int = 0,
    workers: int | None = None,
    teller: Teller | None = None,
) -> Recalibration:
    """Fits calibration, operating points and abstention of a bundle anew on 100 to 500 films of a new site.

    At least 30 of each class are needed. Network, input and gate stay. The old bundle is only read.

    Args:
        bundle: A bundle, its folder, a run folder, or the name of a model in the box.
        data: Folder of films or table.
        out: Folder of the new bundle; `<name>-recalibrated` in the working folder where None.
        split: Which films, where the data have splits; None where they have none.
        labels: Further names of classes.
        groups: CSV with image_id and group; whole groups stay in one fold and are resampled for the intervals.
        error_rate: That the new bundle abstains by where none is asked for; that of the old one where None.
        resamples: Of the bootstrap.
        seed: Of folds, bootstrap and choice of calibration films.
        workers: Processes that decode films.
        teller: Hears of progress, and how far the old bundle was off.

    Raises:
        BundleError: The bundle cannot be used.
        DatasetError: The films cannot be used, are too few, or trained or tuned the bundle.
        RunError: The folder of the new bundle is not empty.
        ValueError: The error rate is out of range.
    """
    teller = teller or Teller()
    if error_rate is not None:
        check_error_rate(error_rate)
    old = bundle if isinstance(bundle, Bundle) else read_bundle(bundle)
    target = Path(out) if out else Path(f"{old.card.name}-recalibrated")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise RunError("is not empty, and a bundle has a folder of its own", where=target, hint="Give another --out")
    films = read_local_films(old, data, split=split, labels=labels, groups=groups, workers=workers, teller=teller)
    if error_rate is None and old.card.abstention is not None:
        error_rate = old.card.abstention.error_rate
    section = _judged(old, films, error_rate, resamples, seed)
    rules, facts = _fitted(old, films, error_rate, seed, teller)
    site = Path(data).resolve().stem
    record = {
        "schema_version": SCHEMA_VERSION,
        "from": old.identity,
        "data": site,
        "made": now(),
        **section,
        "fitted": facts,
        "bootstrap": {"resamples": resamples, "seed": seed},
        "versions": versions(),
    }
    # Made whole beside its place, so that a break leaves no half bundle that the next run refuses.
    unfinished = target.with_name(target.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    new = _write(old, unfinished, rules, films.fingerprints, facts, record)
    record["bundle"] = new.identity
    write_json(unfinished / RECORD_FILE, record)
    write_text(unfinished / PAGE_FILE, _page(record))
    new = _placed(unfinished, target)
    for sentence in (section["verdict"], *section["sentences"]):
        teller.say(sentence)
    teller.say(f"Bundle {new.identity}: {new.folder}. Evaluate it on other films of the site.")
    return Recalibration(new, record)


def _judged(old: Bundle, films: LocalFilms, error_rate: float | None, resamples: int, seed: int) -> dict[str, Any]:
    try:
        from lucency.evaluation.conformal import ERROR_RATES
        from lucency.evaluation.recalibration import Targets, recalibration_section
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), extra="train", need="Recalibration") from None
    card = old.card
    return recalibration_section(
        films.labels,
        films.logits,
        films.groups,
        calibration=card.calibration,
        points=card.operating_points,
        default=card.default_operating_point,
        abstention=card.abstention,
        targets=Targets(
            **_targets(old), error_rates=tuple(sorted({*ERROR_RATES, *(() if error_rate is None else (error_rate,))}))
        ),
        resamples=resamples,
        seed=seed,
    )


def _targets(old: Bundle) -> dict[str, Any]:
    """What the recipe of the bundle asked of its operating points, as far as it says."""
    asked = old.card.recipe.get("evaluation", {})
    named = {"sensitivity": "screening"}.get(old.card.default_operating_point, old.card.default_operating_point)
    if named.startswith("sensitivity_"):
        named = "screening"
    return {
        "sensitivity": float(asked.get("sensitivity", 0.9)),
        "specificity": float(asked.get("specificity", 0.95)),
        "default": named if named in ("screening", "confirm") else "youden",
    }


def _fitted(
    old: Bundle,
    films: LocalFilms,
    error_rate: float | None,
    seed: int,
    teller: Teller,
) -> tuple[dict[str, Any], dict[str, Any]]:
    targets = _targets(old)
    rules, facts = fit_rules(
        films.labels,
        films.logits,
        films.groups,
        split="local",
        error_rate=error_rate,
        seed=seed,
        teller=teller,
        **targets,
    )
    return {**rules, "exams": _exam_rule(films, rules["calibration"], targets)}, facts


def _exam_rule(films: LocalFilms, calibration: Calibration, targets: dict[str, Any]) -> ExamRule | None:
    from lucency.evaluation.exams import fit_exam_rule

    try:
        return fit_exam_rule(films.labels, films.logits, films.exams, calibration=calibration, **targets)
    except DatasetError:
        # The rule of the old bundle was fitted to its probabilities, and no exam here has several films.
        return None


def _write(
    old: Bundle,
    target: Path,
    rules: Mapping[str, Any],
    fingerprints: Fingerprints,
    facts: Mapping[str, Any],
    record: Mapping[str, Any],
) -> Bundle:
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name in (MODEL_FILE, GATE_FILE):
            if (old.folder / name).is_file():
                shutil.copyfile(old.folder / name, target / name)
    except OSError as error:
        raise ResourceError(f"the bundle cannot be written ({error.strerror})", where=target) from None
    provenance = {
        **{key: value for key, value in old.card.provenance.items() if key != "validation"},
        "validation": facts,
        "recalibrated": {
            "from": old.identity,
            "at": record["made"],
            "films": record["films"],
            "fractured": record["fractured"],
            "groups": record["groups"],
            "data": record["data"],
            "before": [*old.card.provenance.get("recalibrated", {}).get("before", []), old.identity],
            "note": _METRICS_GONE,
        },
    }
    card = replace(old.card, **rules, metrics={}, provenance=provenance)
    known = old.fingerprints()
    return write_bundle(target, card, films=fingerprints if known is None else known.joined(fingerprints))


def _placed(unfinished: Path, target: Path) -> Bundle:
    try:
        if target.is_dir():
            target.rmdir()
        os.replace(unfinished, target)
    except OSError as error:
        raise ResourceError(
            f"the bundle cannot be put in its place ({error.strerror})", where=target, hint=f"It lies in {unfinished}"
        ) from None
    return read_bundle(target)


def _page(record: Mapping[str, Any]) -> str:
    from lucency.reporting.recalibration_page import render_recalibration

    return render_recalibration(record)
