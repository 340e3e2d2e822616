"""The audit: what is wrong with a data set, found without decoding a film."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lucency.datasets.audit import balance, duplicates, labels, leakage
from lucency.datasets.audit.findings import Finding, Severity
from lucency.datasets.manifest import Manifest

__all__ = ["CHECKS", "Check", "Finding", "Severity", "audit"]


@dataclass(frozen=True)
class Check:
    """One row of the audit.

    Attributes:
        name: Unique name.
        theme: The value of `Finding.check` in what it finds.
        run: Looks at a manifest; an empty list where nothing is wrong.
    """

    name: str
    theme: str
    run: Callable[[Manifest], list[Finding]]


CHECKS: tuple[Check, ...] = (
    Check("copies_across_splits", "leakage", leakage.copies_across_splits),
    Check("groups_across_splits", "leakage", leakage.groups_across_splits),
    Check("test_is_val", "leakage", leakage.test_is_val),
    Check("contradictory_copies", "labels", labels.contradictory_copies),
    Check("second_label", "labels", labels.second_label),
    Check("boxes_on_normal_films", "labels", labels.boxes_on_normal_films),
    Check("identical_copies", "duplicates", duplicates.identical_copies),
    Check("class_balance", "balance", balance.class_balance),
    Check("tiny_splits", "balance", balance.tiny_splits),
    Check("unknown_patients", "balance", balance.unknown_patients),
)
"""To add a check, add a row; `tests/datasets/test_audit.py` runs over all of them."""

_ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}


def audit(manifest: Manifest) -> list[Finding]:
    """Runs every check of `CHECKS`; run it after `assign_split`, since leakage is between splits.

    Args:
        manifest: Films, best with their splits.

    Returns:
        Findings, the most severe first.
    """
    findings = [finding for check in CHECKS for finding in check.run(manifest)]
    return sorted(findings, key=lambda finding: _ORDER[finding.severity])
