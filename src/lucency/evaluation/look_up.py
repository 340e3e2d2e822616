"""What copying the nearest film's label scores, as a data set is split and with its copies kept on one side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.errors import DatasetError
from lucency.evaluation.baselines import majority, nearest_neighbour, thumbnails

SIDE = 32
"""Rows and columns of the pixels that are compared."""

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LookUpScore:
    """What the look-up scores on a number of films.

    Attributes:
        films: Films that were looked up; the mean over redraws, rounded, where the films were drawn anew.
        accuracy: Share of them that got the right label, 0..1.
        auroc: 0..1; None where one class is missing.
        majority_accuracy: Accuracy of always giving the commoner class of the training films.
    """

    films: int
    accuracy: float
    auroc: float | None
    majority_accuracy: float


@dataclass(frozen=True)
class LookUp:
    """The look-up on one split, val or test.

    Attributes:
        as_split: Against the training films of the data set.
        copies_grouped: On as many films of each class, drawn anew so that no block stands on both sides: the mean
            over the redraws. None where the blocks leave nothing to train on or to look up.
    """

    as_split: LookUpScore
    copies_grouped: LookUpScore | None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, one key for each attribute."""
        return asdict(self)


def look_up(
    thumbs: npt.NDArray[np.uint8],
    rows: IntArray,
    labels: npt.ArrayLike,
    splits: Sequence[str],
    blocks: Sequence[Hashable],
    *,
    redraws: int = 5,
    seed: int = 0,
) -> dict[str, LookUp | None]:
    """Looks up every val and test film among the training films, by Euclidean distance of 32 x 32 pixels.

    As split: the label of the nearest training film. With copies grouped: all films of train, val and test are put
    together; whole blocks are drawn at random into a new side until it has as many films of each class as the old
    one had (a block that would overshoot is passed over), and its films are looked up among all that remain. What
    the first scores above the second is owed to copies.

    Args:
        thumbs: uint8 (M, H, W), 0..255.
        rows: int64 (N,), row of `thumbs` of each film; -1 where a film cannot be read, and is left out.
        labels: (N,) integers, 1 = fractured, 0 = not fractured.
        splits: N of "train", "val", "test" or "" (left out).
        blocks: N names; films of one block stay on one side.
        redraws: How many times the side is drawn anew.
        seed: Of the draws.

    Returns:
        For "val" and "test" the result; None where the split, or train, has no readable film.

    Raises:
        DatasetError: The arguments are not of one length, or a label is neither 0 nor 1.
    """
    classes = np.asarray(labels)
    if not len(rows) == len(classes) == len(splits) == len(blocks):
        raise DatasetError(
            f"{len(rows)} rows, {len(classes)} labels, {len(splits)} splits and {len(blocks)} blocks are not of one"
            " length"
        )
    if not np.isin(classes, (0, 1)).all():
        raise DatasetError("a label is neither 0 nor 1")
    side = np.asarray(splits, dtype=object)
    kept = np.flatnonzero((np.asarray(rows) >= 0) & np.isin(side, ("train", "val", "test")))
    films = _Films(_small(thumbs, np.asarray(rows)[kept]), classes[kept].astype(np.int64))
    side, names = side[kept], [blocks[row] for row in kept.tolist()]
    result: dict[str, LookUp | None] = {}
    for split in ("val", "test"):
        wanted, train = np.flatnonzero(side == split), np.flatnonzero(side == "train")
        if not len(wanted) or not len(train):
            result[split] = None
            continue
        as_split = films.score(train, wanted)
        numbers = np.bincount(films.labels[wanted], minlength=2)
        draws = [_drawn(films.labels, names, numbers, [seed, draw]) for draw in range(redraws)]
        scores = [
            films.score(np.flatnonzero(~drawn), np.flatnonzero(drawn))
            for drawn in draws
            if drawn.any() and not drawn.all()
        ]
        result[split] = LookUp(as_split, _mean(scores) if scores else None)
    return result


@dataclass(frozen=True, eq=False)
class _Films:
    pixels: npt.NDArray[np.uint8]
    labels: IntArray

    def score(self, train: IntArray, wanted: IntArray) -> LookUpScore:
        known, truth = self.labels[train], self.labels[wanted]
        found = nearest_neighbour(self.pixels, known, self.pixels, truth, train_rows=train, test_rows=wanted)
        return LookUpScore(len(wanted), found.accuracy, found.auroc, majority(known, truth).accuracy)


def _small(thumbs: npt.NDArray[np.uint8], rows: IntArray) -> npt.NDArray[np.uint8]:
    # Shrunk once: the look-ups share these pixels.
    grey = thumbnails(thumbs, rows).reshape(-1, SIDE, SIDE)
    return np.rint(255 * grey).astype(np.uint8)


def _drawn(labels: IntArray, blocks: Sequence[Hashable], numbers: IntArray, seed: list[int]) -> npt.NDArray[np.bool_]:
    """(N,) bool: films of whole blocks, drawn at random, as near to `numbers` films of each class as goes below it."""
    members: dict[Hashable, list[int]] = defaultdict(list)
    for film, block in enumerate(blocks):
        members[block].append(film)
    groups = list(members.values())
    lacking = numbers.copy()
    drawn = np.zeros(len(labels), dtype=bool)
    for place in np.random.default_rng(seed).permutation(len(groups)).tolist():
        films = groups[place]
        holds = np.bincount(labels[films], minlength=2)
        if (holds <= lacking).all():
            drawn[films] = True
            lacking -= holds
            if not lacking.any():
                break
    return drawn


def _mean(scores: list[LookUpScore]) -> LookUpScore:
    aurocs = [score.auroc for score in scores if score.auroc is not None]
    return LookUpScore(
        films=round(float(np.mean([score.films for score in scores]))),
        accuracy=float(np.mean([score.accuracy for score in scores])),
        auroc=float(np.mean(aurocs)) if aurocs else None,
        majority_accuracy=float(np.mean([score.majority_accuracy for score in scores])),
    )
