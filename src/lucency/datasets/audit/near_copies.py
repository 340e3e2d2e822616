"""Copies of a radiograph, found however it was turned, mirrored, cropped, lit or saved.

Two stages. Invariant fingerprints name a few candidates for each film; each pair is then laid on each other, and only
agreement of the fine detail makes them copies. Two films of one patient in one pose agree in the broad outlines, not
in the detail.
"""

from __future__ import annotations

import mmap
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.candidates import (
    NEAREST,
    PER_FILM,
    PER_FILM_OF_FEW,
    Candidate,
    Near,
    by_pair,
    find_near,
    likeliest,
)
from lucency.datasets.audit.copies import Copies, CopyKind, CopyLink
from lucency.datasets.audit.film_frame import FilmFrame, faces_of
from lucency.datasets.audit.film_patterns import describe
from lucency.datasets.audit.films_again import FilmsAgain
from lucency.datasets.audit.laid_pair import PairCheck
from lucency.datasets.audit.pair_worker import PairPool
from lucency.datasets.audit.survey import Survey
from lucency.datasets.audit.view_index import IntArray
from lucency.datasets.film_threads import one_thread_each, processors
from lucency.datasets.manifest import Manifest

BLANK = 2.0
"""Standard deviation in grey levels under which a film shows too little to compare."""

LIKELY = 0.7
"""Likeness of fingerprints from which pairs are compared first."""

_LOOKING_ON = 0.6
"""Likeness from which a film is laid on others, once it is known to have met its own copies or copies of each other."""
_OF_A_SET = 4
"""Films of a set that look on then."""
_BLOCK, _LARGEST_BLOCK = 2000, 4000
_TOLD = 500
"""Pairs after which progress is told."""


