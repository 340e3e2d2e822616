"""Makes the axes that film prints are projected on, from drawn films: `python -m benchmarks.print_axes [--films 1000]`.

The file is part of the package. Another one makes other prints: raise `PRINTS_VERSION` with it.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from lucency.datasets import film_prints
from lucency.datasets.audit.survey import THUMB
from lucency.datasets.film_prints import AXES_FILE, layers_of, learn_axes
from lucency.datasets.film_threads import one_thread_each
from lucency.datasets.synthetic import draw_film
from lucency.imaging.geometry import to_input

FIRST_SEED = 700_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.print_axes", description=__doc__)
    parser.add_argument("--films", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path(film_prints.__file__).with_name(AXES_FILE))
    given = parser.parse_args()
    with ThreadPoolExecutor(2) as pool, one_thread_each():
        numbers = list(pool.map(_numbers, range(FIRST_SEED, FIRST_SEED + given.films)))
    np.savez_compressed(given.out, allow_pickle=False, **learn_axes(np.concatenate(numbers)))
    print(f"{given.out}: {given.out.stat().st_size} bytes, {sum(map(len, numbers))} views of {given.films} films")


def _numbers(seed: int) -> np.ndarray:
    film = draw_film(seed, fractured=bool(seed % 2), size=256).pixels
    thumb, _ = to_input(film.astype(np.float32), THUMB)
    return np.concatenate([face.numbers(face.views) for face in layers_of(thumb[..., 0], *film.shape)])


if __name__ == "__main__":
    main()
