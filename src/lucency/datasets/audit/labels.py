"""Labels that contradict each other, as far as can be told without a model."""

from __future__ import annotations

from lucency.datasets.audit.duplicates import known_copies
from lucency.datasets.audit.evidence import Evidence
from lucency.datasets.audit.findings import Finding, counted

_NO_BOX = ("", "[]")


def contradictory_copies(evidence: Evidence) -> list[Finding]:
    """Copies of one radiograph with different labels."""
    table = evidence.manifest.table
    labels, ids = list(table["label"]), list(table["image_id"])
    sets = [rows for rows in known_copies(evidence).sets() if len({labels[row] for row in rows}) > 1]
    if not sets:
        return []
    how = ", byte for byte" if evidence.copies is None else ""
    return [
        Finding(
            check="labels",
            severity="warning",
            message=f"{counted(len(sets), 'radiograph stands', 'radiographs stand')} in the data under both"
            f" labels{how}.",
            image_ids=tuple(ids[row] for rows in sets for row in rows),
            evidence={"sets": [{ids[row]: int(labels[row]) for row in rows} for rows in sets]},
            action="Look at them, and remove the wrong ones of each set",
        )
    ]


def second_label(evidence: Evidence) -> list[Finding]:
    """Films whose label in another part of the data set is not the one used."""
    table = evidence.manifest.table
    if "second_label" not in table.columns:
        return []
    rows = zip(table["image_id"], table["label"], table["second_label"], strict=True)
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
            message=f"{counted(len(differing), 'film')} with another label in a second place of the data set, such as"
            " the name of a folder against a table (for FracAtlas the folder is used, otherwise the table).",
            image_ids=tuple(differing),
            evidence={"labels": differing},
            action="Look at them, and correct the place that is wrong",
        )
    ]


def boxes_on_normal_films(evidence: Evidence) -> list[Finding]:
    """Films labelled as not fractured on which a fracture is marked."""
    table = evidence.manifest.table
    marked = table[(table["label"] == 0) & ~table["boxes"].isin(_NO_BOX)]
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


def fractures_without_boxes(evidence: Evidence) -> list[Finding]:
    """Films labelled as fractured on which no fracture is marked, in a data set that marks them."""
    table = evidence.manifest.table
    fractured = table[table["label"] == 1]
    bare = fractured[fractured["boxes"].isin(_NO_BOX)]
    boxed = int((~table["boxes"].isin(_NO_BOX)).sum())
    if bare.empty or not boxed:
        return []
    return [
        Finding(
            check="labels",
            severity="note",
            message=f"{len(bare)} of {counted(len(fractured), 'film')} labelled as fractured"
            f" {'has' if len(bare) == 1 else 'have'} no box, though the data set marks fractures on"
            f" {counted(boxed, 'film')}.",
            image_ids=tuple(bare["image_id"]),
            evidence={"films": len(bare), "fractured": len(fractured), "with_boxes": boxed},
            action="Look at some of them: the label may be wrong, or the box was left out",
        )
    ]
