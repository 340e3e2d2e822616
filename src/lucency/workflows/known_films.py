"""Which films of a manifest a bundle has seen: in its training, or where its thresholds were chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lucency.bundle import Bundle
from lucency.errors import DatasetError, MissingExtraError
from lucency.workflows.run_folder import write_rows
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.datasets.audit import Finding
    from lucency.datasets.manifest import Manifest
    from lucency.fingerprints import Fingerprints

SEEN_FILE = "seen_films.csv"

How = Literal["same bytes", "same pixels", "near copy"]
_COLUMNS = ("image_id", "how", "likeness", "split")


@dataclass(frozen=True)
class SeenFilm:
    """A film that the bundle knows.

    Attributes:
        image_id: Its name in the manifest.
        label: 1 = fractured.
        how: The same file, the same grey levels in another file, or a near copy.
        likeness: Of the prints, -1..1; 1 for "same bytes" and "same pixels".
        split: "train": it was trained on. "val": it chose the best epoch, the calibration or the thresholds.
    """

    image_id: str
    label: int
    how: How
    likeness: float
    split: str


@dataclass(frozen=True)
class SeenFilms:
    """What a bundle knows of some films.

    Attributes:
        films: How many films were asked for.
        found: Those that it has seen, in the order of the manifest.
        unlooked: Why near copies could not be looked for, or not for all films; None where they were.
    """

    films: int
    found: tuple[SeenFilm, ...]
    unlooked: str | None

    def finding(self, *, kept: bool) -> Finding | None:
        """A warning, or None where no film was seen.

        Args:
            kept: Whether they count in the figures all the same.
        """
        from lucency.datasets.audit import Finding

        if not self.found:
            return None
        fractured = sum(film.label for film in self.found)
        ways = Counter(film.how for film in self.found)
        told = ", ".join(f"{ways[how]} {how}" for how in ("same bytes", "same pixels", "near copy") if ways[how])
        fate = "they count in the figures" if kept else "they are left out of the figures"
        return Finding(
            "leakage",
            "warning",
            f"{len(self.found)} of these {self.films} films ({fractured} fractured, {len(self.found) - fractured} not)"
            f" trained this bundle or chose its thresholds ({told}): {fate}",
            image_ids=tuple(film.image_id for film in self.found),
            evidence={"films": self.films, "seen": len(self.found), "how": dict(ways), "kept": kept},
            action="Evaluate on films that are new to the bundle"
            if kept
            else f"Look at {SEEN_FILE}; --allow-seen keeps them, and the figures are optimistic then",
        )

    def notes(self) -> list[Finding]:
        """What could not be known, for the report."""
        from lucency.datasets.audit import Finding

        said = [f"Near copies of films that the bundle has seen could not be looked for: {self.unlooked}"]
        said = said if self.unlooked else []
        said.append("Other films of patients or exams that the bundle has seen are not recognised: only copies are")
        return [Finding("leakage", "note", text) for text in said]

    def write(self, folder: Path) -> None:
        """Writes `seen_films.csv`, or takes an older one away where no film was seen."""
        if not self.found:
            (folder / SEEN_FILE).unlink(missing_ok=True)
            return
        rows: list[dict[str, Any]] = [
            {"image_id": film.image_id, "how": film.how, "likeness": round(film.likeness, 4), "split": film.split}
            for film in self.found
        ]
        write_rows(folder / SEEN_FILE, _COLUMNS, rows)

    def leave_out(self, manifest: Manifest, split: str) -> Manifest:
        """The manifest without the films that were seen.

        Args:
            manifest: Films with their splits.
            split: The films that are measured.

        Raises:
            DatasetError: No film is left, or none of one class.
        """
        if not self.found:
            return manifest
        measured = manifest.subset(split).table
        seen = {film.image_id for film in self.found}
        left = measured[~measured["image_id"].isin(seen)]
        hint = "Give films that are new to the bundle; --allow-seen measures these all the same, and says so"
        if not len(left):
            raise DatasetError(
                f"all {len(measured)} films are copies of films that trained this bundle or chose its thresholds",
                where=manifest.source,
                hint=hint,
            )
        for label, name in ((1, "fractured"), (0, "not fractured")):
            if (measured["label"] == label).any() and not (left["label"] == label).any():
                raise DatasetError(
                    f"all films that are {name} are copies of films that trained this bundle or chose its thresholds",
                    where=manifest.source,
                    hint=hint,
                )
        return manifest.keep(~manifest.table["image_id"].isin(seen))


def films_seen(
    bundle: Bundle, manifest: Manifest, prepared: Path, *, workers: int | None = None, teller: Teller | None = None
) -> SeenFilms:
    """Looks among films for those that a bundle has seen, and for copies of them.

    Args:
        bundle: Whose training and validation films are meant.
        manifest: Films that can be read.
        prepared: Home of prepared films, where what decoding told is kept.
        workers: Threads.
        teller: Hears of progress.

    Raises:
        ResourceError: The folder cannot be written.
    """
    known = bundle.fingerprints()
    if known is None or not known.splits:
        return SeenFilms(len(manifest), (), "it does not say which films it has seen")
    table = manifest.table
    by_bytes = _first_split(known.digests.tolist(), known.splits)
    found: dict[str, tuple[How, float, str]] = {}
    for image_id, sha in zip(table["image_id"], table["sha256"], strict=True):
        if sha and (split := by_bytes.get(int(sha[:16], 16))):
            found[image_id] = ("same bytes", 1.0, split)
    rest = manifest.keep(~table["image_id"].isin(list(found)))
    unlooked = None
    if len(rest):
        try:
            copies, unlooked = _copies(known, rest, prepared, workers, teller or Teller())
            found |= copies
        except MissingExtraError as missing:
            unlooked = str(missing)
    return SeenFilms(
        len(manifest),
        tuple(
            SeenFilm(image_id, int(label), *found[image_id])
            for image_id, label in zip(table["image_id"], table["label"], strict=True)
            if image_id in found
        ),
        unlooked,
    )


def _first_split(values: Sequence[int], splits: Sequence[str]) -> dict[int, str]:
    # A file that was trained on and validated with counts as trained on: "train" comes first.
    first: dict[int, str] = {}
    for value, split in zip(values, splits, strict=True):
        if value:
            first.setdefault(value, split)
    return first


def _copies(
    known: Fingerprints, films: Manifest, prepared: Path, workers: int | None, teller: Teller
) -> tuple[dict[str, tuple[How, float, str]], str | None]:
    if not known.version:
        return {}, "it knows the bytes of its films only; `lucency export RUN`, where the films are, makes it anew"
    try:
        from lucency.datasets.audit.near_copies import BLANK
        from lucency.datasets.film_prints import PRINTS_VERSION
        from lucency.datasets.print_search import COPY, find_likest
    except ModuleNotFoundError as missing:
        raise MissingExtraError(str(missing.name), extra="audit", need="Looking for near copies") from None
    if known.version != PRINTS_VERSION:
        return {}, f"its fingerprints are of version {known.version}, this version of lucency makes {PRINTS_VERSION}"
    from lucency.datasets.film_threads import processors
    from lucency.workflows.audit_films import decode_once

    survey = decode_once(films, prepared, workers=workers, teller=teller)
    by_pixels = _first_split(known.pixels.tolist(), known.splits)
    found: dict[str, tuple[How, float, str]] = {}
    names, asked = [], []
    for row, (image_id, facts) in enumerate(zip(films.table["image_id"], survey.facts, strict=True)):
        if survey.rows[row] < 0:
            continue
        if split := by_pixels.get(int(facts.pixel_sha256[:16], 16)):
            found[image_id] = ("same pixels", 1.0, split)
        elif facts.deviation >= BLANK:
            names.append(image_id)
            asked.append((survey.thumbs[survey.rows[row]], facts.height, facts.width))
    done = 0

    def move(more: int) -> None:
        nonlocal done
        done += more
        teller.progress("looking for films that the bundle has seen", done, len(asked))

    try:
        answers = find_likest(asked, known.codes, known.owner, workers=workers or processors(), progress=move)
    except ModuleNotFoundError as missing:
        raise MissingExtraError(str(missing.name), extra="audit", need="Looking for near copies") from None
    for image_id, answer in zip(names, answers, strict=True):
        if answer.likeness >= COPY:
            found[image_id] = ("near copy", answer.likeness, known.splits[answer.stored])
    printless = len(known.splits) - len(set(known.owner.tolist()))
    return found, f"it has no fingerprint of {printless} of its films" if printless else None
