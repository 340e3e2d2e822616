"""A cleaned manifest: readable films, each radiograph under one label, copies on one side of a new split."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lucency._version import __version__
from lucency.workflows.audit_films import compare_films, prepared_beside
from lucency.workflows.group_copies import group_copies
from lucency.workflows.run_folder import write_json
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    import pandas as pd

    from lucency.datasets.audit.copies import Copies
    from lucency.datasets.audit.evidence import Evidence
    from lucency.datasets.audit.findings import Finding
    from lucency.datasets.audit.survey import Survey
    from lucency.datasets.manifest import Manifest

TABLE, RECORD = "cleaned.csv", "cleaned.json"
VAL, TEST = 0.15, 0.15
MOST_ROUNDS = 5

CERTAIN = 0.9
"""Score from which on a near copy is taken for the same radiograph without a look at it."""

_TOLD = ("boxes", "patient_id", "study_id", "group", "body_part", "view")
"""Of equal copies the one is kept of which most of these are known."""


@dataclass(frozen=True)
class LeftOut:
    """A film that is not in the cleaned manifest.

    Attributes:
        image_id: Of the film.
        path: Of its file as the data set names it; nothing here moves it, but a quarantine may have.
        reason: "unreadable", "contradictory" or "copy".
        what: Why, as a sentence.
        like: image_ids: the film that is kept in its place, or those that contradict it.
    """

    image_id: str
    path: str
    reason: str
    what: str
    like: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """One key for each attribute."""
        return {**self.__dict__, "like": list(self.like)}


@dataclass(frozen=True)
class Cleaned:
    """What was written.

    Attributes:
        table: The cleaned manifest.
        left: Films that are not in it.
        findings: What is still to be looked at in it.
    """

    table: Path
    left: list[LeftOut]
    findings: list[Finding]


def clean_films(
    given: Manifest,
    evidence: Evidence,
    folder: Path,
    *,
    seed: int = 0,
    workers: int | None = None,
    teller: Teller | None = None,
) -> Cleaned:
    """Writes `cleaned.csv`, and `cleaned.json`, which says what was left out and why. No film is touched.

    Left out are unreadable films; all films of a radiograph that surely stands under both labels, since neither can
    be trusted; and of films with equal bytes or pixels all but one. Near copies stay, in one group, and those under
    both labels too where their score is under `CERTAIN`. The splits are carved anew, by group, whatever was given.

    Args:
        given: The films of the data set.
        evidence: What is known of them, row by row.
        folder: Where the files are written.
        seed: Of the split.
        workers: Threads.
        teller: Hears of progress.

    Raises:
        DatasetError: Too few films are left to carve a split from.
        ResourceError: The folder cannot be written.
    """
    from lucency.datasets.split import assign_split

    assert evidence.copies is not None
    assert evidence.survey is not None
    kept, survey, copies = given, evidence.survey, evidence.copies
    left: list[LeftOut] = []
    notes: list[str] = []
    for turn in count():
        more = _left_out(kept, survey, copies)
        # Grouped while all are there: a film that is left out may be the link between two that stay.
        kept, note = group_copies(kept, copies)
        notes += [note] if note else []
        if turn == MOST_ROUNDS or (not more and not note):
            break
        left = left + more
        rows = np.flatnonzero(~kept.table["image_id"].isin({film.image_id for film in more}).to_numpy())
        kept = type(kept)(kept.table.iloc[rows].reset_index(drop=True), kept.source)
        survey = replace(survey, facts=tuple(survey.facts[row] for row in rows), rows=survey.rows[rows])
        # Among fewer films others may be the likeliest pairs: looked at again until nothing new is found.
        copies = compare_films(kept, survey, prepared_beside(folder), workers=workers, teller=teller or Teller())
    findings = [*_unsettled(more, note), *_doubtful(kept, copies, {film.image_id for film in more})]
    free = type(kept)(kept.table.assign(split="").astype({"split": "str"}), kept.source)
    cleaned = assign_split(free, val=VAL, test=TEST, seed=seed)
    cleaned.write(folder / TABLE)
    write_json(folder / RECORD, _record(given, cleaned, left, notes, seed, findings))
    return Cleaned(folder / TABLE, left, findings)


def _left_out(films: Manifest, survey: Survey, copies: Copies) -> list[LeftOut]:
    table = films.table
    ids, paths, labels = list(table["image_id"]), list(table["path"]), list(table["label"])
    left: dict[int, LeftOut] = {}

    def leave(row: int, reason: str, what: str, like: list[int]) -> None:
        left[row] = LeftOut(ids[row], paths[row], reason, what, tuple(ids[other] for other in like))

    for row, facts in enumerate(survey.facts):
        if not facts.readable:
            leave(row, "unreadable", f"{facts.what} ({facts.code})", [])
    equal = _equal(table, survey, left)
    for rows in _surely_one(equal, copies, left):
        if len({labels[row] for row in rows}) > 1:
            for row in rows:
                others = [other for other in rows if labels[other] != labels[row]]
                leave(row, "contradictory", "the same radiograph stands under the other label too", others)
    for rows in ([row for row in found if row not in left] for found in equal):
        if not rows:
            continue
        best = max(rows, key=lambda row: (_known(table, row), -row))
        for row in rows:
            if row != best:
                leave(row, "copy", "its bytes or pixels equal those of a film that is kept", [best])
    return [left[row] for row in sorted(left)]


def _surely_one(equal: list[list[int]], copies: Copies, left: dict[int, LeftOut]) -> list[list[int]]:
    """Rows of each set of films that surely show one radiograph, by equal bytes or pixels or a score of `CERTAIN`."""
    pairs = [(rows[0], row) for rows in equal for row in rows[1:]]
    pairs += [
        (link.first, link.second)
        for link in copies.links
        if (link.kind != "near" or link.score >= CERTAIN) and not {link.first, link.second} & left.keys()
    ]
    sets: dict[int, set[int]] = {}
    for first, second in pairs:
        joined = sets.get(first, {first}) | sets.get(second, {second})
        sets |= dict.fromkeys(joined, joined)
    return [sorted(rows) for row, rows in sorted(sets.items()) if row == min(rows)]


def _unsettled(more: list[LeftOut], note: str) -> list[Finding]:
    """That the last look still found something."""
    from lucency.datasets.audit.findings import Finding

    if not more and not note:
        return []
    return [
        Finding(
            check="duplicates",
            severity="warning",
            message=f"Copies were looked for {MOST_ROUNDS + 1} times, and each time there were new ones: some may be"
            " left.",
            image_ids=tuple(film.image_id for film in more),
            evidence={"looks": MOST_ROUNDS + 1, "films": len(more)},
            action=f"Audit {TABLE} with --fix again",
        )
    ]


def _doubtful(films: Manifest, copies: Copies, told: set[str]) -> list[Finding]:
    """Near copies under both labels that are not sure enough to be left out."""
    from lucency.datasets.audit.findings import Finding, counted

    ids, labels = list(films.table["image_id"]), list(films.table["label"])
    sets = [
        rows
        for rows in copies.sets()
        if len({labels[row] for row in rows}) > 1 and not told & {ids[row] for row in rows}
    ]
    if not sets:
        return []
    return [
        Finding(
            check="labels",
            severity="warning",
            message=f"{counted(len(sets), 'radiograph')} may stand under both labels: the films are alike, but not"
            f" surely copies (a score under {CERTAIN:g}), so they are kept, in one group.",
            image_ids=tuple(ids[row] for rows in sets for row in rows),
            evidence={"sets": [{ids[row]: int(labels[row]) for row in rows} for rows in sets]},
            action="Look at them, and take the wrong ones out by hand",
        )
    ]


def _equal(table: pd.DataFrame, survey: Survey, left: dict[int, LeftOut]) -> list[list[int]]:
    """Rows of each set of films with equal bytes or pixels, of those that are not left out yet."""
    from lucency.datasets.film_groups import linked

    names = [str(row) for row in range(len(table))]
    columns = [list(table["sha256"]), [facts.pixel_sha256 for facts in survey.facts]]
    members: dict[str, list[int]] = defaultdict(list)
    for row, head in enumerate(linked(names, columns)):
        if row not in left:
            members[head].append(row)
    return [rows for rows in members.values() if len(rows) > 1]


def _known(table: pd.DataFrame, row: int) -> int:
    return sum(bool(table[name].iat[row]) for name in _TOLD)


def _record(
    given: Manifest, cleaned: Manifest, left: list[LeftOut], notes: list[str], seed: int, findings: list[Finding]
) -> dict[str, Any]:
    reasons = ("unreadable", "contradictory", "copy")
    return {
        "schema": 1,
        "lucency": __version__,
        "source": given.source,
        "films": len(given),
        "kept": len(cleaned),
        "left_out_by_reason": {reason: sum(film.reason == reason for film in left) for reason in reasons},
        "groups": notes,
        "seed": seed,
        "splits": {
            split: {"films": len(part), "fractured": int(part.table["label"].sum())}
            for split in ("train", "val", "test")
            if len(part := cleaned.subset(split))
        },
        "findings": [finding.to_json() for finding in findings],
        "left_out": [film.to_json() for film in left],
    }
