"""Which keypoints two films share under one map, whether one is mirrored or black and white are exchanged or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.alignment import Matrix
from lucency.datasets.audit.fingerprint import FloatArray
from lucency.datasets.audit.keypoints import CHANGES, INVERTED, MIRRORED, rooted

LEAST_SHARED = 5
"""Keypoints that two films must share to be laid on each other by them."""

_ALIKE = 0.8
"""Similarity of what two keypoints show from which they may be one, 0..1."""
_NEAR, _ROUGHLY_NEAR = 1.5, 2.5
"""Pixels of a pattern from where a map says that a keypoint lies; the latter for a map that one pair of them gives."""
_SCALES, _TURNS = 0.5, 0.85
"""Logarithm of the ratio of two maps' scales, and cosine between their turns, up to which pairs of keypoints agree."""
_ROUNDS = 5
_STIFF = np.diag([15.0, 15.0, 0.01])
"""Square pixels by which a map keeps to that of one pair of keypoints: few of them cannot tell a stretch."""


@dataclass(frozen=True, eq=False)
class Matched:
    """Keypoints that two films share.

    Attributes:
        onto: float64 (2, 3), place on the first film's pattern -> place on the second's; (0, 0) is the centre of the
            first pixel.
        inverted: Whether black and white are exchanged.
        count: How many; at least `LEAST_SHARED`.
    """

    onto: Matrix
    inverted: bool
    count: int


class Points:
    """The keypoints of a film, ready to be looked for on others.

    Args:
        places: float32 (K, 4), of `keypoints`.
        prints: uint8 (K, 128), likewise.
    """

    def __init__(self, places: FloatArray, prints: npt.NDArray[np.uint8]):
        self._places = places.astype(np.float64)
        self._changed = rooted(prints)[:, CHANGES].transpose(1, 0, 2).reshape(-1, prints.shape[1])

    def matched(self, places: FloatArray, prints: npt.NDArray[np.uint8]) -> Matched | None:
        """The map under which most keypoints are found again on another film; None where too few are.

        Args:
            places: float32 (L, 4), of the other film.
            prints: uint8 (L, 128), likewise.
        """
        if min(len(places), len(self._places)) < LEAST_SHARED:
            return None
        alike = (self._changed @ rooted(prints).T).reshape(len(CHANGES), len(self._places), len(places))
        nearest = alike.argmax(axis=2)
        mutual = np.take_along_axis(alike.argmax(axis=1), nearest, 1) == np.arange(len(self._places))
        mutual &= np.take_along_axis(alike, nearest[:, :, None], 2)[:, :, 0] > _ALIKE
        counts = mutual.sum(axis=1)
        best: Matched | None = None
        for change in np.argsort(-counts, kind="stable").tolist():
            if counts[change] < (best.count + 1 if best else LEAST_SHARED):
                break
            ours = np.flatnonzero(mutual[change])
            theirs = places[nearest[change, ours]].astype(np.float64)
            one = _agreeing(self._places[ours], theirs, inverted=INVERTED[change], mirrored=MIRRORED[change])
            if one and (best is None or one.count > best.count):
                best = one
        return best


def _agreeing(mine: Matrix, other: Matrix, *, inverted: bool, mirrored: bool) -> Matched | None:
    """The map on which most pairs of keypoints agree: each pair by itself tells a turn, a scale and a shift.

    Counting what agrees with each of them is an exhaustive search, which answers the same every time.
    """
    flip = -1.0 if mirrored else 1.0
    x, y = mine[:, 0], flip * mine[:, 1]
    turn = other[:, 3] - flip * (mine[:, 3] + (np.pi if inverted else 0.0))
    scale = other[:, 2] / mine[:, 2]
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    right, down = x - x[:, None], y - y[:, None]
    # How far from its partner each keypoint is taken by each pair's map.
    across = cos[:, None] * right - sin[:, None] * down - (other[:, 0] - other[:, 0, None])
    along = sin[:, None] * right + cos[:, None] * down - (other[:, 1] - other[:, 1, None])
    logs = np.log(scale)
    agree = across**2 + along**2 < _ROUGHLY_NEAR**2
    agree &= (np.abs(logs - logs[:, None]) < _SCALES) & (np.cos(turn - turn[:, None]) > _TURNS)
    first = int(agree.sum(axis=1).argmax())
    shared = agree[first]
    told = np.array([[cos[first], -flip * sin[first]], [sin[first], flip * cos[first]]])
    turned_alike = np.cos(turn - turn[first]) > _TURNS
    onto = np.zeros((2, 3))
    for _ in range(_ROUNDS):
        if shared.sum() < LEAST_SHARED:
            return None
        onto = _fitted(mine[shared, :2], other[shared, :2], told)
        apart = mine[:, :2] @ onto[:, :2].T + onto[:, 2] - other[:, :2]
        before, shared = shared, ((apart**2).sum(axis=1) < _NEAR**2) & turned_alike
        if (before == shared).all():
            break
    count = int(shared.sum())
    return Matched(onto, inverted, count) if count >= LEAST_SHARED else None


def _fitted(mine: Matrix, other: Matrix, told: Matrix) -> Matrix:
    """The affine map that takes places nearest to their partners, without leaving what one pair told for a few."""
    middle = mine.mean(axis=0)
    known = np.column_stack([mine - middle, np.ones(len(mine))])
    change = np.linalg.solve(known.T @ known + _STIFF, known.T @ (other - (mine - middle) @ told.T))
    linear = told + change[:2].T
    return np.column_stack([linear, change[2] - linear @ middle])
