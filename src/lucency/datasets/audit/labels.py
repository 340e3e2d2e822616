"""Labels that contradict each other, as far as can be told without looking at the films."""

from __future__ import annotations

from lucency.datasets.audit.duplicates import copies
from lucency.datasets.audit.evidence import Evidence
from lucency.datasets.audit.findings import Finding, counted
from lucency.datasets.manifest import Manifest


def contradictory_copies(evidence: Evidence) -> list[Finding]:
    """Byte-identical films with different labels."""
    manifest = evidence.manifest
    labels, ids = list(manifest.table["label"]), list(manifest.table["image_id"])
    sets = [rows for rows in copies(manifest) if len({labels[row] for row in rows}) > 1]
    if not sets:
        return []
    return [
        Finding(
            check="labels",
            severity="warning",
            message=f"{counted(len(sets), 'film stands', 'films stand')} in the data under both labels, byte for byte.",
            image_ids=tuple(ids[row] for rows in sets for row in rows),
            evidence={"sets": [{ids[row]: int(labels[row]) for row in rows} for rows in sets]},
            action="Look at them, and remove the wrong one of each",
        )
    ]


def second_label(evidence: Evidence) -> list[Finding]:
    """Films whose label in another part of the data set is not the one used."""
    manifest = evidence.manifest
    if "second_label" not in manifest.table.columns:
        return []
    rows = zip(manifest.table["image_id"], manifest.table["label"], manifest.table["second_label"], strict=True)
    differing = {
        image_id: {"used": int(label), "other": int(second)}
        for image_id, label, second in rows
        if second in ("0", "1") and int(second) != label
    }
    if not differing:
        return []
    return [
        Finding(
            check="labels",
            severity="warning",
            message=f"{counted(len(differing), 'film')} with another label in a second place of the data set"
            " (for FracAtlas: dataset.csv against the folder, which is used).",
            image_ids=tuple(differing),
            evidence={"labels": differing},
            action="Look at them, and correct the place that is wrong",
        )
    ]


def boxes_on_normal_films(evidence: Evidence) -> list[Finding]:
    """Films labelled as not fractured on which a fracture is marked."""
    manifest = evidence.manifest
    table = manifest.table
    marked = table[(table["label"] == 0) & ~table["boxes"].isin(["", "[]"])]
    if marked.empty:
        return []
    return [
        Finding(
            check="labels",
            severity="warning",
            message=f"{counted(len(marked), 'film')} labelled as not fractured, with a fracture marked by a box.",
            image_ids=tuple(marked["image_id"]),
            evidence={"boxes": dict(zip(marked["image_id"], marked["boxes"], strict=True))},
            action="Look at them, and correct the label or the boxes",
        )
    ]
