"""Exams that nobody named: copies joined with runs of neighbouring image numbers of one body part.

The films of one exam are often exported one after the other. Where no patient, study or group is known, films whose
file names end in neighbouring numbers and that show one body part are the best stand-in for an exam there is.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath

from lucency.datasets.audit.copies import Copies
from lucency.datasets.film_groups import linked
from lucency.datasets.manifest import Manifest

LONGEST_RUN = 50
"""A longer run is no exam: the numbering is sorted by body part there, and nothing is claimed of it."""

_TAIL = re.compile(r"(.*?)(\d{1,12})")
_SURE = 3.0


def inferred_groups(manifest: Manifest, copies: Copies) -> list[str] | None:
    """Name of the exam that each film probably belongs to, from image numbers, body parts and copies.

    A run ends where a number is missing or the body part changes. Runs are only trusted where numbers follow
    exams: neighbouring numbers must share their body part clearly more often (3 standard errors) than two films
    picked at random.

    Args:
        manifest: Films, with body parts. Folders that use the same names and numbers are numbered each for itself.
        copies: Which films show one radiograph; they are of one exam.

    Returns:
        One name per row, the first image_id of the exam in alphabetical order. None where nothing can be inferred:
        no numbers or body parts, one body part only, or numbers that say nothing.
    """
    runs = number_runs(manifest)
    if not any(runs):
        return None
    return linked(list(manifest.table["image_id"]), [runs, [str(head) for head in copies.cluster.tolist()]])


def number_runs(manifest: Manifest) -> list[str]:
    """Name of the run of neighbouring numbers that each film is in, "" where it is in none of two films or more."""
    parts = [str(part) for part in manifest.table["body_part"]]
    numbered = _numbered(manifest)
    runs: list[list[int]] = []
    neighbours = alike = 0
    for films in numbered.values():
        before: tuple[int, int] | None = None
        for number, row in sorted((number, row) for number, row in films if parts[row]):
            near = before is not None and number - before[0] <= 1
            same = before is not None and parts[before[1]] == parts[row]
            neighbours += near
            alike += near and same
            if near and same:
                runs[-1].append(row)
            else:
                runs.append([row])
            before = number, row
    if not _follow_exams(neighbours, alike, Counter(part for part in parts if part)):
        return [""] * len(parts)
    names = [""] * len(parts)
    for index, run in enumerate(runs):
        if 2 <= len(run) <= LONGEST_RUN:
            for row in run:
                names[row] = f"run {index}"
    return names


def _numbered(manifest: Manifest) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """(number, row) of the films of each numbering, which is a name before the number, and a folder if need be."""
    films: dict[str, list[tuple[int, str, int]]] = defaultdict(list)
    for row, path in enumerate(manifest.table["path"]):
        place = PurePosixPath(str(path).replace("\\", "/"))
        if match := _TAIL.fullmatch(place.stem):
            films[match[1].casefold()].append((int(match[2]), str(place.parent), row))
    numberings: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for name, entries in films.items():
        folders: dict[int, set[str]] = defaultdict(set)
        for number, folder, _ in entries:
            folders[number].add(folder)
        shared = all(len(places) == 1 for places in folders.values())
        for number, folder, row in entries:
            numberings[name, "" if shared else folder].append((number, row))
    return numberings


def _follow_exams(neighbours: int, alike: int, parts: Counter[str]) -> bool:
    films = sum(parts.values())
    if not neighbours:
        return False
    chance = sum((number / films) ** 2 for number in parts.values())
    error = math.sqrt(chance * (1 - chance) / neighbours)
    return error > 0 and alike / neighbours - chance > _SURE * error


@dataclass(frozen=True)
class Agreement:
    """How far two groupings of the same films agree.

    Attributes:
        films: Films of which both groups are known.
        groups: Inferred groups among them.
        given_groups: Given groups among them.
        pair_precision: Share of the pairs put together that belong together; None where no pair was put together.
        pair_recall: Share of the pairs that belong together that were put together; None likewise.
        adjusted_rand: Adjusted Rand index (Hubert and Arabie 1985): 1 for equal groupings, 0 by chance.
        same_group: Share of the films whose group holds exactly the same films in both.
    """

    films: int
    groups: int
    given_groups: int
    pair_precision: float | None
    pair_recall: float | None
    adjusted_rand: float
    same_group: float

    def to_json(self) -> dict[str, float | int | None]:
        """One key for each attribute."""
        return asdict(self)


def agreement(inferred: list[str], given: list[str]) -> Agreement | None:
    """Compares two groupings over the films that have a name, other than "", in both; None where there is none."""
    pairs = [(one, other) for one, other in zip(inferred, given, strict=True) if one and other]
    if not pairs:
        return None
    both, ones, others = Counter(pairs), Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    together, put, belong = (_pairs(counts) for counts in (both, ones, others))
    chance = put * belong / max(1, math.comb(len(pairs), 2))
    most = (put + belong) / 2
    same = sum(number for (one, other), number in both.items() if number == ones[one] == others[other])
    return Agreement(
        films=len(pairs),
        groups=len(ones),
        given_groups=len(others),
        pair_precision=together / put if put else None,
        pair_recall=together / belong if belong else None,
        adjusted_rand=(together - chance) / (most - chance) if most != chance else 1.0,
        same_group=same / len(pairs),
    )


def _pairs(counts: Counter[str] | Counter[tuple[str, str]]) -> int:
    return sum(math.comb(number, 2) for number in counts.values())
