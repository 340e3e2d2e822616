"""Films that are there more than once, byte for byte."""

from __future__ import annotations

from collections import defaultdict

from lucency.datasets.audit.evidence import Evidence
from lucency.datasets.audit.findings import Finding, counted
from lucency.datasets.manifest import Manifest


def copies(manifest: Manifest) -> list[list[int]]:
    """Rows with the same bytes, one list for each content that stands in more than one row."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, sha in enumerate(manifest.table["sha256"]):
        if sha:
            rows[sha].append(row)
    return [group for group in rows.values() if len(group) > 1]


def identical_copies(evidence: Evidence) -> list[Finding]:
    """Contents that are there more than once."""
    manifest = evidence.manifest
    sets = copies(manifest)
    if not sets:
        return []
    ids = list(manifest.table["image_id"])
    extra = sum(len(rows) - 1 for rows in sets)
    return [
        Finding(
            check="duplicates",
            severity="note",
            message=f"{counted(extra, 'film is a byte-identical copy', 'films are byte-identical copies')} of"
            f" another: {len(ids)} films hold {len(ids) - extra} distinct contents.",
            image_ids=tuple(ids[row] for rows in sets for row in rows),
            evidence={
                "films": len(ids),
                "copies": extra,
                "sets": [[ids[row] for row in rows] for rows in sets],
            },
            action="None needed: splits that are carved keep copies on one side",
        )
    ]
