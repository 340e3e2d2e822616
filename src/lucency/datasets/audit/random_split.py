"""The split that a data set without one would get in a notebook: film by film, at random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lucency.datasets.manifest import Manifest

RANDOM_SPLIT = "the splits are random, film by film, as notebooks make them: they only show what would leak"
"""The note by which a manifest says that nobody gave its splits."""

SHARES = {"val": 0.15, "test": 0.15}
"""The rest is for training."""


def random_split(manifest: Manifest, seed: int = 0) -> list[str]:
    """A side for each film, at random, with the same share of each class on each side.

    Copies and groups are not looked at, on purpose: this is what `train_test_split(stratify=y)` would do.

    Args:
        manifest: Films; their own splits are not looked at.
        seed: Of the draw.

    Returns:
        N of "train", "val" and "test"; the same for a film in any order of rows.
    """
    random = np.random.default_rng(seed)
    labels = manifest.table["label"].to_numpy()
    by_name = np.argsort(manifest.table["image_id"].to_numpy(dtype=object), kind="stable")
    sides = np.full(len(manifest), "train", dtype=object)
    for label in (1, 0):
        rows = random.permutation(by_name[labels[by_name] == label])
        start = 0
        for side, share in SHARES.items():
            stop = start + round(share * len(rows))
            sides[rows[start:stop]] = side
            start = stop
    return [str(side) for side in sides]


def split_at_random(manifest: Manifest, seed: int = 0) -> Manifest:
    """The manifest with the sides of `random_split`, and with the note `RANDOM_SPLIT`."""
    table = manifest.table.assign(split=random_split(manifest, seed)).astype({"split": "str"})
    return replace(manifest, table=table).noting(RANDOM_SPLIT)


def is_random(manifest: Manifest) -> bool:
    """Whether the splits of a manifest come from `split_at_random`."""
    return RANDOM_SPLIT in manifest.notes


def has_split(manifest: Manifest) -> bool:
    """Whether there is something to train on and something else to measure on."""
    sides = set(manifest.table["split"])
    return "train" in sides and bool(sides & {"val", "test"})
