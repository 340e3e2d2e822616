"""Films that are there more than once: as equal bytes, as equal pixels, or as a changed picture of one radiograph."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.copies import Copies, CopyKind, CopyLink
from lucency.datasets.audit.evidence import Evidence
from lucency.datasets.audit.findings import Finding, counted
from lucency.datasets.audit.joined_copies import JoinedCopy, joined_copies
from lucency.datasets.manifest import Manifest

MANY = 0.1
"""Above this share of redundant films a data set is much smaller than it looks, and that is a warning."""

KINDS: dict[CopyKind, str] = {
    "bytes": "byte for byte",
    "pixels": "with the same pixels in another file",
    "near": "turned, mirrored, cropped, recompressed or otherwise changed",
}
"""How two films can be copies, the surest first, and how a sentence says so."""


def copies(manifest: Manifest) -> list[list[int]]:
    """Rows with the same bytes, one list for each content that stands in more than one row."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, sha in enumerate(manifest.table["sha256"]):
        if sha:
            rows[sha].append(row)
    return [group for group in rows.values() if len(group) > 1]


def known_copies(evidence: Evidence) -> Copies:
    """The copies of the evidence; those with equal bytes where no others were looked for."""
    if evidence.copies is not None:
        return evidence.copies
    cluster = np.arange(len(evidence.manifest), dtype=np.int64)
    links = []
    for rows in copies(evidence.manifest):
        cluster[rows] = rows[0]
        links += [CopyLink(rows[0], row, "bytes") for row in rows[1:]]
    return Copies(cluster, tuple(links))


def usable(evidence: Evidence) -> npt.NDArray[np.bool_]:
    """(N,) bool: films that can be read; all of them where nothing was decoded."""
    if evidence.survey is None:
        return np.ones(len(evidence.manifest), dtype=bool)
    return evidence.survey.rows >= 0


def redundant_copies(evidence: Evidence) -> list[Finding]:
    """Radiographs that are there more than once."""
    found = known_copies(evidence)
    sets = found.sets()
    if not sets:
        return []
    ids = list(evidence.manifest.table["image_id"])
    extra = sum(len(rows) - 1 for rows in sets)
    kinds = redundant_by_kind(found)
    how = ", ".join(f"{number} {KINDS[kind]}" for kind, number in kinds.items() if number)
    joined = joined_copies(found)
    seen = usable(evidence)
    readable, distinct = int(seen.sum()), len(set(found.cluster[seen].tolist()))
    film = "film" if readable == len(ids) else "readable film"
    holds = counted(readable, f"{film} holds", f"{film}s hold")
    what = "distinct content" if evidence.copies is None else "distinct radiograph"
    largest = max(len(rows) for rows in sets)
    return [
        Finding(
            check="duplicates",
            severity="warning" if extra > MANY * len(ids) else "note",
            message=f"{counted(extra, 'film is a copy', 'films are copies')} of another ({how}):"
            f" {holds} {counted(distinct, what)}. The largest set has {largest} films.",
            image_ids=tuple(ids[row] for rows in sets for row in rows),
            evidence={
                "films": len(ids),
                "readable": readable,
                "copies": extra,
                "distinct": distinct,
                "by_kind": kinds,
                "largest": largest,
                "sets": [[ids[row] for row in rows] for rows in sets],
                "changes": {ids[copy.row]: _change(copy, ids) for copy in joined if copy.kind == "near"},
            },
            action="Count radiographs, not films; splits that are carved keep equal bytes on one side"
            if evidence.copies is None
            else "Count radiographs, not films, and keep all films of a set on one side of the split",
        )
    ]


def redundant_by_kind(found: Copies) -> dict[CopyKind, int]:
    """How many films add nothing, by the surest way in which each is known to be a copy; the sum is exact."""
    kinds: dict[CopyKind, int] = dict.fromkeys(KINDS, 0)
    for copy in joined_copies(found):
        kinds[copy.kind] += 1
    return kinds


def _change(copy: JoinedCopy, ids: list[str]) -> dict[str, object]:
    return {
        "like": ids[copy.like],
        "score": round(copy.score, 4),
        "turned": round(copy.turned, 1),
        "mirrored": copy.mirrored,
        "inverted": copy.inverted,
        "scale": round(copy.scale, 3),
    }
