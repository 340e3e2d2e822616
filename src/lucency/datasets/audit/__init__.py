"""The audit: what is wrong with a data set, as far as it can be told without a classifier."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lucency.datasets.audit import balance, damage_by_class, duplicates, file_checks, labels, leakage, patients
from lucency.datasets.audit.copies import Copies
from lucency.datasets.audit.evidence import Evidence
from lucency.datasets.audit.findings import Finding, Severity
from lucency.datasets.audit.survey import Survey
from lucency.datasets.manifest import Manifest

__all__ = ["CHECKS", "Check", "Evidence", "Finding", "Severity", "audit", "in_order"]


@dataclass(frozen=True)
class Check:
    """One row of the audit.

    Attributes:
        name: Unique name.
        theme: The value of `Finding.check` in what it finds.
        run: Looks at the evidence, of which only the manifest is sure to be there; an empty list where nothing is
            wrong or what it needs is not known.
    """

    name: str
    theme: str
    run: Callable[[Evidence], list[Finding]]


CHECKS: tuple[Check, ...] = (
    Check("unreadable", "files", file_checks.unreadable),
    Check("misnamed", "files", file_checks.misnamed),
    Check("damage_by_class", "files", damage_by_class.damage_by_class),
    Check("copies_across_splits", "leakage", leakage.copies_across_splits),
    Check("groups_across_splits", "leakage", leakage.groups_across_splits),
    Check("test_is_val", "leakage", leakage.test_is_val),
    Check("contradictory_copies", "labels", labels.contradictory_copies),
    Check("second_label", "labels", labels.second_label),
    Check("boxes_on_normal_films", "labels", labels.boxes_on_normal_films),
    Check("fractures_without_boxes", "labels", labels.fractures_without_boxes),
    Check("blank", "files", file_checks.blank),
    Check("lost_depth", "files", file_checks.lost_depth),
    Check("coloured", "files", file_checks.coloured),
    Check("wrong_suffix", "files", file_checks.wrong_suffix),
    Check("several_frames", "files", file_checks.several_frames),
    Check("turned_by_exif", "files", file_checks.turned_by_exif),
    Check("deep_films", "files", file_checks.deep_films),
    Check("tiny", "files", file_checks.tiny),
    Check("strips", "files", file_checks.strips),
    Check("noticed", "files", file_checks.noticed),
    Check("redundant_copies", "duplicates", duplicates.redundant_copies),
    Check("class_balance", "balance", balance.class_balance),
    Check("lopsided_columns", "balance", balance.lopsided_columns),
    Check("smallest_cell", "balance", balance.smallest_cell),
    Check("tiny_splits", "balance", balance.tiny_splits),
    Check("sensitivity_width", "balance", balance.sensitivity_width),
    Check("unknown_patients", "balance", patients.unknown_patients),
    Check("inferred_exams", "balance", patients.inferred_exams),
)
"""To add a check, add a row; `tests/datasets/test_audit.py` runs over all of them."""

_ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}


def audit(manifest: Manifest, survey: Survey | None = None, copies: Copies | None = None) -> list[Finding]:
    """Runs every check of `CHECKS`; run it after `assign_split`, since leakage is between splits.

    Args:
        manifest: Films, best with their splits.
        survey: What decoding told of them, row by row.
        copies: Which of them show one radiograph, row by row; equal bytes are all that is known without.

    Returns:
        Findings, the most severe first.
    """
    evidence = Evidence(manifest, survey, copies)
    return in_order([finding for check in CHECKS for finding in check.run(evidence)])


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The most severe first, otherwise as they come."""
    return sorted(findings, key=lambda finding: _ORDER[finding.severity])
