"""Which of many stored prints a film is most like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.fingerprint import FloatArray, search_views
from lucency.datasets.film_prints import Codes, Layers, layers_of, unpacked, whitened
from lucency.datasets.film_threads import one_thread_each

COPY = 0.81
"""Likeness from which a film is taken for a copy; docs/how-to/evaluate-elsewhere.md tells how it was chosen."""

_TRIED = 3
"""Stored films whose likeness is looked at closely."""
_HOPELESS, _CLEAR = 0.3, 0.9
"""Under the one a closer look helps nothing, above the other it is not needed."""
_NEIGHBOURS = 8
"""Stored views looked up for each view of a film."""
_EXACT = 20_000
"""So many stored views are searched one by one; more of them by an inverted file."""
_SEED = 20
_BLOCK = 128

_CROPS = tuple(
    [(across, down, share) for share in (0.05, 0.1) for across, down in ((1, 0), (-1, 0), (0, 1), (0, -1))]
    + [(across, down, 0.05) for across in (1, -1) for down in (1, -1)]
)
"""What may have been cut from a film: from which sides, and what share of the side."""
_AROUND = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))
"""Which way smaller views lie from the middle."""
_INNER = 0.8
"""Share of the sides that the stored inner view takes (the last one of `own_views`)."""

_MOVES = np.array(
    [
        *(sign * row for row in 0.06 * np.eye(4) for sign in (1, -1)),
        (0, 0, 0.05, 0.05),
        (0, 0, -0.05, -0.05),
    ],
    np.float32,
)
"""Changes of a view's centre and radii that are tried, in shares of the radii."""
_LEAST_STEP, _STEPS, _GAIN = 0.3, 7, 0.002

Film = tuple[npt.NDArray[np.uint8], int, int]
"""A thumbnail, uint8 (160, 160), and the rows and columns of its film."""


@dataclass(frozen=True)
class Likest:
    """The stored film that a film is most like.

    Attributes:
        stored: Its number; -1 where the film shows too little to be compared.
        likeness: -1..1; 1 for the very same print.
    """

    stored: int
    likeness: float


def find_likest(
    films: Sequence[Film],
    codes: Codes,
    owner: npt.NDArray[np.integer],
    *,
    workers: int,
    progress: Callable[[int], None] | None = None,
) -> list[Likest]:
    """Searches stored prints for each film.

    A film searches with 36 views: what a crop or a larger frame does to the centre and the radius is met by smaller and
    shifted ones. The likest stored films are then looked at closely: the view is moved and stretched, step by step, as
    long as that makes it more like the stored one.

    Args:
        films: What is looked for.
        codes: uint8 (V, CODE_BYTES), prints of stored films, one below the other.
        owner: int (V,), number of the stored film that each code belongs to.
        workers: Threads.
        progress: Called with how many more films are done.
    """
    stored = unpacked(codes)
    nothing = Likest(-1, -1.0)
    if not len(stored):
        return [nothing] * len(films)
    index = _index(stored)
    found: list[Likest] = []
    with ThreadPoolExecutor(max_workers=workers) as pool, one_thread_each():
        for start in range(0, len(films), _BLOCK):
            ready = list(pool.map(_Searching.of, films[start : start + _BLOCK]))
            wanted = [one for one in ready if one is not None]
            if wanted:
                seen = np.concatenate([one.shown for one in wanted])
                likeness, places = index.search(seen, min(_NEIGHBOURS, len(stored)))
                ends = np.cumsum([len(one.shown) for one in wanted])[:-1]
                rows = zip(wanted, np.split(likeness, ends), np.split(places, ends), strict=True)
                answers = iter(list(pool.map(lambda row: _closely(row[0], row[1], row[2], stored, owner), rows)))
            found += [nothing if one is None else next(answers) for one in ready]
            if progress:
                progress(len(ready))
    return found


