"""Leakage: films of one side of a split that the other side knows."""

from __future__ import annotations

from collections import defaultdict

from lucency.datasets.audit.evidence import Evidence
from lucency.datasets.audit.findings import Finding, counted
from lucency.datasets.film_groups import linked
from lucency.datasets.manifest import TEST_IS_VAL, Manifest

SIDES = (("val", "train"), ("test", "train"), ("test", "val"))
"""Films of the first side, known from the second."""


def copies_across_splits(evidence: Evidence) -> list[Finding]:
    """Films of val and test whose very bytes are in train too."""
    manifest = evidence.manifest
    table = manifest.table
    of_split: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for image_id, sha, split in zip(table["image_id"], table["sha256"], table["split"], strict=True):
        of_split[split].append((image_id, sha))
    findings = []
    for side, other in SIDES:
        known = {sha for _, sha in of_split[other] if sha}
        copies = tuple(image_id for image_id, sha in of_split[side] if sha in known)
        if copies:
            films = len(of_split[side])
            findings.append(
                Finding(
                    check="leakage",
                    severity="warning",
                    message=f"{len(copies)} of {counted(films, 'film')} of {side} ({len(copies) / films:.1%})"
                    f" have a byte-identical copy in {other}: its figures will look better than they are.",
                    image_ids=copies,
                    evidence={
                        "split": side,
                        "other": other,
                        "copies": len(copies),
                        "films": films,
                        "share": len(copies) / films,
                    },
                    action="Leave the given splits aside and let them be carved anew, by group",
                )
            )
    return findings


def groups_across_splits(evidence: Evidence) -> list[Finding]:
    """Groups or patients with films in two splits; equal bytes alone are left to `copies_across_splits`."""
    manifest = evidence.manifest
    table = manifest.table
    groups = linked(list(table["image_id"]), [list(table["group"]), list(table["patient_id"]), list(table["study_id"])])
    sides_of: dict[str, set[str]] = defaultdict(set)
    for group, split in zip(groups, table["split"], strict=True):
        if split:
            sides_of[group].add(split)
    findings = []
    for side, other in SIDES:
        torn = {group for group, sides in sides_of.items() if side in sides and other in sides}
        if not torn:
            continue
        rows = list(zip(table["image_id"], groups, table["split"], strict=True))
        films = sum(split == side for _, _, split in rows)
        touched = tuple(image_id for image_id, group, split in rows if split == side and group in torn)
        findings.append(
            Finding(
                check="leakage",
                severity="warning",
                message=f"{counted(len(torn), 'group')} of films (one patient or one exam) on two sides:"
                f" {len(touched)} of {counted(films, 'film')} of {side} ({len(touched) / films:.1%}) belong"
                f" to a group with films in {other}.",
                image_ids=touched,
                evidence={
                    "split": side,
                    "other": other,
                    "groups": len(torn),
                    "touched": len(touched),
                    "films": films,
                    "share": len(touched) / films,
                },
                action="Leave the given splits aside and let them be carved anew, by group",
            )
        )
    return findings


def test_is_val(evidence: Evidence) -> list[Finding]:
    """The validation films serve as test films."""
    manifest = evidence.manifest
    if not manifest.test_is_val:
        return []
    return [
        Finding(
            check="leakage",
            severity="warning",
            message=f"{TEST_IS_VAL[0].upper()}{TEST_IS_VAL[1:]}, because the threshold and the best epoch"
            " were chosen on them.",
            evidence={"films": len(manifest.subset("test"))},
            action="Carve a test split from training, or bring one",
        )
    ]


# Its name begins like a test of pytest, which must not collect it where a test module imports it.
test_is_val.__test__ = False  # type: ignore[attr-defined]
