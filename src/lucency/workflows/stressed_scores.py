"""Reads each film once, damages it in every way that is asked for, and scores all versions with a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.errors import BundleError, FilmError, MissingExtraError
from lucency.predictor import Predictor
from lucency.workflows.stressed_films import StressFilms
from lucency.workflows.teller import Teller

_BATCH = 16


@dataclass(frozen=True, eq=False)
class FilmScores:
    """Logits of the films that could be read.

    Attributes:
        kept: (M,) places of these films among those that were chosen, rising.
        clean: float64 (M,) logits of the films as they are.
        damaged: For each corruption float64 (severities, M).
        left_out: For each film that could not be used its name and the reason.
    """

    kept: npt.NDArray[np.int64]
    clean: npt.NDArray[np.float64]
    damaged: Mapping[str, npt.NDArray[np.float64]]
    left_out: Sequence[tuple[str, str]]


def score_damaged(
    predictor: Predictor,
    films: StressFilms,
    corruptions: Sequence[str],
    severities: Sequence[int],
    *,
    workers: int | None = None,
    teller: Teller | None = None,
) -> FilmScores:
    """Scores each film as it is and damaged; in threads, a few films at a time, so that memory stays flat.

    Damage is done to the film at its own resolution, before `to_input`: the same way that any other film goes.

    Args:
        predictor: Of the bundle.
        films: What to score.
        corruptions: Rows of `CORRUPTIONS`.
        severities: 1 to 5, rising.
        workers: Threads that decode and damage; one for each processor where None.
        teller: Hears of progress.

    Raises:
        BundleError: The model gave a logit that is not a number.
    """
    from lucency.datasets.corruptions import corrupt
    from lucency.datasets.film_threads import in_threads, processors
    from lucency.imaging.geometry import to_input
    from lucency.imaging.readers import read_radiograph

    teller = teller or Teller()
    spec = predictor.bundle.card.input
    total = len(films.paths)

    def versions(job: tuple[str, list[str]]) -> npt.NDArray[np.uint8] | FilmError:
        place = int(job[0])
        try:
            film = read_radiograph(films.paths[place])
        except FilmError as error:
            return error
        except MissingExtraError as error:
            return FilmError(error.what, code=error.code, where=films.paths[place], hint=error.hint)
        if films.sha256[place] not in ("", film.sha256):
            return FilmError("The film has changed since the data set was made", where=films.paths[place])
        made = [to_input(film.pixels, spec)[0]]
        for name in corruptions:
            for severity in severities:
                damaged = corrupt(film.pixels, name, severity, sha256=film.sha256, boxes=films.boxes[place])
                # Many severities leave a film as it is, such as inversion of a tenth of the films.
                made.append(made[0] if damaged is film.pixels else to_input(damaged, spec)[0])
        return np.stack(made)

    logits: dict[int, npt.NDArray[np.float64]] = {}
    reasons: dict[int, str] = {}
    jobs = ((str(place), [path]) for place, path in enumerate(films.paths))
    with closing(in_threads(jobs, versions, workers or processors())) as done:
        for count, (key, made) in enumerate(done, start=1):
            if isinstance(made, FilmError):
                # Without the path: the page may be shown to others.
                reasons[int(key)] = made.what
            else:
                logits[int(key)] = _scored(predictor, made)
            teller.progress("damaging and scoring films", count, total)
    kept = np.array(sorted(logits), dtype=np.int64)
    # (M, 1 + corruptions * severities)
    table = np.stack([logits[int(place)] for place in kept]) if len(kept) else np.zeros((0, 1))
    damaged = {}
    for place, name in enumerate(corruptions):
        first = 1 + place * len(severities)
        damaged[name] = np.ascontiguousarray(table[:, first : first + len(severities)].T)
    return FilmScores(
        kept=kept,
        clean=table[:, 0],
        damaged=damaged,
        left_out=[(films.image_ids[place], reasons[place]) for place in sorted(reasons)],
    )


def _scored(predictor: Predictor, made: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    parts: list[Any] = [predictor.score(made[start : start + _BATCH])["logit"] for start in range(0, len(made), _BATCH)]
    logits = np.concatenate(parts).astype(np.float64)
    if not np.isfinite(logits).all():
        raise BundleError("the model gave a logit that is not a number", where=predictor.bundle.folder)
    return logits
