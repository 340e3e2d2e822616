"""Leakage: films of one side of a split that the other side knows."""

from __future__ import annotations

from lucency.datasets.audit.evidence import Evidence
from lucency.datasets.audit.film_sides import film_groups_of
from lucency.datasets.audit.findings import Finding, Severity, counted
from lucency.datasets.audit.random_split import is_random
from lucency.datasets.audit.shared_films import Shared, copies_shared, shared_films
from lucency.datasets.manifest import TEST_IS_VAL

SIDES = (("val", "train"), ("test", "train"), ("test", "val"))
"""Films of the first side, known from the second."""

_CARVE = "Leave the given splits aside and let them be carved anew, by group"
_BY_GROUP = "Let the splits be carved by group, never film by film"


def copies_across_splits(evidence: Evidence) -> list[Finding]:
    """Films of val and test of which a copy is in train too, and films of test of which one is in val."""
    findings = []
    for side, other in _sides(evidence):
        shared = copies_shared(evidence, side, other)
        if not shared.rows:
            continue
        copy = "byte-identical copy" if evidence.copies is None else "copy"
        findings.append(
            _finding(
                evidence,
                shared,
                f"{_films(shared, side)} {'has' if len(shared.rows) == 1 else 'have'} a {copy} in {other}",
                {"side": side, "other": other, "copies": len(shared.rows)},
            )
        )
    return findings


def groups_across_splits(evidence: Evidence) -> list[Finding]:
    """Groups or patients with films in two splits; copies alone are left to `copies_across_splits`."""
    groups = film_groups_of(evidence)
    if groups is None:
        return []
    told = "one patient or one exam"
    if groups.known_from == "inferred":
        told = "probably one exam, by copies and neighbouring image numbers of one body part"
    findings = []
    for side, other in _sides(evidence):
        shared = shared_films(evidence, groups.names, side, other)
        if not shared.rows:
            continue
        torn = {groups.names[row] for row in shared.rows}
        findings.append(
            _finding(
                evidence,
                shared,
                f"{counted(len(torn), 'group')} of films ({told}) on two sides: {_films(shared, side)}"
                f" {'belongs' if len(shared.rows) == 1 else 'belong'} to a group with films in {other}",
                {
                    "side": side,
                    "other": other,
                    "groups": len(torn),
                    "touched": len(shared.rows),
                    "known_from": groups.known_from,
                },
            )
        )
    return findings


def _sides(evidence: Evidence) -> tuple[tuple[str, str], ...]:
    # Nobody chose anything on the val films of a split that nobody made.
    return SIDES[:2] if is_random(evidence.manifest) else SIDES


def _finding(evidence: Evidence, shared: Shared, what: str, counts: dict[str, object]) -> Finding:
    # A split that nobody made spoils no figure: it shows what would happen, and that is good to know.
    random = is_random(evidence.manifest)
    severity: Severity = "note" if random else "warning"
    begins = "Split at random, as notebooks do: " if random else ""
    ends = "such figures would look" if random else "its figures will look"
    side, other = counts.pop("side"), counts.pop("other")
    ids = evidence.manifest.table["image_id"]
    return Finding(
        check="leakage",
        severity=severity,
        message=f"{begins}{what}: {ends} better than they are.",
        image_ids=tuple(ids.iloc[shared.rows]),
        evidence={
            "split": side,
            "other": other,
            "splits_are": "random" if random else "given",
            **counts,
            "films": shared.films,
            "share": shared.share,
            "by_class": shared.by_class,
        },
        action=_BY_GROUP if random else _CARVE,
    )


def _films(shared: Shared, side: str) -> str:
    return f"{len(shared.rows)} of {counted(shared.films, 'film')} of {side} ({100 * shared.share:.1f} %)"


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
