"""What `lucency compare` is given: run folders and bundles, each with the answers that it has stored."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lucency.bundle import Bundle, read_bundle
from lucency.errors import RunError
from lucency.workflows.run_folder import RunFolder, read_rows

FilmKey = tuple[str, int]
"""First 16 hexadecimal digits of a film's SHA-256, and which of the films with these bytes it is."""


@dataclass(frozen=True)
class FilmScore:
    """What one model says of one film: its name, file, label (1 = fractured), group ("" if unknown) and logit."""

    image_id: str
    path: Path
    label: int
    group: str
    logit: float


@dataclass(frozen=True, eq=False)
class ComparedRun:
    """One of the models compared.

    Attributes:
        name: Unique among those compared.
        bundle: The model.
        folder: Its run, or None where a bundle was given alone.
        seen: For "train" and "val" the films, as 16 hexadecimal digits, that trained it or chose its thresholds.
        groups: For each film of the run's manifest (16 digits) the name of its group.
        test_is_val: Whether its validation films served as test films.
        scores: What it says of the films of the split; None where nothing is stored.
    """

    name: str
    bundle: Bundle
    folder: RunFolder | None
    seen: Mapping[str, frozenset[str]]
    groups: Mapping[str, str]
    test_is_val: bool
    scores: Mapping[FilmKey, FilmScore] | None


def open_runs(given: Sequence[str | os.PathLike[str]], *, split: str, stored: bool) -> list[ComparedRun]:
    """Opens what is to be compared.

    Args:
        given: Run folders, bundle folders, and names of models in the box.
        split: "test" or "val": the films whose stored answers are read.
        stored: Whether stored answers are wanted; otherwise `scores` is None throughout.

    Raises:
        RunError: Fewer than two, one of them twice, a run that was never evaluated, or a damaged file.
        BundleError: A bundle cannot be used.
    """
    if len(given) < 2:
        raise RunError(
            "a comparison needs two runs or bundles",
            where=given[0] if given else None,
            hint="Give the folders of two or more; a single one is measured with: lucency evaluate RUN",
        )
    opened: list[tuple[Path, Bundle]] = []
    for one in given:
        bundle, place = read_bundle(one), Path(one)
        for other, known in opened:
            if bundle.folder.resolve() == known.folder.resolve():
                raise RunError(f"is the same run as {other}", where=place, hint="Give each run once")
            if bundle.identity == known.identity:
                raise RunError(
                    f"holds the same bundle as {other} ({bundle.identity})", where=place, hint="Give each model once"
                )
        opened.append((place, bundle))
    names = _names(opened)
    return [_open(name, bundle, split, stored) for name, (_, bundle) in zip(names, opened, strict=True)]


def _names(opened: Sequence[tuple[Path, Bundle]]) -> list[str]:
    folders = [_run_of(bundle) or bundle.folder for _, bundle in opened]
    names = [
        bundle.card.name if folder.resolve().name == "bundle" else folder.resolve().name
        for folder, (_, bundle) in zip(folders, opened, strict=True)
    ]
    if len(set(names)) < len(names):
        names = [f"{folder.resolve().parent.name}/{name}" for folder, name in zip(folders, names, strict=True)]
    return [
        f"{name} ({names[:place].count(name) + 1})" if name in names[:place] else name
        for place, name in enumerate(names)
    ]


def _run_of(bundle: Bundle) -> Path | None:
    parent = bundle.folder.resolve().parent
    return bundle.folder.parent if bundle.folder.name == "bundle" and (parent / "run.json").is_file() else None


def _open(name: str, bundle: Bundle, split: str, stored: bool) -> ComparedRun:
    seen = {side: bundle.films_used(side) for side in ("train", "val")}
    place = _run_of(bundle)
    if place is None:
        test_is_val = bool(bundle.card.training_data.get("test_is_val"))
        return ComparedRun(name, bundle, None, seen, {}, test_is_val, None)
    folder = RunFolder.open(place)
    data = folder.details().get("data", {})
    test_is_val = bool(isinstance(data, dict) and data.get("test_is_val"))
    rows = _table(folder, "manifest.csv", ("image_id", "path", "sha256", "label", "split"))
    for side in ("train", "val"):
        seen[side] |= {row["sha256"][:16] for row in rows if row["split"] == side}
    scores = None
    if stored:
        wanted = "val" if split == "test" and test_is_val else split
        scores = _stored(folder, bundle, [row for row in rows if row["split"] == wanted], split)
    return ComparedRun(name, bundle, folder, seen, _groups(rows), test_is_val, scores)


