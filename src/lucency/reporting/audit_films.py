"""The films and the sets of copies that the page of an audit shows, taken from its two tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

CLASSES = {"fractured": "fractured", "not_fractured": "not fractured"}
"""Key of a class in JSON, and what a reader sees; in the order of every table and figure."""

SPLITS = ("train", "val", "test")

_FRACTURED = {"1", "1.0", "True", "true", "fractured"}
_KINDS = {"bytes": "the same file, byte for byte", "pixels": "the same pixels in another file"}
_WHOLE_TURN, _STRAIGHT, _SAME_SIZE = 360.0, 0.5, 0.1


@dataclass(frozen=True)
class Film:
    """A row of the table of films; what is not known is "" or 0.

    Attributes:
        image_id: Its name.
        path: Of its file.
        label: A key of `CLASSES`.
        split: "train", "val", "test" or "".
        cluster: Name of its set of copies, "" where it stands alone.
        height: Rows, of the upright film.
        width: Columns.
        size: Bytes of the file.
        mean: Mean grey level, 0..255.
        deviation: Standard deviation of the grey levels.
        code: Why it cannot be read, in one word; "" where it can.
        what: The same as a sentence.
    """

    image_id: str
    path: str
    label: str
    split: str
    cluster: str
    height: int
    width: int
    size: int
    mean: float
    deviation: float
    code: str
    what: str

    @property
    def measured(self) -> bool:
        """Whether it was decoded, so that its size and its grey levels are known."""
        return not self.code and self.height > 0 and self.width > 0


@dataclass(frozen=True)
class SetFilm:
    """A film of a set of copies.

    Attributes:
        image_id: Its name.
        label: A key of `CLASSES`.
        split: "train", "val", "test" or "".
        how: How it differs from another film of the set, in words.
    """

    image_id: str
    label: str
    split: str
    how: str


@dataclass(frozen=True)
class CopySet:
    """A set of copies of one radiograph.

    Attributes:
        films: How many films it has.
        shown: Some of them, of each class and split at least one where there is room; the first comes first.
        labels: Keys of `CLASSES` that occur in it.
        splits: Splits that occur in it, in their usual order.
    """

    films: int
    shown: tuple[SetFilm, ...]
    labels: tuple[str, ...]
    splits: tuple[str, ...]

    @property
    def contradictory(self) -> bool:
        """Whether its films have different labels."""
        return len(self.labels) > 1

    @property
    def torn(self) -> bool:
        """Whether it has films in more than one split."""
        return len(self.splits) > 1


def films_of(rows: Iterable[Mapping[str, Any]]) -> list[Film]:
    """The films of the table of films, in its order.

    Args:
        rows: With the columns of films.csv; None, NaN and "" say that something is not known.
    """
    return [
        Film(
            image_id=_text(row["image_id"]),
            path=_text(row["path"]),
            label=class_of(row["label"]),
            split=_text(row["split"]),
            cluster=_text(row["cluster"]),
            height=int(_number(row["height"])),
            width=int(_number(row["width"])),
            size=int(_number(row["bytes"])),
            mean=_number(row["mean"]),
            deviation=_number(row["deviation"]),
            code=_text(row["code"]),
            what=_text(row["what"]),
        )
        for row in rows
    ]


def copy_sets(rows: Iterable[Mapping[str, Any]], *, most: int, each: int) -> list[CopySet]:
    """The sets of copies to see first: those with two labels, then those in two splits, then large ones.

    Args:
        rows: With the columns of clusters.csv.
        most: Sets to give at most.
        each: Films of a set to show at most.
    """
    members: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        members[_text(row["cluster"])].append(row)
    sets = [_set_of(films, each) for films in members.values()]
    # Sorting is stable, so equals keep the order of the table.
    return sorted(sets, key=lambda found: (not found.contradictory, not found.torn, -found.films))[:most]


def random_films(films: Sequence[Film], label: str, *, count: int, seed: int) -> list[Film]:
    """Films of a class, drawn by chance, no two of one radiograph; fewer than `count` where there are no more.

    Args:
        films: All films.
        label: A key of `CLASSES`.
        count: How many to draw.
        seed: Of the draw.
    """
    fitting = [film for film in films if film.label == label and not film.code]
    drawn: list[Film] = []
    seen: set[str] = set()
    for place in np.random.default_rng(seed).permutation(len(fitting)).tolist():
        film = fitting[place]
        if film.cluster and film.cluster in seen:
            continue
        seen.add(film.cluster)
        drawn.append(film)
        if len(drawn) == count:
            break
    return drawn


def how_changed(row: Mapping[str, Any]) -> str:
    """How a film of clusters.csv differs from the film that it was found by: "turned 37 degrees left, mirrored".

    Args:
        row: With "kind", "score", "turned", "mirrored", "inverted" and "scale"; all blank for the first of a set.
    """
    kind = _text(row["kind"])
    if not kind:
        return "first of the set"
    if kind in _KINDS:
        return _KINDS[kind]
    turned, scale = _number(row["turned"]) % _WHOLE_TURN, _number(row["scale"]) or 1.0
    words = []
    if _STRAIGHT <= turned <= _WHOLE_TURN - _STRAIGHT:
        left = turned <= _WHOLE_TURN / 2
        degrees = round(turned if left else _WHOLE_TURN - turned)
        words.append(f"turned {degrees} degree{'s' if degrees != 1 else ''} {'left' if left else 'right'}")
    words += [word for word in ("mirrored", "inverted") if _text(row[word]) in ("True", "true", "1", "1.0")]
    if abs(scale - 1) > _SAME_SIZE:
        words.append(f"{scale:.2f} times as large")
    if words:
        return ", ".join(words)
    return "same pose, other pixels" if _number(row["score"]) else "how it differs is not known"


def _set_of(rows: Sequence[Mapping[str, Any]], each: int) -> CopySet:
    films = [
        SetFilm(_text(row["image_id"]), class_of(row["label"]), _text(row["split"]), how_changed(row)) for row in rows
    ]
    first_of_kind: dict[tuple[str, str], int] = {}
    for place, film in enumerate(films):
        first_of_kind.setdefault((film.label, film.split), place)
    # The first of each class and split before any second one, or a set of forty could hide its contradiction.
    wanted = sorted(range(len(films)), key=lambda place: place not in first_of_kind.values())[:each]
    labels = {film.label for film in films}
    splits = {film.split for film in films}
    return CopySet(
        films=len(films),
        shown=tuple(films[place] for place in sorted(wanted)),
        labels=tuple(label for label in CLASSES if label in labels),
        splits=tuple(split for split in SPLITS if split in splits),
    )


def class_of(label: Any) -> str:
    """The key of `CLASSES` for a label of a table: 1 or 0, as a number or as text."""
    return "fractured" if str(label) in _FRACTURED else "not_fractured"


def _blank(value: Any) -> bool:
    # Of all values only NaN differs from itself.
    return value is None or value == "" or bool(value != value)


def _text(value: Any) -> str:
    return "" if _blank(value) else str(value)


def _number(value: Any) -> float:
    return 0.0 if _blank(value) else float(value)
