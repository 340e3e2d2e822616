"""Films -> predictions, one after another; a film that cannot be read gives its error and stops nothing."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lucency.decision import Prediction, shown_probability
from lucency.errors import DatasetError, FilmError, MissingExtraError, ResourceError
from lucency.predictor import Predictor


@dataclass(frozen=True)
class FilmAnswer:
    """What became of one film: a prediction, or the error that kept it from one.

    Attributes:
        path: As it was found.
        prediction: The answer, or None.
        error: Why there is none.
        overlay: The picture that was written, or None.
        overlay_error: Why the picture that was asked for could not be written.
    """

    path: str
    prediction: Prediction | None = None
    error: FilmError | None = None
    overlay: Path | None = None
    overlay_error: ResourceError | None = None

    def to_json(self) -> dict[str, Any]:
        """One entry of `predict --json`; its keys are a stable contract (see docs/reference/json.md)."""
        if self.prediction is None:
            assert self.error is not None
            return {"path": self.path, "error": {"code": self.error.code, "message": str(self.error)}}
        answer = self.prediction
        entry: dict[str, Any] = {
            "path": self.path,
            "sha256": answer.sha256,
            "probability": answer.probability,
            # With the card it would turn back into the probability that the gate withheld.
            "logit": None if answer.refused else answer.logit,
            "decision": answer.decision,
            "bundle": answer.bundle,
        }
        if answer.error_rate is not None:
            entry["error_rate"] = answer.error_rate
        if answer.possible is not None:
            entry["possible"] = list(answer.possible)
        if answer.gate is not None:
            entry["gate"] = dict(answer.gate.distances)
        if answer.warnings:
            entry["warnings"] = list(answer.warnings)
        if self.overlay is not None:
            entry["overlay"] = str(self.overlay)
        if self.overlay_error is not None:
            entry["overlay_error"] = {"code": self.overlay_error.code, "message": str(self.overlay_error)}
        return entry


def find_films(inputs: Sequence[str | os.PathLike[str]]) -> list[str]:
    """The films that files, folders, patterns and tables name, in a fixed order, each once.

    Args:
        inputs: Files (taken as they are), folders (searched for image and DICOM files, as `scan` does), glob patterns,
            and CSV or Parquet tables with a column of paths.

    Raises:
        DatasetError: A folder, pattern or table holds no film.
    """
    return [path for path, _ in named_films(inputs)]


def named_films(inputs: Sequence[str | os.PathLike[str]]) -> list[tuple[str, str]]:
    """As `find_films`, each film with its exam where a table names it, "" otherwise."""
    from lucency.datasets.film_tree import list_films

    found: dict[str, str] = {}
    for given in [os.fspath(item) for item in inputs]:
        if os.path.isdir(given):
            inside = [os.path.join(given, *parts) for parts in list_films(Path(given)).films]
            if not inside:
                raise DatasetError("holds no film", where=given, hint="Give a folder of image or DICOM files")
            films = [(path, "") for path in inside]
        elif not os.path.exists(given) and glob.has_magic(given):
            matches = sorted(path for path in glob.glob(given, recursive=True) if os.path.isfile(path))
            if not matches:
                raise DatasetError("no file matches", where=given)
            films = [(path, "") for path in matches]
        elif given.lower().endswith((".csv", ".parquet")) and os.path.isfile(given):
            films = _films_of_table(Path(given))
        else:
            films = [(given, "")]
        for path, exam in films:
            found[path] = found.get(path) or exam
    return list(found.items())


def _films_of_table(table: Path) -> list[tuple[str, str]]:
    try:
        from lucency.datasets.film_table import read_film_table
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), extra="tables", need="Reading a table of films") from None
    return read_film_table(table)


def predict_films(
    predictor: Predictor,
    paths: Sequence[str],
    *,
    overlays: str | os.PathLike[str] | None = None,
    workers: int | None = None,
) -> Iterator[FilmAnswer]:
    """Answers for films in their order.

    Args:
        predictor: Bundle to ask.
        paths: Films, as `find_films` lists them.
        overlays: Folder for a picture of each film with its heat map, decision and probability.
        workers: Threads that decode films.
    """
    folder = Path(overlays) if overlays is not None else None
    taken: set[Path] = set()
    for path, answer in zip(paths, predictor.predict_many(paths, workers=workers), strict=True):
        if isinstance(answer, FilmError):
            yield FilmAnswer(path, error=answer)
            continue
        prediction, film, placement = answer
        if folder is None:
            yield FilmAnswer(path, prediction)
            continue
        try:
            drawn = _write_overlay(folder, path, prediction, film, placement, taken, predictor.bundle.card.heat_scale)
            yield FilmAnswer(path, prediction, overlay=drawn)
        except ResourceError as error:
            # A full disk costs the pictures, never the answers.
            yield FilmAnswer(path, prediction, overlay_error=error)


def reason(prediction: Prediction) -> str:
    """Why a film is not simply fractured or not, in words; "" where it is one of the two by the operating point."""
    if prediction.refused:
        over = [f"{name} {distance:.2f}" for name, distance in _distances(prediction) if distance > 1]
        return "no probability is given" + (f" (times its limit: {', '.join(over)})" if over else "")
    if prediction.error_rate is None or prediction.possible is None:
        return ""
    rate = f"at an error rate of {100 * prediction.error_rate:.3g} %"
    if len(prediction.possible) == 1:
        return rate
    return f"{'may be either' if prediction.possible else 'unlike both classes'} {rate}"


def caption(prediction: Prediction) -> list[str]:
    """The lines under an overlay."""
    decision, why = prediction.decision.replace("_", " "), reason(prediction)
    if prediction.probability is None:
        said = f"{decision}: {why}"
    else:
        point = prediction.operating_point
        why = why or f"threshold {point.threshold:.2f}, {point.name}"
        said = f"{decision}: probability of a fracture {shown_probability(prediction.probability)} ({why})"
    return [said, f"bundle {prediction.bundle}"]


def _distances(prediction: Prediction) -> list[tuple[str, float]]:
    return [] if prediction.gate is None else list(prediction.gate.distances.items())


def _write_overlay(
    folder: Path, path: str, prediction: Prediction, film: Any, placement: Any, taken: set[Path], scale: float
) -> Path:
    from lucency.imaging.overlay import draw_overlay

    picture = draw_overlay(film, prediction.heatmap, placement, caption(prediction), scale=scale)
    stem = Path(path).name
    target = folder / f"{stem}.overlay.png"
    number = 2
    while target in taken:
        target, number = folder / f"{stem}.{number}.overlay.png", number + 1
    taken.add(target)
    partial = target.with_name(target.name + ".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        picture.save(partial, format="PNG")
        partial.replace(target)
    except OSError as error:
        if folder.is_dir():
            partial.unlink(missing_ok=True)
        raise ResourceError(f"the overlay cannot be written ({error.strerror or error})", where=target) from None
    return target
