"""Training films, validation films and drawn pictures -> the gate of a bundle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.errors import DatasetError
from lucency.film_look import MEASURES, TEXTURE
from lucency.gate import Cloud, Crowd, FloatArray, Gate, Space

TRAINING_FILMS_NEEDED = 50
VALIDATION_FILMS_NEEDED = 20

REFUSED_SHARE = 0.004
"""Share of films like the validation films that the limits are set to refuse, all distances together."""

_TAIL = 0.2
_TAIL_FILMS = 10
_HELD_FILMS = 1500
_LOOK_SHRINKAGE = 0.01
_DIRECTIONS = 96
_EMBEDDING_SHRINKAGE = 3.0


@dataclass(frozen=True, eq=False)
class MeasuredFilms:
    """Films as the gate sees them.

    Attributes:
        measures: float32 (N, len(MEASURES)), of `film_measures`.
        embeddings: float32 (N, C), of the graph; None where it gives none.
        groups: N names; films with the same one belong together, "" stands alone. None where nothing is known.
    """

    measures: FloatArray
    embeddings: FloatArray | None = None
    groups: Sequence[str] | None = None


def fit_gate(
    training: MeasuredFilms, validation: MeasuredFilms, *, varied: FloatArray, pictures: FloatArray, seed: int = 0
) -> tuple[Gate, dict[str, Any]]:
    """Fits distances on training films, and their limits on validation films.

    The limit of a distance lies where, by the tail of the validation films, a stated share of films like them would
    be: above their 80th percentile the excesses are taken to fall off exponentially, and their mean is raised by one
    standard error, counted in groups, so that few validation films give a wide gate and not a strict one. (Excesses
    over a high threshold: Pickands 1975, "Statistical inference using extreme order statistics".)

    Args:
        training: What the model was trained on.
        validation: Films that it was not trained on.
        varied: float32 (V, len(MEASURES)), training films shown otherwise (inverted, cut, with a white border).
        pictures: float32 (P, len(MEASURES)), pictures that are no radiographs. They set no limit: they only help to
            name what is refused.
        seed: Of the choice of films that are held.

    Returns:
        The gate, and the facts for the card: counts, limits, how they were set.

    Raises:
        DatasetError: Too few films.
    """
    check_counts(len(training.measures), len(validation.measures))
    random = np.random.default_rng(seed)
    held = random.permutation(len(training.measures))[:_HELD_FILMS]
    textures = np.concatenate([training.measures[held], varied])[:, TEXTURE]
    texture_space, look_space = _space(textures), _space(training.measures)
    cloud = None
    if training.embeddings is not None and validation.embeddings is not None:
        cloud = _cloud(training.embeddings)
    names = ("texture", "look", *(("embedding",) if cloud is not None else ()))
    # Stored in half precision, so the limits are measured with what will be read back.
    gate = Gate._of(
        Gate(
            texture_space,
            Crowd.of(texture_space.place(textures)),
            Crowd.of(texture_space.place(pictures[:, TEXTURE])),
            look_space,
            Crowd.of(look_space.place(training.measures[held])),
            cloud,
            dict.fromkeys(names, 1.0),
        ).arrays()
    )
    found = distances(gate, validation)
    limits = {name: tail_limit(found[name], REFUSED_SHARE / len(names), validation.groups) for name in names}
    refused = np.any([found[name] > limit for name, limit in limits.items()], axis=0)
    groups = None if validation.groups is None else len({name or place for place, name in enumerate(validation.groups)})
    facts = {
        "training_films": len(training.measures),
        "validation_films": len(validation.measures),
        "validation_groups": groups,
        "validation_refused": int(refused.sum()),
        "refused_share_aimed_at": REFUSED_SHARE,
        "limits": limits,
        "tail_films": _tail_films(len(validation.measures)),
        "measures": len(MEASURES),
    }
    return replace(gate, limits=limits), facts


def check_counts(training: int, validation: int) -> None:
    """Makes sure that films suffice for a gate.

    Raises:
        DatasetError: They do not.
    """
    if training < TRAINING_FILMS_NEEDED or validation < VALIDATION_FILMS_NEEDED:
        raise DatasetError(
            f"{training} training and {validation} validation films are at hand, and it takes {TRAINING_FILMS_NEEDED} "
            f"and {VALIDATION_FILMS_NEEDED}"
        )


def distances(gate: Gate, films: MeasuredFilms) -> dict[str, npt.NDArray[np.float64]]:
    """Each distance of N films, float64 (N,), by name, not in units of its limit."""
    embeddings = [None] * len(films.measures) if films.embeddings is None else list(films.embeddings)
    found = [gate.measure(measures, one) for measures, one in zip(films.measures, embeddings, strict=True)]
    return {name: np.array([row[name] for row in found]) for name in found[0]}


def tail_limit(values: npt.NDArray[np.float64], share: float, groups: Sequence[str] | None) -> float:
    """The value that a share of new values will exceed, by an exponential tail; see `fit_gate`.

    Args:
        values: (N,) distances, not negative, at least two.
        share: Above 0, below the share of the values that are in the tail.
        groups: As in `MeasuredFilms`.
    """
    count = _tail_films(len(values))
    order = np.argsort(values)
    threshold, tail = float(values[order[-count - 1]]), order[-count:]
    bodies = count if groups is None else len({groups[place] or place for place in tail.tolist()})
    excess = float((values[tail] - threshold).mean()) * (1 + 1 / math.sqrt(bodies))
    return max(threshold + excess * math.log(count / len(values) / share), 1e-6)


def _tail_films(films: int) -> int:
    return min(max(round(_TAIL * films), _TAIL_FILMS), films - 1)


def _space(numbers: FloatArray) -> Space:
    """Standardised, then turned and scaled so that all directions have the same spread, but for the smallest."""
    values = numbers.astype(np.float64)
    centre, spread = values.mean(axis=0), values.std(axis=0) + 1e-6
    variances, axes = np.linalg.eigh(np.cov(((values - centre) / spread).T))
    variances = np.maximum(variances, 0) + _LOOK_SHRINKAGE
    return Space(centre.astype(np.float32), (axes / np.sqrt(variances) / spread[:, None]).astype(np.float32))


def _cloud(embeddings: FloatArray) -> Cloud:
    values = embeddings.astype(np.float64)
    values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    centre = values.mean(axis=0)
    _, singular, axes = np.linalg.svd(values - centre, full_matrices=False)
    channels = len(centre)
    variances = np.zeros(channels)
    variances[: len(singular)] = singular**2 / (len(values) - 1)
    shrunk = variances + _EMBEDDING_SHRINKAGE * variances.mean() + 1e-12
    kept = min(_DIRECTIONS, len(singular))
    # All directions kept leaves nothing beside them but rounding.
    rest = float(shrunk[kept:].mean()) if kept < channels else float(shrunk[-1])
    return Cloud(centre.astype(np.float32), axes[:kept].T.astype(np.float32), shrunk[:kept].astype(np.float32), rest)
