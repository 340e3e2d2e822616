"""Is it a radiograph like those that the model knows? The question that comes before the probability."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lucency.errors import BundleError
from lucency.film_look import MEASURES, TEXTURE, film_measures

Refusal = Literal["not_a_radiograph", "unlike_training_films"]

FloatArray = npt.NDArray[np.float32]

GATE_VERSION = 1
"""Version of `gate.npz` that this package writes and reads."""

NEIGHBOURS = 5
"""A distance to films is the mean distance to so many of them."""

_BEYOND_ALL = 1e6


@dataclass(frozen=True)
class GateAnswer:
    """What the gate says of one film.

    Attributes:
        refusal: Why the film gets no probability; None where it does.
        distances: Each measured distance in units of its limit, by name; above 1 the film is refused. "texture", "look"
            and, where the model has an embedding, "embedding".
    """

    refusal: Refusal | None
    distances: dict[str, float]

    @property
    def distance(self) -> float:
        """The largest of the distances; above 1 the film is refused."""
        return max(self.distances.values())


@dataclass(frozen=True, eq=False)
class Space:
    """Numbers of a film -> its place among the training films, where each direction has about the same spread.

    Attributes:
        centre: float32 (F,), subtracted from the numbers.
        axes: float32 (F, K), directions, each divided by its spread.
    """

    centre: FloatArray
    axes: FloatArray

    def place(self, numbers: FloatArray) -> FloatArray:
        """The place, float32 (..., K), of numbers (..., F)."""
        return np.asarray((numbers - self.centre) @ self.axes, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Crowd:
    """Known places, by which it is judged how far away a new one is (Sun et al. 2022, arXiv 2204.06507).

    Attributes:
        places: float32 (N, K), at least `NEIGHBOURS`.
        squares: float32 (N,), their squared lengths.
    """

    places: FloatArray
    squares: FloatArray

    @classmethod
    def of(cls, places: npt.NDArray[Any]) -> Crowd:
        """Makes one of places (N, K)."""
        held = np.ascontiguousarray(places, dtype=np.float32)
        return cls(held, np.einsum("ij,ij->i", held, held))

    def distance(self, place: FloatArray) -> float:
        """Mean distance of a place, float32 (K,), to its nearest known ones."""
        squared = self.squares - 2 * (self.places @ place) + place @ place
        nearest = np.partition(squared, NEIGHBOURS - 1)[:NEIGHBOURS]
        return float(np.sqrt(np.maximum(nearest, 0)).mean())


@dataclass(frozen=True, eq=False)
class Cloud:
    """Mean and shrunk covariance of embeddings of length 1 (Mahalanobis distance: Lee et al. 2018, arXiv 1807.03888).

    Attributes:
        centre: float32 (C,).
        axes: float32 (C, K), the directions of largest spread, orthonormal.
        variances: float32 (K,), of those directions, shrunk.
        rest: Shrunk variance of every other direction.
    """

    centre: FloatArray
    axes: FloatArray
    variances: FloatArray
    rest: float

    def distance(self, embedding: npt.NDArray[np.float32]) -> float:
        """Mahalanobis distance of an embedding, float32 (C,), of any length."""
        away = embedding / max(float(np.linalg.norm(embedding)), 1e-12) - self.centre
        along = away @ self.axes
        beside = max(float(away @ away - along @ along), 0.0)
        return float(np.sqrt((along * along / self.variances).sum() + beside / self.rest))


@dataclass(frozen=True, eq=False)
class Gate:
    """Distances of a film from the training films, each with a limit fixed on validation films.

    "texture" looks at fine and coarse detail alone, whatever the film shows and however it is windowed; "look" adds
    grey levels and where the light lies; "embedding" is what the network makes of it. Beyond any limit a film is
    refused. It is called "not_a_radiograph" where its texture is beyond its limit, or nearer to that of pictures which
    were drawn as no radiographs than to that of films; otherwise "unlike_training_films".

    Attributes:
        texture_space: For the measures `TEXTURE`.
        texture_films: Textures of training films, some of them shown otherwise: inverted, cut, with a white border.
        texture_pictures: Textures of drawn pictures that are no radiographs.
        look_space: For all `MEASURES`.
        look_films: Looks of training films.
        embeddings: Of training films; None where the model gives none.
        limits: Of each distance, by name; above 0.
    """

    texture_space: Space
    texture_films: Crowd
    texture_pictures: Crowd
    look_space: Space
    look_films: Crowd
    embeddings: Cloud | None
    limits: Mapping[str, float]

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Gate:
        """Reads `gate.npz` of a bundle.

        Raises:
            BundleError: It cannot be read, or was made by a version that measures otherwise.
        """
        try:
            # NumPy leaves a damaged file open that it opened itself.
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise BundleError(f"gate.npz cannot be read ({error})", where=path, hint="Get the bundle again") from None
        if int(arrays.get("version", 0)) != GATE_VERSION or tuple(arrays.get("measures", ())) != MEASURES:
            raise BundleError(
                "gate.npz was made by a version of lucency that measures films otherwise",
                where=path,
                hint="Make the bundle again with `lucency export RUN`, or ask without the gate",
            )
        try:
            return cls._of(arrays)
        except (KeyError, ValueError, TypeError) as error:
            raise BundleError(f"gate.npz cannot be read ({error})", where=path, hint="Get the bundle again") from None

    @classmethod
    def _of(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Gate:
        def single(name: str) -> FloatArray:
            return np.asarray(arrays[name], dtype=np.float32)

        def space(name: str) -> Space:
            return Space(single(f"{name}_centre"), single(f"{name}_axes"))

        cloud = None
        if "embedding_centre" in arrays:
            cloud = Cloud(
                single("embedding_centre"),
                single("embedding_axes"),
                single("embedding_variances"),
                float(arrays["embedding_rest"]),
            )
        names = ("texture", "look", *(("embedding",) if cloud is not None else ()))
        return cls(
            space("texture"),
            Crowd.of(arrays["texture_films"]),
            Crowd.of(arrays["texture_pictures"]),
            space("look"),
            Crowd.of(arrays["look_films"]),
            cloud,
            {name: float(arrays[f"{name}_limit"]) for name in names},
        )

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The content of `gate.npz`; half precision where much is held."""
        half, single = np.float16, np.float32
        held: dict[str, npt.NDArray[Any]] = {
            "version": np.array(GATE_VERSION),
            "measures": np.array(MEASURES),
            "texture_centre": self.texture_space.centre,
            "texture_axes": self.texture_space.axes,
            "texture_films": self.texture_films.places.astype(half),
            "texture_pictures": self.texture_pictures.places.astype(half),
            "look_centre": self.look_space.centre,
            "look_axes": self.look_space.axes,
            "look_films": self.look_films.places.astype(half),
        }
        if self.embeddings is not None:
            held["embedding_centre"] = self.embeddings.centre
            held["embedding_axes"] = self.embeddings.axes.astype(half)
            held["embedding_variances"] = self.embeddings.variances
            held["embedding_rest"] = np.array(self.embeddings.rest, dtype=single)
        return held | {f"{name}_limit": np.array(limit, dtype=single) for name, limit in self.limits.items()}

    def measure(self, measures: FloatArray, embedding: npt.NDArray[np.float32] | None) -> dict[str, float]:
        """The distances of one film as they are, not in units of their limits.

        Args:
            measures: float32 (len(MEASURES),), of `film_measures`.
            embedding: As in `judge`.

        Raises:
            BundleError: The embedding is of another length than those of the training films.
        """
        found = {
            "texture": self.texture_films.distance(self.texture_space.place(measures[TEXTURE])),
            "look": self.look_films.distance(self.look_space.place(measures)),
        }
        if self.embeddings is not None and embedding is not None:
            if embedding.shape != self.embeddings.centre.shape:
                raise BundleError(
                    f"the gate was fitted on embeddings of {len(self.embeddings.centre)} numbers, and the model gives "
                    f"{embedding.size}",
                    hint="Make the bundle again with `lucency export RUN`",
                )
            found["embedding"] = self.embeddings.distance(embedding)
        return {name: value if np.isfinite(value) else _BEYOND_ALL for name, value in found.items()}

    def judge(self, film: npt.NDArray[np.uint8], embedding: npt.NDArray[np.float32] | None) -> GateAnswer:
        """Judges one film.

        Args:
            film: uint8 (H, W, C), grey 0..255, as `to_input` makes it.
            embedding: float32 (channels,), output of the graph for it; None where it has none.
        """
        measures = film_measures(film)
        found = self.measure(measures, embedding)
        distances = {name: value / self.limits[name] for name, value in found.items()}
        if max(distances.values()) <= 1:
            return GateAnswer(None, distances)
        place = self.texture_space.place(measures[TEXTURE])
        no_film = distances["texture"] > 1 or self.texture_pictures.distance(place) < found["texture"]
        return GateAnswer("not_a_radiograph" if no_film else "unlike_training_films", distances)