def find_copies(
    manifest: Manifest,
    survey: Survey,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Copies:
    """Finds which films show one radiograph: equal bytes, equal pixels, and near copies.

    Args:
        manifest: N films.
        survey: Of the same films, row by row.
        workers: Threads; as many as there are processors where None.
        progress: Called with how much is done, and of how much.

    Returns:
        Clusters and links. Films that cannot be read have copies of equal bytes only; blank ones of equal pixels.
    """
    joined = _Joined(len(manifest))
    joined.equal(list(manifest.table["sha256"]), "bytes")
    joined.equal([facts.pixel_sha256 for facts in survey.facts], "pixels")
    heads = [
        row
        for row, facts in enumerate(survey.facts)
        if joined.root(row) == row and survey.rows[row] >= 0 and facts.deviation >= BLANK
    ]
    # The same films give the same answer in any order.
    heads.sort(key=lambda row: survey.facts[row].pixel_sha256)
    if len(heads) > 1:
        _join_near(joined, survey, list(manifest.table["path"]), heads, workers or processors(), progress or _silent)
    return joined.copies()


def _join_near(
    joined: _Joined,
    survey: Survey,
    paths: list[str],
    heads: list[int],
    workers: int,
    progress: Callable[[int, int], None],
) -> None:
    def faces_of_row(row: int) -> list[FilmFrame]:
        return faces_of(survey.thumbs[survey.rows[row]], survey.facts[row].height, survey.facts[row].width)

    with ThreadPoolExecutor(max_workers=workers) as threads, one_thread_each():
        faces_by_film = list(threads.map(faces_of_row, heads))
    faces = [face for some in faces_by_film for face in some]
    owners = [film for film, some in enumerate(faces_by_film) for _ in some]
    owner = np.array(owners, np.int64)
    first_faces = np.flatnonzero(np.diff(owner, prepend=-1))
    contents = [face.content for face in faces]
    done, total = 0, len(faces) + len(heads)

    def move(more: int) -> None:
        nonlocal done
        done = min(done + more, total)
        progress(done, total)

    move(0)
    with one_thread_each():
        patterns = describe(contents, workers=workers, progress=move)
    _let_go(survey.thumbs)

    def known(pair: tuple[int, int]) -> bool:
        return joined.root(heads[pair[0]]) == joined.root(heads[pair[1]])

    def link(one: Candidate, answer: PairCheck) -> CopyLink:
        searcher, found = heads[owners[one.searcher]], heads[owners[one.found]]
        return answer.link(searcher, found, faces[one.searcher].linear, faces[one.found].linear)

    rows = [heads[film] for film in owners]
    larger = FilmsAgain.of([paths[row] for row in rows], [survey.facts[row].sha256 for row in rows], faces)
    pool = PairPool(patterns, contents, larger, workers)

    def compared(wanted: Iterable[Candidate]) -> Iterator[tuple[Candidate, PairCheck]]:
        groups: dict[int, list[Candidate]] = defaultdict(list)
        for one in wanted:
            groups[one.searcher].append(one)
        return pool.check(groups.values())

    def settle(pairs: dict[tuple[int, int], Candidate], films: int) -> None:
        order = sorted(pairs, key=lambda pair: (-pairs[pair].likeness, pair))
        each = films / max(1, len(order))
        for block in _blocks(order, pairs):
            told = 0
            # Films that are known to be copies by a likelier pair need no look.
            for answered, (one, answer) in enumerate(compared(pairs[pair] for pair in block if not known(pair))):
                if answered - told == _TOLD:
                    move(round(each * _TOLD))
                    told = answered
                if answer.copies:
                    joined.join(link(one, answer))
            move(round(each * (len(block) - told)))

    def search(sets: IntArray, films: list[int]) -> dict[int, Near]:
        searchers = first_faces[films]
        return dict(
            zip(films, find_near(patterns, owner=owner, sets=sets, searchers=searchers, workers=workers), strict=True)
        )

    most = PER_FILM if patterns.judged else PER_FILM_OF_FEW

    def choose(films: Iterable[int], sets: IntArray, by_points: int) -> dict[int, list[list[Candidate]]]:
        return {
            film: [
                likeliest(some, film=film, owner=owner, sets=sets, most=at_most)
                for some, at_most in ((near[film].by_views, most), (near[film].by_points, by_points))
            ]
            for film in films
        }

    def to_lay(chosen: dict[int, list[list[Candidate]]]) -> dict[tuple[int, int], Candidate]:
        return by_pair((one for ways in chosen.values() for some in ways for one in some), owner)

    sets = np.arange(len(heads))
    with one_thread_each():
        near = search(sets, sets.tolist())
    chosen = choose(near, sets, most)
    pairs = to_lay(chosen)
    seen = set(pairs)
    with pool.processes(len(pairs)), one_thread_each():
        settle(pairs, len(heads))
        # The copies of a large set crowd each other out: some films of it look on, among the other sets.
        while True:
            sets = np.array([joined.root(row) for row in heads])
            films = _crowded(chosen, owner, sets)
            if not films:
                break
            # Among those that it is most alike to there may be too few of other sets.
            short = [film for film in films if _crowded_out(near[film], film, owner, sets, most)]
            if short:
                near |= search(sets, short)
            chosen = choose(films, sets, 1)
            new = {
                pair: one for pair, one in to_lay(chosen).items() if pair not in seen and one.likeness >= _LOOKING_ON
            }
            seen |= set(new)
            settle(new, 0)
    progress(total, total)


def _crowded(chosen: dict[int, list[list[Candidate]]], owner: IntArray, sets: IntArray) -> list[int]:
    """Films that met their own copies, or films of one set, where others might have been; a few of each set."""
    searching: dict[int, list[int]] = defaultdict(list)
    for film, ways in sorted(chosen.items()):
        for some in ways:
            met = {int(sets[owner[one.found]]) for one in some}
            if sets[film] in met or len(met) < len(some):
                searching[int(sets[film])].append(film)
                break
    return sorted(film for films in searching.values() for film in films[:_OF_A_SET])


def _crowded_out(near: Near, film: int, owner: IntArray, sets: IntArray, most: int) -> bool:
    """Whether a film is alike to too few of other sets, and there may be some beyond those that it is most alike to."""
    return any(
        len(likeliest(some, film=film, owner=owner, sets=sets, most=most)) < most
        and (len(some) == NEAREST or all(sets[owner[one.found]] == sets[film] for one in some))
        for some in (near.by_views, near.by_points)
        if some
    )


def _blocks(order: list[tuple[int, int]], pairs: dict[tuple[int, int], Candidate]) -> Iterator[list[tuple[int, int]]]:
    """The likely pairs first, the likeliest before all, in blocks that grow; then the others by searcher.

    A searcher is made ready once for all of its pairs in a block.
    """
    likely = sum(pairs[pair].likeness >= LIKELY for pair in order)
    start, size = 0, _BLOCK
    while start < likely:
        yield order[start : min(start + size, likely)]
        # Most copies are among the first; after them larger blocks make each searcher ready less often.
        start, size = start + size, min(2 * size, _LARGEST_BLOCK)
    rest = sorted(order[likely:], key=lambda pair: pairs[pair].searcher)
    for start in range(0, len(rest), _BLOCK):
        yield rest[start : start + _BLOCK]


def _let_go(thumbs: npt.NDArray[np.uint8]) -> None:
    """Gives the pages of a mapped array back; they come again from its file when they are looked at."""
    mapped: object = thumbs.base
    if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


class _Joined:
    """Clusters of rows, joined link by link; the smallest row heads each."""

    def __init__(self, rows: int):
        self._parent = list(range(rows))
        self._links: list[CopyLink] = []

    def root(self, row: int) -> int:
        while self._parent[row] != row:
            self._parent[row] = self._parent[self._parent[row]]
            row = self._parent[row]
        return row

    def join(self, link: CopyLink) -> None:
        one, two = sorted((self.root(link.first), self.root(link.second)))
        if one != two:
            self._parent[two] = one
            self._links.append(link)

    def equal(self, values: list[str], kind: CopyKind) -> None:
        first: dict[str, int] = {}
        for row, value in enumerate(values):
            if value and first.setdefault(value, row) != row:
                self.join(CopyLink(first[value], row, kind))

    def copies(self) -> Copies:
        cluster = np.array([self.root(row) for row in range(len(self._parent))], dtype=np.int64)
        return Copies(cluster, tuple(self._links))


def _silent(done: int, total: int) -> None:
    del done, total
