"""Train, validation and test: stratified by label and body part, no group on two sides."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass

import pandas as pd

from lucency.datasets.audit.findings import counted
from lucency.datasets.film_groups import film_groups
from lucency.datasets.manifest import TEST_IS_VAL, Manifest
from lucency.datasets.split_balance import Block, balance
from lucency.datasets.vocabulary import CLASS_NAMES
from lucency.errors import DatasetError


@dataclass(frozen=True)
class _Film:
    row: int
    label: int
    stratum: tuple[int, str]
    given: str


def assign_split(
    manifest: Manifest,
    *,
    val: float = 0.15,
    test: float = 0.15,
    seed: int = 0,
    test_from_val: bool = False,
) -> Manifest:
    """Puts every film in train, val or test.

    Given splits stay as they are, even where a group stands on two sides: that is for the audit to say. Where
    no film is given to val, or none to test, that side is carved from the training films (given as train, or
    not given) by whole groups: films linked by group, patient or equal bytes (`film_groups`). A film without
    a split whose group is already on a given side joins it.

    The same films, shares and seed give the same answer in any order of rows.

    Args:
        manifest: Films, with or without splits.
        val: Share of the training films to carve for validation, where there is none; 0 carves none.
        test: The same for test.
        seed: Chooses among equally good splits.
        test_from_val: Carve no test: where none is given, the validation films serve as both, and the
            manifest says so (`TEST_IS_VAL` in its notes, `subset("test")` gives the validation films).

    Returns:
        The films in the same order, none with split "".

    Raises:
        DatasetError: Shares that leave nothing, too few groups to carve from, or a split with one class only.
    """
    if not (0 <= val < 1 and 0 <= test < 1 and val + test < 1):
        raise DatasetError(
            f"val {val} and test {test} are no shares", hint="Both lie in 0..1, and their sum is under 1"
        )
    table = manifest.table
    given = set(table["split"])
    notes = list(manifest.notes)
    shares = {"val": val} if "val" not in given and val > 0 else {}
    if "test" not in given and test_from_val:
        notes.append(TEST_IS_VAL)
    elif "test" not in given and test > 0:
        shares["test"] = test

    groups: dict[str, list[_Film]] = defaultdict(list)
    columns = (film_groups(manifest), table["label"], table["body_part"], table["split"])
    for row, (group, label, part, split) in enumerate(zip(*columns, strict=True)):
        groups[group].append(_Film(row, int(label), (int(label), str(part)), str(split)))

    split_of = list(table["split"])
    free: dict[str, list[_Film]] = {}
    for name, films in groups.items():
        sides = {film.given for film in films} & {"val", "test"}
        if not sides:
            free[name] = films
            continue
        home = "train" if "train" in {film.given for film in films} else min(sides, key=("val", "test").index)
        for film in films:
            split_of[film.row] = film.given or home
    sides_of = _carve(free, shares, seed, manifest.source)
    for name, films in free.items():
        for film in films:
            split_of[film.row] = sides_of[name]
    result = Manifest(
        table.assign(split=pd.Series(split_of, dtype="str")), manifest.source, tuple(dict.fromkeys(notes))
    )
    _check_classes(result)
    sizes = Counter(split_of)
    carved = [f"{side}: {sizes[side]} films carved from training by group, seed {seed}" for side in shares]
    return result.noting(*carved)


def _carve(free: dict[str, list[_Film]], shares: dict[str, float], seed: int, source: str) -> dict[str, str]:
    """Side of each free group."""
    if not shares:
        return dict.fromkeys(free, "train")
    for label, name in CLASS_NAMES.items():
        having = sum(any(film.label == label for film in films) for films in free.values())
        if having < len(shares) + 1:
            raise DatasetError(
                f"too few groups to carve {' and '.join(shares)} from training: films of the class {name}"
                f" stand in {counted(having, 'group')}, and at least {len(shares) + 1} are needed",
                where=source,
                hint="Give a split, check the groups, or let the validation films serve as test",
            )
    blocks = [
        Block(
            name=name,
            films=Counter(film.stratum for film in films),
            order=hashlib.sha256(f"{seed}\t{name}".encode()).digest(),
        )
        for name, films in free.items()
    ]
    return balance(blocks, {"train": 1 - sum(shares.values()), **shares})


def _check_classes(manifest: Manifest) -> None:
    present: dict[str, set[int]] = {
        str(split): set(labels) for split, labels in manifest.table.groupby("split")["label"] if len(labels)
    }
    if "train" not in present:
        raise DatasetError("no films to train on: all of them are given to val or test", where=manifest.source)
    for split, labels in present.items():
        for label, name in CLASS_NAMES.items():
            if label not in labels:
                raise DatasetError(
                    f"the split {split} has one class only: none of its films is {name}",
                    where=manifest.source,
                    hint="Both classes are needed in every split",
                )
