"""Does damage tell the label? Unreadable films that are nearly all of one class.

A finding asks for both: at least `NEARLY_ALL` (90 %) of the damaged films are of one class, and chance alone would
make them so one-sided in less than `CHANCE` (1 %) of data sets, for either class, by Fisher's exact test. Where half of
1,000 films are of a class, eight damaged films of it are a finding and seven are none; of a class with 90 % of all
films it takes some 50, of one with 17 % three.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from lucency.datasets.audit.evidence import Evidence
from lucency.datasets.audit.findings import Finding
from lucency.datasets.vocabulary import CLASS_NAMES

NEARLY_ALL = 0.9
"""Share of one class among damaged films from which the damage can stand for the class."""

CHANCE = 0.01
"""Damage that strikes at random is so one-sided in less than one data set of a hundred."""

_DAMAGED: Final = {"truncated": "truncated", "corrupt": "corrupt", "empty_file": "empty", "too_small": "too small"}


def damage_by_class(evidence: Evidence) -> list[Finding]:
    """Codes of unreadable films that belong to one class, or all unreadable films where no single code does.

    See `NEARLY_ALL` and `CHANCE`: both must be met.
    """
    survey, table = evidence.survey, evidence.manifest.table
    if survey is None:
        return []
    labels = [int(label) for label in table["label"]]
    ids = list(table["image_id"])
    by_code: dict[str, list[int]] = defaultdict(list)
    for row, facts in enumerate(survey.facts):
        if not facts.readable:
            by_code[facts.code].append(row)
    findings = [
        finding
        for code, rows in sorted(by_code.items())
        if (
            finding := _one_sided(rows, labels, ids, _DAMAGED.get(code, f"unreadable ({code.replace('_', ' ')})"), code)
        )
    ]
    if not findings and len(by_code) > 1:
        every = sorted(row for rows in by_code.values() for row in rows)
        together = _one_sided(every, labels, ids, "unreadable", "")
        findings = [together] if together else []
    return findings


def _one_sided(
    rows: Sequence[int], labels: Sequence[int], ids: Sequence[str], damaged: str, code: str
) -> Finding | None:
    fractured = sum(labels[row] for row in rows)
    label = int(2 * fractured > len(rows))
    hit = fractured if label else len(rows) - fractured
    of_class = sum(one == label for one in labels)
    # Either class could have been the one.
    chance = min(1.0, 2 * one_sided_chance(len(labels), of_class, len(rows), hit))
    if hit < NEARLY_ALL * len(rows) or chance >= CHANCE:
        return None
    share = of_class / len(labels)
    how_many = f"All {hit}" if hit == len(rows) else f"{hit} of {len(rows)}"
    return Finding(
        check="files",
        severity="warning",
        message=f"{how_many} {damaged} films are labelled {_name(label)}, as are {share:.1%} of all films: a model that"
        " fails on them, or reads them half-grey, learns the label from the damage.",
        image_ids=tuple(ids[row] for row in rows),
        evidence={
            "code": code,
            "films": len(rows),
            "fractured": fractured,
            "not_fractured": len(rows) - fractured,
            "share_of_all_films": share,
            "chance": chance,
        },
        action="Fetch those films again, or leave them out; never let a reader fill them up",
    )


def _name(label: int) -> str:
    return CLASS_NAMES[label].partition(" (")[0]


def one_sided_chance(films: int, of_class: int, damaged: int, hit: int) -> float:
    """How often damage that strikes at random hits a class so often (hypergeometric, Fisher's exact test).

    Args:
        films: Films in all.
        of_class: Films of the class.
        damaged: Damaged films.
        hit: Damaged films of the class.

    Returns:
        Probability of `hit` or more, 0..1.
    """
    all_ways = _log_choose(films, damaged)
    total = math.fsum(
        math.exp(_log_choose(of_class, k) + _log_choose(films - of_class, damaged - k) - all_ways)
        for k in range(max(hit, damaged - (films - of_class)), min(damaged, of_class) + 1)
    )
    return min(1.0, total)


def _log_choose(of: int, chosen: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(chosen + 1) - math.lgamma(of - chosen + 1)