@dataclass(frozen=True, eq=False)
class _Searching:
    faces: list[Layers]
    face: npt.NDArray[np.int64]
    views: FloatArray
    shown: FloatArray

    @classmethod
    def of(cls, film: Film) -> _Searching | None:
        faces = layers_of(*film)
        if not faces:
            return None
        views = [
            np.concatenate([search_views(face.views), _shifted(face.views[1]), _uncropped(face.views[1])])
            for face in faces
        ]
        numbers = np.concatenate([face.numbers(some) for face, some in zip(faces, views, strict=True)])
        owner = np.repeat(np.arange(len(faces)), [len(some) for some in views])
        return cls(faces, owner, np.concatenate(views), whitened(numbers))


def _shifted(frame: FloatArray) -> FloatArray:
    """Smaller views beside the middle of a film, and what is left of it where one side was cut."""
    moves = [(0.08 * across, 0.08 * down, 0.9, 0.9) for across, down in _AROUND]
    moves += [
        (0.07 * across, 0.07 * down, 1 - 0.07 * abs(across), 1 - 0.07 * abs(down)) for across, down in _AROUND[:4]
    ]
    shares = np.array(moves, np.float32)
    return np.concatenate([frame[:2] + shares[:, :2] * frame[2:], shares[:, 2:] * frame[2:]], axis=1)


def _uncropped(frame: FloatArray) -> FloatArray:
    """Where the inner view of a film lies on what a crop left of it, one view for each crop."""
    x, y, across, down = (float(value) for value in frame)
    rows = []
    for from_x, from_y, share in _CROPS:
        # The frame that was cut is larger, and its middle lies towards the side that is gone.
        whole_x, whole_y = across / (1 - share * abs(from_x)), down / (1 - share * abs(from_y))
        rows.append(
            (x + from_x * (whole_x - across), y + from_y * (whole_y - down), _INNER * whole_x, _INNER * whole_y)
        )
    return np.array(rows, np.float32)


def _closely(
    film: _Searching, likeness: FloatArray, places: npt.NDArray[np.int64], stored: FloatArray, owner: npt.NDArray[Any]
) -> Likest:
    best = Likest(-1, -1.0)
    tried: set[int] = set()
    for place in np.argsort(-likeness, axis=None, kind="stable"):
        view, other = int(place) // likeness.shape[1], int(places.flat[place])
        # An inverted file gives -1 where it finds too few.
        number = int(owner[other]) if other >= 0 else -1
        if number < 0 or number in tried:
            continue
        tried.add(number)
        value = float(likeness.flat[place])
        if _HOPELESS <= value < _CLEAR:
            value = _climbed(film.faces[int(film.face[view])], film.views[view], stored[other], value)
        if value > best.likeness:
            best = Likest(number, min(1.0, value))
        if len(tried) == _TRIED or value >= _CLEAR:
            break
    return best


def _climbed(face: Layers, view: FloatArray, target: FloatArray, likeness: float) -> float:
    """The likeness that is reached by moving and stretching the view."""
    step = 1.0
    for _ in range(_STEPS):
        moved = (view + np.float32(step) * _MOVES * np.tile(view[2:], 2)).astype(np.float32)
        values = whitened(face.numbers(moved)) @ target
        best = int(values.argmax())
        if float(values[best]) > likeness + _GAIN:
            view, likeness = moved[best], float(values[best])
        elif step < _LEAST_STEP:
            break
        else:
            step /= 2
    return likeness


def _index(stored: FloatArray) -> Any:
    import faiss

    dimensions = stored.shape[1]
    index: Any = faiss.IndexFlatIP(dimensions)
    if len(stored) > _EXACT:
        # Sivic and Zisserman, ICCV 2003: only the cells about a view are searched.
        cells = int(2 * np.sqrt(len(stored)))
        index = faiss.IndexIVFFlat(index, dimensions, cells, faiss.METRIC_INNER_PRODUCT)
        index.cp.seed, index.cp.niter, index.nprobe = _SEED, 8, 24
        sample = np.random.default_rng(_SEED).permutation(len(stored))[: 40 * cells]
        index.train(stored[np.sort(sample)])
    index.add(stored)
    return index
