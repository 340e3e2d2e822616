"""How each further film of a cluster of copies was joined to it, as seen from a film that was there before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from lucency.datasets.audit.copies import Copies, CopyKind, CopyLink

_SURENESS: dict[CopyKind, int] = {"bytes": 0, "pixels": 1, "near": 2}


@dataclass(frozen=True)
class JoinedCopy:
    """A film of a cluster other than its first.

    Attributes:
        row: Row of the manifest.
        like: Row of a film that joined before it, or the first: the one that the rest compares it with.
        kind: As in `CopyLink`.
        score: As in `CopyLink`.
        turned: Degrees, anticlockwise, 0..360, by which the film `like` is turned to lie on this one.
        mirrored: Whether it is mirrored, left to right, before it is turned.
        inverted: Whether black and white are exchanged.
        scale: Size of this film's content over that of the film `like`.
    """

    row: int
    like: int
    kind: CopyKind
    score: float = 1.0
    turned: float = 0.0
    mirrored: bool = False
    inverted: bool = False
    scale: float = 1.0


def joined_copies(copies: Copies) -> list[JoinedCopy]:
    """One entry for each film that is not the first of its cluster, cluster by cluster.

    The surest links are followed first: equal bytes, equal pixels, then the best alignment. A film that no link
    leads to is taken for a near copy of the first, with score 0: nothing is known of how.
    """
    links: dict[int, list[CopyLink]] = defaultdict(list)
    for link in copies.links:
        links[link.first].append(link)
        links[link.second].append(link)
    joined = []
    for rows in copies.sets():
        tree = _surest_tree(rows[0], links)
        reached = {rows[0], *(copy.row for copy in tree)}
        joined += tree + [JoinedCopy(row, rows[0], "near", score=0.0) for row in rows if row not in reached]
    return joined


def _surest_tree(first: int, links: Mapping[int, Sequence[CopyLink]]) -> list[JoinedCopy]:
    # A queue ordered by sureness grows the tree of the surest links (Prim 1957).
    joined: list[JoinedCopy] = []
    reached: set[int] = set()
    queue: list[tuple[int, float, int, int, int]] = []
    row = first
    while True:
        reached.add(row)
        for place, link in enumerate(links.get(row, ())):
            other = link.second if link.first == row else link.first
            if other not in reached:
                heappush(queue, (_SURENESS[link.kind], -link.score, other, row, place))
        while queue and queue[0][2] in reached:
            heappop(queue)
        if not queue:
            return joined
        *_, row, like, place = heappop(queue)
        joined.append(_seen_from(like, row, links[like][place]))


def _seen_from(like: int, row: int, link: CopyLink) -> JoinedCopy:
    turned, scale = link.turned, link.scale
    if like == link.second:
        # The inverse of "mirror, then turn" is itself; that of a turn alone goes the other way round.
        turned = turned if link.mirrored else -turned % 360
        scale = 1 / scale if scale else scale
    return JoinedCopy(row, like, link.kind, link.score, turned, link.mirrored, link.inverted, scale)
