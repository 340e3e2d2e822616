"""Which rule the films of an exam answer by: the highest, or the one that was fitted on validation exams."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lucency.bundle import Bundle, write_bundle
from lucency.calibration import Calibration
from lucency.decision import ExamRule
from lucency.errors import BundleError, DatasetError, MissingExtraError
from lucency.workflows.run_folder import RunFolder, read_rows

if TYPE_CHECKING:
    from lucency.learning.recipe import Recipe

EXAM_RULES = ("highest", "fitted")
"""Names that `--exam-rule` takes."""


def exam_rule(bundle: Bundle, name: str) -> ExamRule:
    """The rule of that name.

    Args:
        bundle: Where a fitted rule is kept.
        name: One of `EXAM_RULES`.

    Raises:
        BundleError: The name is not known, or no rule was fitted for this bundle.
    """
    if name == "highest":
        return ExamRule()
    if name != "fitted":
        raise BundleError(f"'{name}' is no rule for exams", hint=f"Rules are {' and '.join(EXAM_RULES)}")
    if bundle.card.exams is None:
        raise BundleError(
            "no rule for exams was fitted for this bundle",
            where=bundle.folder,
            hint="Fit one with: lucency evaluate RUN --per-exam --exam-rule fitted, or ask for --exam-rule highest",
        )
    return bundle.card.exams


def fit_run_rule(run: RunFolder, bundle: Bundle, recipe: Recipe) -> Bundle:
    """The bundle of a run with a rule for exams, fitted on the validation films of the run alone.

    Args:
        run: The run; exams are study_id in its manifest.
        bundle: Its bundle. The card is written anew where the rule is another.
        recipe: Of the run.

    Raises:
        DatasetError: No validation exam has several films, or all are of one class.
    """
    rule = fitted_rule(run, recipe, bundle.card.calibration)
    if rule == bundle.card.exams:
        return bundle
    return write_bundle(bundle.folder, replace(bundle.card, exams=rule))


def rule_or_none(run: RunFolder, recipe: Recipe, calibration: Calibration) -> ExamRule | None:
    """As `fitted_rule`, None where the validation films allow no rule."""
    try:
        return fitted_rule(run, recipe, calibration)
    except DatasetError:
        return None


def fitted_rule(run: RunFolder, recipe: Recipe, calibration: Calibration) -> ExamRule:
    """The rule that the validation films of a run ask for.

    Args:
        run: The run; exams are study_id in its manifest.
        recipe: Of the run.
        calibration: Of single films.

    Raises:
        DatasetError: No validation exam has several films, or all are of one class.
    """
    try:
        from lucency.evaluation.exams import fit_exam_rule
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), extra="train", need="Fitting a rule for exams") from None
    manifest = run.path / "manifest.csv"
    exam_of = {row["image_id"]: row["study_id"] for row in read_rows(manifest)} if manifest.is_file() else {}
    rows = read_rows(run.path / "validation.csv")
    return fit_exam_rule(
        [int(row["label"]) for row in rows],
        [float(row["logit"]) for row in rows],
        [exam_of.get(row["image_id"], "") for row in rows],
        calibration=calibration,
        sensitivity=recipe.evaluation.sensitivity,
        specificity=recipe.evaluation.specificity,
        default=recipe.evaluation.operating_point,
    )
