"""Films drawn from physics, with fractures where we put them: for the demo, the tests and the documentation."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lucency.datasets.film_exposure import draw_exposure, expose
from lucency.datasets.fracture_lines import FRACTURE_KINDS, Break, draw_bone, draw_breaks
from lucency.datasets.limb_phantom import (
    across_the_joint,
    draw_anatomy,
    draw_view,
    seen_from,
    soft_tissue,
)
from lucency.errors import DatasetError

DEFAULT_SIZE = 256
DEFAULT_DIFFICULTY = 0.5
DATASET_TABLE = "dataset.csv"
CLASS_FOLDERS = ("Not_fractured", "Fractured")
SPLITS = ("train", "val", "test")

# One stream of chance for each part, so that the label changes nothing but the fracture.
_ANATOMY, _VIEW, _EXPOSURE, _TISSUE, _NOISE, _FRACTURE, _PLAN = range(7)


@dataclass(frozen=True, eq=False)
class SyntheticFilm:
    """A drawn film and the truth about it.

    Attributes:
        pixels: The film (H, W), uint8, bone bright.
        fractured: Whether a bone is broken.
        boxes: One (x, y, w, h) in pixels for each fracture.
        kind: "transverse", "oblique", "spiral" or "comminuted"; "" when whole.
        displacement: Sideways shift of the distal fragment in mm; 0 when whole.
        gap: Distance between the fragments along the bone in mm; 0 when whole.
        body_part: "forearm", "leg", "femur" or "humerus".
        view: "AP" or "lateral".
        mm_per_pixel: Pixel spacing.
        seed: What the film was drawn from.
        patient: What the anatomy was drawn from.
    """

    pixels: NDArray[np.uint8]
    fractured: bool
    boxes: tuple[tuple[int, int, int, int], ...]
    kind: str
    displacement: float
    gap: float
    body_part: str
    view: str
    mm_per_pixel: float
    seed: int
    patient: int


def draw_film(
    seed: int,
    *,
    fractured: bool,
    patient: int | None = None,
    size: tuple[int, int] | int = DEFAULT_SIZE,
    kind: str | None = None,
    displacement: float | None = None,
    gap: float | None = None,
    difficulty: float = DEFAULT_DIFFICULTY,
) -> SyntheticFilm:
    """Draw one film.

    The same arguments give the same film on every call. Anatomy, position, exposure, noise and look-alikes of
    fractures (nutrient canals, growth plates, skin folds, crossing bone edges) are drawn without knowledge of
    `fractured`: with another value of it, the same seed gives the same film but for the broken bone.

    Args:
        seed: What the film is drawn from; not negative.
        fractured: Whether to break a bone.
        patient: What the anatomy is drawn from; films of one patient share it. None for `seed`.
        size: (height, width) in pixels, or the longer side alone: the film's shape is then drawn too.
        kind: Kind of fracture; None draws one.
        displacement: Sideways shift of the distal fragment in mm, negative for the other side; None draws one.
        gap: Distance between the fragments along the bone in mm, negative where they are driven together;
            None draws one.
        difficulty: 0 for wide, displaced fractures to 1 for hairlines.

    Raises:
        DatasetError: A size under 32 pixels, an unknown kind, or a difficulty outside 0..1.
    """
    _check(size, kind, difficulty, seed)
    patient = seed if patient is None else patient

    def stream(part: int) -> np.random.Generator:
        return np.random.default_rng([part, patient if part == _ANATOMY else seed])

    view_rng = stream(_VIEW)
    height, width = _shape(view_rng, size)
    anatomy = draw_anatomy(stream(_ANATOMY))
    view_name, view = draw_view(view_rng, anatomy, height, width)
    bones = seen_from(anatomy, view_name)
    exposure = draw_exposure(stream(_EXPOSURE), anatomy.expected_high, height, width)
    breaks: dict[int, Break] = {}
    if fractured:
        breaks = draw_breaks(stream(_FRACTURE), bones, view, exposure.window, difficulty, kind, displacement, gap)
    main = next(iter(breaks.values()), None)
    attenuation = soft_tissue(anatomy, view, stream(_TISSUE)).copy()
    boxes = []
    for index, bone in enumerate(bones):
        shadow, box = draw_bone(bone, breaks.get(index), view)
        attenuation += shadow
        if box is not None:
            boxes.append(box)
    for bone in across_the_joint(bones[0], view):
        attenuation += draw_bone(bone, None, view)[0]
    return SyntheticFilm(
        pixels=expose(attenuation, exposure, stream(_NOISE)),
        fractured=fractured,
        boxes=tuple(boxes),
        kind=main.kind if main else "",
        displacement=main.displacement if main else 0.0,
        gap=main.gap if main else 0.0,
        body_part=anatomy.body_part,
        view=view_name,
        mm_per_pixel=view.mm_per_pixel,
        seed=seed,
        patient=patient,
    )


def _check(size: tuple[int, int] | int, kind: str | None, difficulty: float, seed: int) -> None:
    if min((size, size) if isinstance(size, int) else size) < 32:
        raise DatasetError(f"a film of {size} pixels is too small to show a fracture", hint="Give 32 or more")
    if kind is not None and kind not in FRACTURE_KINDS:
        raise DatasetError(f"no fracture is called {kind!r}", hint=f"Kinds are {', '.join(FRACTURE_KINDS)}")
    if not 0.0 <= difficulty <= 1.0:
        raise DatasetError(f"difficulty {difficulty} is outside 0..1", hint="0 is plain to see, 1 is a hairline")
    if seed < 0:
        raise DatasetError(f"seed {seed} is negative", hint="Give 0 or more")


def _shape(rng: np.random.Generator, size: tuple[int, int] | int) -> tuple[int, int]:
    ratio, lying = float(rng.uniform(0.72, 1.0)), rng.random() < 0.12
    if not isinstance(size, int):
        return size
    short = max(32, round(size * ratio))
    return (short, size) if lying else (size, short)


@dataclass(frozen=True)
class _Planned:
    """One film of a data set before it is drawn."""

    image_id: str
    split: str
    seed: int
    patient: int
    fractured: bool


def write_dataset(
    folder: Path,
    *,
    films: int,
    seed: int = 0,
    fractured_share: float = 0.5,
    size: tuple[int, int] | int = DEFAULT_SIZE,
    difficulty: float = DEFAULT_DIFFICULTY,
    split: tuple[float, float, float] | None = None,
    suffix: str = ".jpg",
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Draw a data set: `Fractured/`, `Not_fractured/` and `dataset.csv`.

    Patients have one to three films of one limb, and share a `group`; the label is drawn for each film, so no
    patient gives it away.

    Args:
        folder: Where to write; made when missing.
        films: How many films.
        seed: What the data set is drawn from; not negative.
        fractured_share: Share of fractured films, exact to one film in each split.
        size: As in `draw_film`.
        difficulty: As in `draw_film`.
        split: Shares of train, val and test; the films then lie in `train/`, `val/` and `test/`, whole patients
            each. None for no split.
        suffix: ".jpg" (quality 90) or ".png".
        workers: Threads.
        progress: Called with (films done, films in all).

    Returns:
        The folder.

    Raises:
        DatasetError: No films, shares outside 0..1, an unknown suffix, or a value that `draw_film` refuses.
    """
    _check(size, None, difficulty, seed)
    if films < 1:
        raise DatasetError(f"{films} films make no data set", where=folder, hint="Ask for 1 or more")
    if not 0.0 <= fractured_share <= 1.0:
        raise DatasetError(f"a fractured share of {fractured_share} is outside 0..1", where=folder)
    if split is not None and (min(split) < 0 or abs(sum(split) - 1.0) > 1e-6):
        raise DatasetError(f"the shares {split} of train, val and test do not add up to 1", where=folder)
    if suffix not in (".jpg", ".png"):
        raise DatasetError(f"films cannot be written as {suffix!r}", where=folder, hint="Use .jpg or .png")
    folder = Path(folder)
    planned = _plan(films, seed, fractured_share, split)
    for place in {folder / film.split / CLASS_FOLDERS[film.fractured] for film in planned}:
        place.mkdir(parents=True, exist_ok=True)

    def write(film: _Planned) -> dict[str, str | int]:
        drawn = draw_film(film.seed, fractured=film.fractured, patient=film.patient, size=size, difficulty=difficulty)
        relative = Path(film.split) / CLASS_FOLDERS[film.fractured] / f"{film.image_id}{suffix}"
        Image.fromarray(drawn.pixels).save(folder / relative, quality=90)
        row: dict[str, str | int] = {
            "image_id": film.image_id,
            "path": relative.as_posix(),
            "label": int(film.fractured),
            "group": f"P{film.patient}",
            "body_part": drawn.body_part,
            "view": drawn.view,
            "boxes": json.dumps([list(box) for box in drawn.boxes]),
            "kind": drawn.kind,
        }
        return {**row, "split": film.split} if split is not None else row

    rows = []
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        for row in pool.map(write, planned):
            rows.append(row)
            if progress is not None:
                progress(len(rows), films)
    with (folder / DATASET_TABLE).open("w", newline="", encoding="utf-8") as table:
        writer = csv.DictWriter(table, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def _plan(films: int, seed: int, fractured_share: float, split: tuple[float, float, float] | None) -> list[_Planned]:
    """Who has which films, in which split, with which label."""
    rng = np.random.default_rng([_PLAN, seed])
    patients: list[int] = []
    while len(patients) < films:
        patient = int(rng.integers(10**9))
        patients += [patient] * int(rng.integers(1, 4))
    patients = patients[:films]
    parts = [""] * films
    if split is not None:
        ends = np.cumsum(split) * films
        for index, patient in enumerate(patients):
            first = patients.index(patient)
            parts[index] = SPLITS[min(int(np.searchsorted(ends, first, side="right")), 2)]
    labels = np.zeros(films, dtype=bool)
    for part in dict.fromkeys(parts):
        members = np.flatnonzero(np.array(parts) == part)
        chosen = rng.permutation(members)[: round(fractured_share * len(members))]
        labels[chosen] = True
    names = rng.permutation(films)
    seeds = rng.integers(10**12, size=films)
    return [
        _Planned(f"S{names[i] + 1:07d}", parts[i], int(seeds[i]), patients[i], bool(labels[i])) for i in range(films)
    ]
