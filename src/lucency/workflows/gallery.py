"""Pictures of an evaluation: random samples, and failures side by side with the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from lucency.errors import FilmError, MissingExtraError
from lucency.predictor import Predictor
from lucency.workflows.answered import Answered
from lucency.workflows.split_films import SplitFilms

_SAMPLES = 12
_SAMPLE_SIDE = 360
_PANEL = 320
_GAP = 6
_OUTLINE = 2
_BOX = (80, 200, 255)
GALLERY_SHARE = 0.5
"""Share of the bundle's own scale at which the heat of a gallery is strongest, as the pictures are small."""

Boxes = Sequence[tuple[float, float, float, float]]


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
        picture = _shrunk(drawn[1], films.boxes[place], _SAMPLE_SIDE)
        said = _said(rows[index]["decision"], rows[index]["probability"])
        if answered.sizes[index] > 1:
            said += f"; highest of {answered.sizes[index]} films"
        samples.append(
            {
                "image": np.asarray(picture),
                "title": _file_name(films.image_ids[place]),
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
            exam = ""
            if answered.sizes[row["place"]] > 1:
                exam = f"\nexam of {_file_name(row['image_id'])}, highest of {answered.sizes[row['place']]} films"
            found[kind].append(
                {
                    "image": np.asarray(_side_by_side(drawn, films.boxes[place])),
                    "title": _file_name(films.image_ids[place]),
                    "caption": f"label: {_words(row['label'])}{marked}\n"
                    f"model: {_said(row['decision'], row['probability'])}{exam}",
                }
            )
    return found


def _drawn(predictor: Predictor, films: SplitFilms, place: int) -> tuple[Image.Image, Image.Image] | None:
    """The film alone, and with the heat map, both without boxes; None where it cannot be read any more."""
    from lucency.imaging.overlay import draw_overlay

    try:
        answer, film, placement = predictor.predict_with_film(films.paths[place])
    except (FilmError, MissingExtraError):
        return None
    size = film.pixels.shape[1], film.pixels.shape[0]
    plain = draw_overlay(film, None, placement, []).crop((0, 0, *size))
    scale = GALLERY_SHARE * predictor.bundle.card.heat_scale
    return plain, draw_overlay(film, answer.heatmap, placement, [], scale=scale).crop((0, 0, *size))


def _shrunk(picture: Image.Image, boxes: Boxes, side: int) -> Image.Image:
    """The picture with its longer side as given, outlined afterwards: an outline made before would fade away."""
    scale = side / max(picture.size)
    width, height = (max(1, round(length * scale)) for length in picture.size)
    small = picture.resize((width, height), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(small)
    for x, y, across, down in boxes:
        left, top = round(x * scale) - _OUTLINE, round(y * scale) - _OUTLINE
        right, bottom = round((x + across) * scale) + _OUTLINE, round((y + down) * scale) + _OUTLINE
        draw.rectangle((left, top, max(left, right), max(top, bottom)), outline=_BOX, width=_OUTLINE)
    return small


def _side_by_side(pictures: tuple[Image.Image, Image.Image], boxes: Boxes) -> Image.Image:
    pair = Image.new("RGB", (2 * _PANEL + _GAP, _PANEL), (0, 0, 0))
    for index, picture in enumerate(pictures):
        panel = _shrunk(picture, boxes, _PANEL)
        room = ((_PANEL - panel.width) // 2, (_PANEL - panel.height) // 2)
        pair.paste(panel, (index * (_PANEL + _GAP) + room[0], room[1]))
    return pair


def _file_name(image_id: str) -> str:
    """The last part of a name that may be a path of any system."""
    return image_id.replace("\\", "/").rstrip("/").rpartition("/")[2] or image_id


def _words(label: int) -> str:
    return "fractured" if label else "not fractured"


def _said(decision: str, probability: float) -> str:
    return f"{decision.replace('_', ' ')} ({probability:.2f})"
