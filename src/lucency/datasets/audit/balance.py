"""How many films there are of each class, and whether that is enough to measure anything."""

from __future__ import annotations

from collections import Counter

from lucency.datasets.audit.evidence import Evidence
from lucency.datasets.audit.findings import Finding, counted
from lucency.datasets.manifest import Manifest

FEW_POSITIVES = 30
"""With fewer films, a 95 % interval of a sensitivity of 0.8 is about 30 points wide (Wilson)."""


def class_balance(evidence: Evidence) -> list[Finding]:
    """What always giving the more frequent answer would score."""
    manifest = evidence.manifest
    fractured, films = int(manifest.table["label"].sum()), len(manifest)
    if not films:
        return []
    majority = max(fractured, films - fractured) / films
    answer = "fractured" if 2 * fractured > films else "not fractured"
    return [
        Finding(
            check="balance",
            severity="note",
            message=f"{fractured} of {counted(films, 'film')} are fractured ({fractured / films:.1%}): always"
            f' answering "{answer}" is {majority:.1%} accurate.',
            evidence={"films": films, "fractured": fractured, "majority_accuracy": majority},
            action="Read AUROC, sensitivity and specificity rather than accuracy",
        )
    ]


def tiny_splits(evidence: Evidence) -> list[Finding]:
    """Validation and test splits with too few films of a class."""
    manifest = evidence.manifest
    counts = Counter(zip(manifest.table["split"], manifest.table["label"], strict=True))
    findings = []
    for split in ("val", "test"):
        fractured, normal = counts[split, 1], counts[split, 0]
        if fractured + normal and min(fractured, normal) < FEW_POSITIVES:
            findings.append(
                Finding(
                    check="balance",
                    severity="note",
                    message=f"{split} has {fractured} fractured and {normal} other films: its figures will be"
                    " uncertain.",
                    evidence={"split": split, "fractured": fractured, "not_fractured": normal},
                    action="Read the intervals, or bring more films",
                )
            )
    return findings


def unknown_patients(evidence: Evidence) -> list[Finding]:
    """No column says which films are of one patient."""
    manifest = evidence.manifest
    table = manifest.table
    if not len(table) or any(table[column].ne("").any() for column in ("group", "patient_id", "study_id")):
        return []
    return [
        Finding(
            check="balance",
            severity="note",
            message="No patient, study or group is known: films of one patient may stand on both sides of the split,"
            " and the intervals may be too narrow.",
            evidence={"films": len(table)},
            action="Give a table with patient_id, or --groups",
        )
    ]