def _groups(rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    from lucency.datasets.film_groups import LINKS, linked

    names = linked([row["image_id"] for row in rows], [[row.get(link) or "" for row in rows] for link in LINKS])
    return {row["sha256"][:16]: name for row, name in zip(rows, names, strict=True)}


def _stored(
    folder: RunFolder, bundle: Bundle, films: Sequence[Mapping[str, str]], split: str
) -> dict[FilmKey, FilmScore]:
    # The logits of validation films were written when training ended; those of test films come from the bundle itself.
    name = "predictions.csv" if split == "test" else "validation.csv"
    again = f"lucency evaluate {folder.path}"
    mend = f"Write it anew with: {again}" if split == "test" else "Restore it from a copy of the run"
    if not (folder.path / name).is_file():
        raise RunError(
            f"was never evaluated (no {name})",
            where=folder.path,
            hint=f"Evaluate it with: {again}, or give films to compare on with --films",
        )
    if split == "test":
        measured = folder.read_json("report.json")
        identity = measured.get("bundle") if isinstance(measured, dict) else None
        if identity != bundle.identity:
            raise RunError(
                f"{name} was written by another bundle ({identity}) than the run holds now ({bundle.identity})",
                where=folder.path,
                hint=f"Measure it anew with: {again}",
            )
    rows = _table(folder, name, ("image_id", "label", "group", "logit"), mend)
    by_id = {row["image_id"]: row for row in films}
    broken: str | None = None
    if len(rows) != len(films) or {row["image_id"] for row in rows} != set(by_id):
        broken = f"it has {len(rows)} rows for the {len(films)} {split} films of manifest.csv, or others than those"
    logits = [_number(row["logit"]) for row in rows]
    for line, (row, logit) in enumerate(zip(rows, logits, strict=True), 2):
        if broken is None and logit is None:
            broken = f"line {line}: the logit {row['logit']!r} is no number"
        if broken is None and row["label"] != by_id[row["image_id"]]["label"]:
            broken = f"line {line}: the label {row['label']!r} is not that of manifest.csv"
    if broken is not None:
        raise RunError(f"{name} is damaged ({broken})", where=folder.path, hint=mend)
    scores = [
        (film["sha256"], FilmScore(row["image_id"], folder.path / film["path"], int(row["label"]), row["group"], logit))
        for row, logit in zip(rows, logits, strict=True)
        if logit is not None and (film := by_id[row["image_id"]])
    ]
    return dict(keyed(scores))


def keyed(scores: Sequence[tuple[str, FilmScore]]) -> Iterator[tuple[FilmKey, FilmScore]]:
    """Names each film by its bytes, so that two runs can find the same film whatever they call it.

    Args:
        scores: SHA-256 (hexadecimal) and what is said of the film.
    """
    copies: dict[str, int] = {}
    for sha256, score in sorted(scores, key=lambda pair: pair[1].image_id):
        digits = sha256[:16]
        copies[digits] = copies.get(digits, -1) + 1
        yield (digits, copies[digits]), score


def _table(
    folder: RunFolder, name: str, columns: Sequence[str], hint: str = "Restore it from a copy of the run"
) -> list[dict[str, Any]]:
    try:
        rows = read_rows(folder.path / name)
    except (OSError, ValueError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise RunError(f"{name} cannot be read ({reason})", where=folder.path, hint=hint) from None
    lacking = [column for column in columns if not rows or rows[0].get(column) is None]
    if lacking:
        what = f"lacks the column {lacking[0]}" if rows else "has no row"
        raise RunError(f"{name} is damaged (it {what})", where=folder.path, hint=hint)
    for line, row in enumerate(rows, 2):
        if any(row[column] is None for column in columns):
            raise RunError(f"{name} is damaged (line {line} is cut short)", where=folder.path, hint=hint)
    return rows


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
