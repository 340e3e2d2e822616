"""Drawn films, what is done to them before they come back as another film, and surveys of both."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from lucency.datasets.audit.film_facts import FilmFacts
from lucency.datasets.audit.survey import THUMB, Survey
from lucency.datasets.manifest import Manifest
from lucency.datasets.manifest_file import MANIFEST_COLUMNS
from lucency.datasets.synthetic import draw_film
from lucency.imaging.geometry import to_input

Grey = npt.NDArray[np.uint8]


def drawn(seeds: Sequence[int], patient: int | None = None) -> list[Grey]:
    """Different films, every second with a fracture."""
    return [draw_film(seed, fractured=bool(seed % 2), patient=patient, size=256).pixels for seed in seeds]


def turned(film: Grey, degrees: float, ground: float = 0, *, mode: int = cv2.BORDER_CONSTANT) -> Grey:
    """Anticlockwise, in a frame of the same size."""
    height, width = film.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(film, matrix, (width, height), borderMode=mode, borderValue=ground), np.uint8)


def turned_whole(film: Grey, degrees: float, ground: int) -> Grey:
    """Anticlockwise, on a frame that grows."""
    picture = Image.fromarray(film).rotate(degrees, Image.Resampling.BILINEAR, expand=True, fillcolor=ground)
    return np.asarray(picture)


def mirrored(film: Grey) -> Grey:
    """Left to right."""
    return np.ascontiguousarray(film[:, ::-1])


def saved_as_jpeg(film: Grey, quality: int = 35) -> Grey:
    """Saved and read again."""
    stream = io.BytesIO()
    Image.fromarray(film).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def cropped(film: Grey, share: float = 0.08) -> Grey:
    """A share of each side is cut off."""
    height, width = film.shape
    down, across = round(share * height), round(share * width)
    return film[down : height - down, across : width - across]


def squashed(film: Grey, side: int = 224) -> Grey:
    """Stretched to a square."""
    return np.asarray(Image.fromarray(film).resize((side, side), Image.Resampling.BILINEAR))


def letterboxed(film: Grey, grown: float = 1.3, ground: int = 0) -> Grey:
    """In the middle of a larger frame."""
    height, width = film.shape
    canvas = np.full((round(grown * height), round(grown * width)), ground, np.uint8)
    top, left = (canvas.shape[0] - height) // 2, (canvas.shape[1] - width) // 2
    canvas[top : top + height, left : left + width] = film
    return canvas


def brightened(film: Grey, power: float = 0.6) -> Grey:
    """With another gamma."""
    return np.rint(255 * (film / 255.0) ** power).astype(np.uint8)


def written_on(film: Grey) -> Grey:
    """With words burned in."""
    film = film.copy()
    cv2.putText(film, "DOE JANE 19-04-1971", (6, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1, cv2.LINE_AA)
    cv2.putText(film, "R", (20, film.shape[0] - 20), cv2.FONT_HERSHEY_SIMPLEX, 1.4, 255, 3, cv2.LINE_AA)
    return film


CHANGES: dict[str, Callable[[Grey], Grey]] = {
    "37 degrees, black corners": lambda film: turned(film, 37),
    "37 degrees, grey corners": lambda film: turned(film, 37, 128),
    "37 degrees, mirrored corners": lambda film: turned(film, 37, mode=cv2.BORDER_REFLECT_101),
    "37 degrees, on a larger grey frame": lambda film: turned_whole(film, 37, 114),
    "left to right": mirrored,
    "top to bottom": lambda film: np.ascontiguousarray(film[::-1]),
    "quarter turn": lambda film: np.ascontiguousarray(np.rot90(film)),
    "half turn": lambda film: np.ascontiguousarray(film[::-1, ::-1]),
    "three quarter turns": lambda film: np.ascontiguousarray(np.rot90(film, 3)),
    "inverted": lambda film: np.asarray(255 - film, np.uint8),
    "JPEG": saved_as_jpeg,
    "cropped": cropped,
    "squashed": squashed,
    "letterboxed": letterboxed,
    "gamma": brightened,
    "words": written_on,
}
"""To try another change, add a row."""


def facts_of(film: Grey) -> FilmFacts:
    """What the detector asks of a film that can be read; no two files are alike unless the pixels are."""
    height, width = film.shape
    digest = hashlib.sha256(f"{height} {width} ".encode() + film.tobytes()).hexdigest()
    return FilmFacts(
        height=height, width=width, deviation=float(film.std()), pixel_sha256=digest, sha256=f"file of {digest}"
    )


def survey_of(films: Sequence[Grey | None]) -> Survey:
    """As decoding gives it; None stands for a film that cannot be read."""
    read = [film for film in films if film is not None]
    thumbs = [to_input(film.astype(np.float32), THUMB)[0][..., 0] for film in read]
    rows = np.full(len(films), -1, np.int64)
    rows[[film is not None for film in films]] = np.arange(len(read))
    return Survey(
        facts=tuple(FilmFacts(code="not-an-image") if film is None else facts_of(film) for film in films),
        thumbs=np.stack(thumbs) if thumbs else np.zeros((0, THUMB.height, THUMB.width), np.uint8),
        rows=rows,
    )


def manifest_of(survey: Survey, paths: Sequence[str] | None = None) -> Manifest:
    """A manifest of the films of a survey; without paths their files are gone."""
    table = pd.DataFrame({name: [""] * len(survey) for name in MANIFEST_COLUMNS})
    table["image_id"] = [f"film{row}" for row in range(len(survey))]
    table["sha256"] = [facts.sha256 for facts in survey.facts]
    table["path"] = paths or ""
    table["label"] = 0
    return Manifest(table, source="test")
