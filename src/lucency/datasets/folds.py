"""Folds of a cross-validation: stratified by label and body part, no group in two of them."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict

import pandas as pd

from lucency.datasets.audit.findings import counted
from lucency.datasets.film_groups import film_groups
from lucency.datasets.manifest import Manifest
from lucency.datasets.split import assign_split
from lucency.datasets.split_balance import Block, balance
from lucency.datasets.vocabulary import CLASS_NAMES
from lucency.errors import DatasetError


def assign_folds(manifest: Manifest, folds: int, *, seed: int = 0) -> list[int]:
    """The fold of each film.

    Whole groups (`film_groups`) go into one fold; each fold gets its share of both labels and of the body parts. The
    same films and seed give the same folds in any order of rows.

    Args:
        manifest: Films; their splits are not looked at.
        folds: How many; 2 or more.
        seed: Chooses among equally good folds.

    Returns:
        For each row a number from 0 to `folds` - 1.

    Raises:
        DatasetError: Fewer than 2 folds, or a class with fewer groups than folds.
    """
    if folds < 2:
        raise DatasetError(f"{folds} fold(s) leave nothing to train on or nothing to test on", hint="Ask for 2 or more")
    groups = film_groups(manifest)
    strata: dict[str, Counter[tuple[int, str]]] = defaultdict(Counter)
    for group, label, part in zip(groups, manifest.table["label"], manifest.table["body_part"], strict=True):
        strata[group][int(label), str(part)] += 1
    for label, name in CLASS_NAMES.items():
        having = sum(any(key[0] == label for key in counts) for counts in strata.values())
        if having < max(folds, 3):
            raise DatasetError(
                f"too few groups for {folds} folds: films of the class {name} stand in {counted(having, 'group')}",
                where=manifest.source,
                hint=f"Ask for at most {having} folds, or check the groups"
                if having >= 3
                else "Three groups of each class are the least: one to test on, one to validate on, one to train on",
            )
    blocks = [
        Block(name, counts, hashlib.sha256(f"{seed}\t{name}".encode()).digest()) for name, counts in strata.items()
    ]
    sides = balance(blocks, {str(fold): 1 / folds for fold in range(folds)})
    return [int(sides[group]) for group in groups]


def fold_split(manifest: Manifest, of_film: list[int], fold: int, *, val: float, seed: int = 0) -> Manifest:
    """The films with the split of one fold: its films are the test, validation films are carved from the others.

    Args:
        manifest: Films; their splits are replaced.
        of_film: Fold of each row, from `assign_folds`.
        fold: The one that is tested.
        val: Share of the other films to carve for validation, by whole groups.
        seed: Chooses among equally good validation films.

    Raises:
        DatasetError: Too few groups, or a side with one class only.
    """
    given = pd.Series(["test" if other == fold else "" for other in of_film], dtype="str")
    return assign_split(Manifest(manifest.table.assign(split=given), manifest.source), val=val, test=0.0, seed=seed)
