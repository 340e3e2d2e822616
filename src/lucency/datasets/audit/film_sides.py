"""Which films must stand on one side of a split: copies, and films of one patient or exam as far as that is known."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

from lucency.datasets.audit.copies import Copies
from lucency.datasets.audit.duplicates import known_copies
from lucency.datasets.audit.evidence import Evidence
from lucency.datasets.audit.exam_runs import inferred_groups
from lucency.datasets.film_groups import linked
from lucency.datasets.manifest import Manifest

PATIENT_COLUMNS = ("patient_id", "study_id", "group")
"""Columns that say which films are of one patient or exam; equal values, "" aside, belong together."""


@dataclass(frozen=True)
class FilmGroups:
    """Patients or exams, as far as they are known.

    Attributes:
        names: N names; "" where nothing is known of a film, and for films that only copies link.
        known_from: "given" by the data set, or "inferred" from copies and image numbers.
    """

    names: list[str]
    known_from: Literal["given", "inferred"]


def given_groups(manifest: Manifest) -> list[str] | None:
    """Name of the patient or exam of each film as the data set tells it, "" where it does not; None if nowhere."""
    columns = [list(manifest.table[column]) for column in PATIENT_COLUMNS]
    told = [any(values) for values in zip(*columns, strict=True)]
    if not any(told):
        return None
    names = linked(list(manifest.table["image_id"]), columns)
    return [name if known else "" for name, known in zip(names, told, strict=True)]


def film_groups_of(evidence: Evidence) -> FilmGroups | None:
    """Given groups; where there are none, inferred ones; None where there is nothing to infer them from."""
    copies = known_copies(evidence)
    groups = _groups(evidence.manifest, copies)
    if groups is None or groups.known_from == "given":
        return groups
    # A set of copies is no exam: who counts films with a copy elsewhere would count them again.
    heads: dict[str, set[int]] = defaultdict(set)
    for name, head in zip(groups.names, copies.cluster.tolist(), strict=True):
        heads[name].add(head)
    return FilmGroups([name if len(heads[name]) > 1 else "" for name in groups.names], "inferred")


def _groups(manifest: Manifest, copies: Copies) -> FilmGroups | None:
    given = given_groups(manifest)
    if given is not None:
        return FilmGroups(given, "given")
    inferred = inferred_groups(manifest, copies)
    return None if inferred is None else FilmGroups(inferred, "inferred")


def kept_together(manifest: Manifest, copies: Copies) -> list[str]:
    """Name of the block of each film that must stay on one side: copies, joined with given groups or inferred ones.

    Args:
        manifest: N films.
        copies: Which of them show one radiograph.

    Returns:
        One name per row, the first image_id of the block in alphabetical order.
    """
    groups = _groups(manifest, copies)
    columns = [[str(head) for head in copies.cluster.tolist()], *([groups.names] if groups else [])]
    return linked(list(manifest.table["image_id"]), columns)
