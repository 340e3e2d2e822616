"""A short set of films with known labels tells whether scale and class order of a foreign model look right."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lucency.imaging.geometry import InputSpec
from lucency.workflows.run_films import prepare_films
from lucency.workflows.scan import read_films
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.learning.foreign_model import ForeignModel
    from lucency.learning.input_convention import InputConvention
    from lucency.learning.output_mapping import OutputMapping

MOST_FILMS = 400
"""How many films a check scores at most; a random choice of a larger set, half of each class where it can be."""

MOST_FITTED = 2000
"""How many films calibration and thresholds are fitted on at most; a random choice at the prevalence of the set."""

PARITY_FILMS = 32
SATURATED = 1e-4
"""A probability this near to 0 or 1 counts as saturated."""

OFTEN = 0.3
"""Share of saturated answers from which on a scale is doubted, where another convention answers better."""

BETTER = 0.05
"""How much larger the AUROC of another convention is before it is worth a warning."""


@dataclass(frozen=True)
class CheckRow:
    """What the films say of one convention.

    Attributes:
        convention: Its name.
        auroc: Area under the ROC curve with the classes as they were given; NaN where it is undefined.
        saturated: Share of films whose probability is within `SATURATED` of 0 or 1.
        lowest: Smallest logit.
        highest: Largest logit.
    """

    convention: str
    auroc: float
    saturated: float
    lowest: float
    highest: float

    @property
    def constant(self) -> bool:
        """Whether every film gets the same answer."""
        return self.highest - self.lowest < 1e-6


@dataclass(frozen=True, eq=False)
class FittingFilms:
    """Films that calibration and thresholds can be fitted on, of the same prevalence as all that were given.

    Attributes:
        labels: int64 (N,), 1 = fractured.
        logits: float64 (N,), of the convention as given.
        sha256: Their hashes.
        groups: Names; films with the same one belong together.
    """

    labels: npt.NDArray[np.int64]
    logits: npt.NDArray[np.float64]
    sha256: tuple[str, ...]
    groups: list[str]


@dataclass(frozen=True, eq=False)
class FilmCheck:
    """What the films said.

    Attributes:
        rows: The convention as given first, then the others that were tried.
        warnings: What looks wrong, one sentence each.
        labels: int64 (N,), 1 = fractured.
        fitting: Films to fit on, or None where that was not wanted.
        some_films: uint8 (at most 32, H, W), for the parity check.
    """

    rows: tuple[CheckRow, ...]
    warnings: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    fitting: FittingFilms | None
    some_films: npt.NDArray[np.uint8]

    @property
    def films(self) -> int:
        """How many films were read."""
        return len(self.labels)

    @property
    def fractured(self) -> int:
        """How many of them are fractured."""
        return int(self.labels.sum())

    def to_json(self) -> dict[str, Any]:
        """Plain values for a card; NaN is None."""
        rows = [
            {
                "convention": row.convention,
                "auroc": row.auroc if np.isfinite(row.auroc) else None,
                "saturated": row.saturated,
                "logits": [row.lowest, row.highest],
            }
            for row in self.rows
        ]
        return {"films": self.films, "fractured": self.fractured, "tried": rows, "warnings": list(self.warnings)}


def check_films(
    model: ForeignModel,
    convention: InputConvention,
    mapping: OutputMapping,
    spec: InputSpec,
    data: str | os.PathLike[str],
    *,
    labels: Mapping[str, int] | None = None,
    fitting: bool = False,
    workers: int | None = None,
    teller: Teller | None = None,
) -> FilmCheck:
    """Scores films with known labels under the convention as given and under the other plausible ones.

    Args:
        model: The opened model.
        convention: As given.
        mapping: As given.
        spec: Geometry of the input.
        data: Folder or table of films.
        labels: Further names of classes.
        fitting: Score films to fit calibration and thresholds on as well.
        workers: Threads that decode films.
        teller: Hears of progress and of every warning.

    Raises:
        DatasetError: The films cannot be used.
    """
    from lucency.datasets.film_groups import film_groups
    from lucency.learning.importing import scorer
    from lucency.learning.input_convention import CONVENTIONS, named

    teller = teller or Teller()
    manifest = read_films(data, labels=labels)
    chosen = _choose(manifest.table["label"].to_numpy(dtype=np.int64), fitting=fitting)
    with tempfile.TemporaryDirectory(prefix="lucency-check-") as folder:
        prepared = prepare_films(manifest.keep(chosen), spec, Path(folder), workers=workers, teller=teller)
        images = np.array(prepared.images[prepared.rows])
        truth = prepared.manifest.table["label"].to_numpy(dtype=np.int64)
        hashes = tuple(prepared.manifest.table["sha256"])
        together = film_groups(prepared.manifest)
        for finding in prepared.findings:
            if finding.severity != "note":
                teller.say(f"{finding.severity}: {finding.message}")
    few = _balanced(truth)
    tried = {convention.name: convention}
    for known in CONVENTIONS:
        other = named(known)
        fits = len(other.offset) in (1, model.channels) and (other.scale, other.offset) != _values(convention)
        if fits:
            tried[known] = other
    rows, fitted = [], None
    for index, (name, other) in enumerate(tried.items()):
        teller.progress("checking conventions", index, len(tried))
        if fitting and index == 0:
            logits = scorer(model, other, mapping)(images)
            fitted = FittingFilms(truth, logits, hashes, together)
            rows.append(_row(name, truth[few], logits[few]))
        else:
            rows.append(_row(name, truth[few], scorer(model, other, mapping)(images[few])))
    teller.progress("checking conventions", len(tried), len(tried))
    warnings = tuple(_warnings(rows, mapping, int(few.sum())))
    for warning in warnings:
        teller.say(f"Warning: {warning}")
    return FilmCheck(tuple(rows), warnings, truth[few], fitted, images[:PARITY_FILMS])


def _values(convention: InputConvention) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return convention.scale, convention.offset


def _choose(labels: npt.NDArray[np.int64], *, fitting: bool) -> Any:
    """A mask (N,) of the films to read."""
    import pandas as pd

    if not fitting:
        return pd.Series(_balanced(labels))
    # What is fitted on classes made equal is right for no prevalence but one half.
    mask = np.zeros(len(labels), bool)
    share = min(1.0, MOST_FITTED / max(1, len(labels)))
    order = np.random.default_rng(0).permutation(len(labels))
    for label in (0, 1):
        part = order[labels[order] == label]
        mask[part[: round(share * len(part))]] = True
    return pd.Series(mask)


def _balanced(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """A mask (N,) of at most `MOST_FILMS` films, half of each class where it can be."""
    order = np.random.default_rng(0).permutation(len(labels))
    half = MOST_FILMS // 2
    classes = [order[labels[order] == label] for label in (0, 1)]
    short = min(len(part) for part in classes)
    room = max(half, MOST_FILMS - short)
    mask = np.zeros(len(labels), bool)
    for part in classes:
        mask[part[: room if len(part) > short else half]] = True
    return mask


def _row(name: str, labels: npt.NDArray[np.int64], logits: npt.NDArray[np.float64]) -> CheckRow:
    from lucency.calibration import Calibration
    from lucency.evaluation.metrics import measure

    probabilities = Calibration().probability(logits)
    # Ranks of the logits keep an order that rounded probabilities have lost.
    ranks = np.unique(logits, return_inverse=True)[1] / max(1, len(logits))
    (auroc,) = measure(labels, ranks, probabilities >= 0.5, names=["auroc"])["auroc"]
    saturated = float(((probabilities < SATURATED) | (probabilities > 1 - SATURATED)).mean())
    return CheckRow(name, float(auroc), saturated, float(logits.min()), float(logits.max()))


def _likelier(rows: list[CheckRow]) -> CheckRow | None:
    """The convention that the films speak for, where it is not the one that was given.

    A network of ReLU layers answers nearly the same however its input is scaled, but for the size of its logits: AUROC
    alone cannot see a wrong scale, the share of saturated answers can.
    """
    given = rows[0]

    def separates(row: CheckRow) -> float:
        return abs(row.auroc - 0.5) if np.isfinite(row.auroc) else -1.0

    sound = [row for row in rows if not row.constant and row.saturated <= OFTEN]
    if not sound:
        return None
    most = max(map(separates, sound))
    best = min((row for row in sound if separates(row) > most - BETTER), key=lambda row: row.saturated)
    if given in sound:
        return best if separates(best) > separates(given) + BETTER else None
    return best if separates(best) > separates(given) - BETTER else None


def _warnings(rows: list[CheckRow], mapping: OutputMapping, films: int) -> list[str]:
    given, found = rows[0], []
    if given.constant:
        found.append("every film gets the same answer: the scale looks wrong, or the model learned nothing")
    elif given.saturated > (OFTEN if _likelier(rows) else 0.9):
        found.append(f"{given.saturated:.0%} of the answers are 0 or 1 to four digits: the scale looks wrong")
    if given.auroc < 0.5:
        other = ",".join(str(index) for index in mapping.negative)
        found.append(
            f"AUROC is {given.auroc:.3f} on {films} films, worse than a coin: the class order looks turned round. "
            f"Try --positive fractured={other} ({1 - given.auroc:.3f})"
        )
    likely = _likelier(rows)
    if likely is not None:
        auroc = max(likely.auroc, 1 - likely.auroc)
        found.append(
            f"--convention {likely.convention} looks likelier on these films: AUROC {auroc:.3f}, "
            f"{likely.saturated:.0%} of its answers are 0 or 1"
        )
    return found
