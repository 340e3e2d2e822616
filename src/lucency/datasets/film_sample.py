"""Some of many films: whole groups at random, with the classes as common as they are; or a few of each group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def sample_films(labels: Sequence[int], groups: Sequence[str], limit: int, *, seed: int) -> npt.NDArray[np.int64]:
    """Places of at most about `limit` films, in their order.

    Groups are taken in random order while they fit into what their classes may have, so that each class keeps its share
    of the films. A class of which no group fits gets its smallest group all the same.

    Args:
        labels: (N,) 0 or 1.
        groups: N names; films of one name are taken together.
        limit: How many films are wanted, at least 1; all N are given where it is not less than N.
        seed: Of the choice.
    """
    truth = np.asarray(labels, dtype=np.int64)
    if limit >= len(truth):
        return np.arange(len(truth))
    members: dict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(groups):
        members[name].append(place)
    names = sorted(members)
    counts = {name: np.bincount(truth[members[name]], minlength=2) for name in names}
    allowed = np.rint(np.bincount(truth, minlength=2) * (limit / len(truth))).astype(np.int64)
    taken = np.zeros(2, np.int64)
    chosen: set[str] = set()
    for at in np.random.default_rng(seed).permutation(len(names)):
        name = names[int(at)]
        if (taken + counts[name] <= allowed).all():
            chosen.add(name)
            taken += counts[name]
    for label in (0, 1):
        holding = [name for name in names if counts[name][label]]
        if not taken[label] and holding:
            name = min(holding, key=lambda name: len(members[name]))
            chosen.add(name)
            taken += counts[name]
    return np.array(sorted(place for name in chosen for place in members[name]), dtype=np.int64)


def sample_evenly(groups: Sequence[str], limit: int, *, seed: int) -> npt.NDArray[np.int64]:
    """Places of `limit` films, in their order: one of each group, then a second, as far as the groups have them.

    Args:
        groups: N names; a film without one stands alone.
        limit: How many films are wanted; all N are given where it is not less than N.
        seed: Of the choice.
    """
    names = [name or f"\0{place}" for place, name in enumerate(groups)]
    group = np.unique(names, return_inverse=True)[1]
    chance = np.random.default_rng(seed).permutation(len(names))
    order = np.lexsort((chance, group))
    before = np.empty(len(names), np.int64)
    before[order] = np.arange(len(names)) - np.searchsorted(group[order], group[order])
    return np.sort(np.lexsort((chance, before))[:limit])
