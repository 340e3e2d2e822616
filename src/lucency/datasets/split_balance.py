"""Whole blocks of films onto sides, so that each side gets its share of every stratum."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Block:
    """Films that must stay together.

    Attributes:
        name: Unique name.
        films: (label, body part) -> number of films.
        order: Pseudo-random bytes that decide between equals.
    """

    name: str
    films: Mapping[tuple[int, str], int]
    order: bytes


class _Sides:
    """Counts on each side, and what it costs to be away from the targets.

    The cost is the sum of (count - target)^2 / target over strata, labels and all films: chi-square, under
    which one film too many weighs more on a small side than on a large one.
    """

    def __init__(self, blocks: Sequence[Block], shares: Mapping[str, float]):
        totals: Counter[Hashable] = Counter()
        self._parts: dict[str, list[tuple[Hashable, int]]] = {}
        for block in blocks:
            counts: Counter[Hashable] = Counter()
            for (label, part), films in sorted(block.films.items()):
                counts[label, part] += films
                counts["label", label] += films
                counts["all"] += films
            totals.update(counts)
            self._parts[block.name] = list(counts.items())
        self._target = {side: {key: share * n for key, n in totals.items()} for side, share in shares.items()}
        self._count: dict[str, dict[Hashable, int]] = {side: defaultdict(int) for side in shares}

    def price(self, name: str, side: str) -> float:
        """What the cost grows by when the block joins the side."""
        count, target = self._count[side], self._target[side]
        return sum(n * (2 * (count[key] - target[key]) + n) / target[key] for key, n in self._parts[name])

    def add(self, name: str, side: str, sign: int = 1) -> None:
        count = self._count[side]
        for key, n in self._parts[name]:
            count[key] += sign * n


def balance(blocks: Sequence[Block], shares: Mapping[str, float], *, rounds: int = 4) -> dict[str, str]:
    """Side of each block.

    Greedy, larger blocks first (with some chance in the order, so that seeds differ), then single moves as
    long as they bring the counts closer to the shares; at last every side gets both labels, if the blocks
    allow it at all.

    Args:
        blocks: Blocks, in any order.
        shares: Side -> share of the films; positive, with sum 1.
        rounds: At most so many passes of moves.
    """
    sides = _Sides(blocks, shares)

    def place(block: Block) -> tuple[float, bytes]:
        jitter = 0.5 + int.from_bytes(block.order[:6], "big") / 2**48
        return -sum(block.films.values()) * jitter, block.order

    ordered = sorted(blocks, key=place)
    chosen: dict[str, str] = {}
    for block in ordered:
        chosen[block.name] = min(shares, key=lambda side: sides.price(block.name, side))
        sides.add(block.name, chosen[block.name])
    for _ in range(rounds):
        moved = 0
        for block in ordered:
            old = chosen[block.name]
            sides.add(block.name, old, -1)
            best = min(shares, key=lambda side: (round(sides.price(block.name, side), 9), side != old))
            sides.add(block.name, best)
            chosen[block.name] = best
            moved += best != old
        if not moved:
            break
    _give_each_side_both_labels(ordered, chosen, list(shares))
    return chosen


def _give_each_side_both_labels(blocks: Sequence[Block], chosen: dict[str, str], sides: list[str]) -> None:
    labels = {block.name: {label for label, _ in block.films} for block in blocks}
    size = {block.name: sum(block.films.values()) for block in blocks}
    for _ in range(2 * len(sides) ** 2):
        have = Counter((chosen[name], label) for name in chosen for label in labels[name])
        lacking = [(side, label) for side in sides for label in (1, 0) if not have[side, label]]
        if not lacking:
            return
        side, label = lacking[0]
        movable = [
            name
            for name in chosen
            if label in labels[name] and all(have[chosen[name], kept] > 1 for kept in labels[name])
        ]
        if not movable:
            return
        chosen[min(movable, key=lambda name: (size[name], len(labels[name]), name))] = side
