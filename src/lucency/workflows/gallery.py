"""Pictures of an evaluation: random samples, and failures side by side with the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from lucency.errors import FilmError, MissingExtraError
from lucency.predictor import Predictor
from lucency.workflows.answered import Answered
from lucency.workflows.split_films import SplitFilms

_SAMPLES = 12
_SAMPLE_SIDE = 360
_PANEL = 240
_GAP = 6


def sample_pictures(
    predictor: Predictor, answered: Answered, films: SplitFilms, rows: Sequence[Mapping[str, Any]], *, seed: int
) -> list[dict[str, Any]]:
    """A dozen random films, half of them fractured, with heat map, boxes and answer.

    Args:
        predictor: Of the bundle that is measured.
        answered: What was measured.
        films: Films of the split.
        rows: Of `predictions.csv`, in the order of `answered`.
        seed: Of the choice.

    Returns:
        "image" (H, W, 3) uint8, "title" and "caption" of each film that can still be read.
    """
    order = np.random.default_rng(seed).permutation(len(rows))
    fractured = [index for index in order if rows[index]["label"] == 1][: _SAMPLES // 2]
    normal = [index for index in order if rows[index]["label"] == 0][: _SAMPLES - len(fractured)]
    samples = []
    for index in (*fractured, *normal):
        place = answered.shown[index]
        drawn = _drawn(predictor, films, place)
        if drawn is None:
            continue
        picture = drawn[1]
        picture.thumbnail((_SAMPLE_SIDE, _SAMPLE_SIDE))
        said = _said(rows[index]["decision"], rows[index]["probability"])
        if answered.sizes[index] > 1:
            said += f"; highest of {answered.sizes[index]} films"
        samples.append(
            {
                "image": np.asarray(picture),
                "title": films.image_ids[place],
                "caption": f"label: {_words(rows[index]['label'])}; model: {said}",
            }
        )
    return samples


def failure_pictures(
    predictor: Predictor, answered: Answered, films: SplitFilms, section: Mapping[str, Any]
) -> dict[str, list[dict[str, Any]]]:
    """The films that `failure_section` names: on the left the film with its boxes, on the right with the heat map.

    Args:
        predictor: Of the bundle that is measured.
        answered: What was measured.
        films: Films of the split.
        section: What `failure_section` gave for `answered`.

    Returns:
        For each kind a list as of `sample_pictures`.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for kind, listed in section.items():
        found[kind] = []
        for row in listed["shown"]:
            place = answered.shown[row["place"]]
            drawn = _drawn(predictor, films, place)
            if drawn is None:
                continue
            boxes = len(films.boxes[place])
            marked = f"; {boxes} box{'es' if boxes != 1 else ''}" if boxes else ""
            # What is shown of an exam is the film that answered for it, which need not be the fractured one.
            several = answered.sizes[row["place"]] > 1
            exam = f"\nexam of {row['image_id']}, highest of {answered.sizes[row['place']]} films" if several else ""
            found[kind].append(
                {
                    "image": np.asarray(_side_by_side(*drawn)),
                    "title": films.image_ids[place],
                    "caption": f"label: {_words(row['label'])}{marked}\n"
                    f"model: {_said(row['decision'], row['probability'])}{exam}",
                }
            )
    return found


def _drawn(predictor: Predictor, films: SplitFilms, place: int) -> tuple[Image.Image, Image.Image] | None:
    """The film with its boxes alone, and with the heat map as well; None where it cannot be read any more."""
    from lucency.imaging.overlay import draw_overlay

    try:
        answer, film, placement = predictor.predict_with_film(films.paths[place])
    except (FilmError, MissingExtraError):
        return None
    boxes = films.boxes[place]
    size = film.pixels.shape[1], film.pixels.shape[0]
    plain = draw_overlay(film, None, placement, [], boxes=boxes).crop((0, 0, *size))
    return plain, draw_overlay(film, answer.heatmap, placement, [], boxes=boxes).crop((0, 0, *size))


def _side_by_side(left: Image.Image, right: Image.Image) -> Image.Image:
    pair = Image.new("RGB", (2 * _PANEL + _GAP, _PANEL), (0, 0, 0))
    for index, picture in enumerate((left, right)):
        panel = ImageOps.pad(picture, (_PANEL, _PANEL), Image.Resampling.LANCZOS)
        pair.paste(panel, (index * (_PANEL + _GAP), 0))
    return pair


def _words(label: int) -> str:
    return "fractured" if label else "not fractured"


def _said(decision: str, probability: float) -> str:
    return f"{decision.replace('_', ' ')} ({probability:.2f})"
