"""The counts of an audit: films and distinct radiographs by class and split, leakage, copies and balance."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.balance import half_width, smallest
from lucency.datasets.audit.duplicates import known_copies, redundant_by_kind, usable
from lucency.datasets.audit.evidence import Evidence
from lucency.datasets.audit.film_sides import film_groups_of
from lucency.datasets.audit.patients import exams_compared, patients_known
from lucency.datasets.audit.shared_films import CLASS_KEYS, copies_shared, shared_films
from lucency.datasets.audit.split_cells import cells_of, distinct_fractured

Mask = npt.NDArray[np.bool_]


def count_distinct(evidence: Evidence, rows: Mask | None = None) -> int:
    """Distinct radiographs among readable films, of those rows if given.

    Args:
        evidence: N films.
        rows: (N,) bool.
    """
    chosen = usable(evidence) if rows is None else usable(evidence) & rows
    return len(set(known_copies(evidence).cluster[chosen].tolist()))


def count_classes(evidence: Evidence) -> dict[str, dict[str, int]]:
    """For "fractured" and "not_fractured": "films", "readable" and "distinct_radiographs"."""
    labels, readable = evidence.manifest.table["label"].to_numpy(), usable(evidence)
    return {
        key: {
            "films": int((labels == label).sum()),
            "readable": int((readable & (labels == label)).sum()),
            "distinct_radiographs": count_distinct(evidence, labels == label),
        }
        for label, key in CLASS_KEYS.items()
    }


def count_splits(evidence: Evidence) -> dict[str, dict[str, int] | None]:
    """For train, val and test the films and distinct radiographs, of each class too; None for a split without films."""
    table = evidence.manifest.table
    labels, splits = table["label"].to_numpy(), table["split"].to_numpy(dtype=object)
    result: dict[str, dict[str, int] | None] = {}
    for split in ("train", "val", "test"):
        inside = splits == split
        if not inside.any():
            result[split] = None
            continue
        counts = {"films": int(inside.sum())}
        counts |= {key: int((inside & (labels == label)).sum()) for label, key in CLASS_KEYS.items()}
        counts["distinct_radiographs"] = count_distinct(evidence, inside)
        counts |= {
            f"distinct_{key}": count_distinct(evidence, inside & (labels == label)) for label, key in CLASS_KEYS.items()
        }
        result[split] = counts
    return result


def count_leakage(evidence: Evidence) -> dict[str, dict[str, Any] | None]:
    """For val and test how many readable films have a copy in train, or are of a patient or exam that is.

    None for a split without readable films, or where there is no training film. What is known of groups is None
    where no group is known; "groups_known_from" says "given" or "inferred".
    """
    groups = film_groups_of(evidence)
    has_train = bool((usable(evidence) & (evidence.manifest.table["split"] == "train").to_numpy()).any())
    result: dict[str, dict[str, Any] | None] = {}
    for split in ("val", "test"):
        copies = copies_shared(evidence, split, "train")
        if not copies.films or not has_train:
            result[split] = None
            continue
        grouped = None if groups is None else shared_films(evidence, groups.names, split, "train")
        result[split] = {
            "films": copies.films,
            "with_copy_in_train": len(copies.rows),
            "share_with_copy_in_train": copies.share,
            "by_class": {
                key: {
                    "films": counts["films"],
                    "with_copy_in_train": counts["shared"],
                    "share_with_copy_in_train": counts["share"],
                }
                for key, counts in copies.by_class.items()
            },
            "groups_in_train": None
            if grouped is None or groups is None
            else len({groups.names[row] for row in grouped.rows}),
            "share_of_group_in_train": None if grouped is None else grouped.share,
            "groups_known_from": None if groups is None else groups.known_from,
        }
    return result


def count_duplicates(evidence: Evidence) -> dict[str, Any]:
    """Clusters of copies, the films in them, how many are redundant and by what kind of copy; unreadable ones too."""
    copies = known_copies(evidence)
    sizes = [len(rows) for rows in copies.sets()]
    return {
        "clusters": len(sizes),
        "films_in_clusters": sum(sizes),
        "redundant": sum(sizes) - len(sizes),
        "largest": max(sizes, default=0),
        "by_kind": redundant_by_kind(copies),
        "searched": "bytes" if evidence.copies is None else "pixels",
    }


def count_balance(evidence: Evidence) -> dict[str, Any]:
    """Cells by split, class, body part and view, the smallest of them, expected widths, patients and exams."""
    cells = cells_of(evidence)
    least = smallest(cells)
    compared = exams_compared(evidence)
    sensitivity = {}
    for split in ("test", "val"):
        positives, distinct = distinct_fractured(evidence, split)
        sensitivity[split] = {
            "positives": positives,
            "distinct_positives": distinct,
            "half_width": half_width(distinct),
        }
    exams = None
    if compared is not None:
        agrees = compared[1]
        exams = {"inferred_groups": compared[0], "agreement": None if agrees is None else agrees.to_json()}
    return {
        "cells": [cell.to_json() for cell in cells],
        "smallest_cell": None if least is None else least.to_json(),
        "sensitivity": sensitivity,
        "patients": patients_known(evidence),
        "exams": exams,
    }
