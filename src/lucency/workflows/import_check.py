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
"""How many films a check reads at most; a random choice of a larger set, half of each class where it can be."""

PARITY_FILMS = 32
SATURATED = 1e-4
"""A probability this near to 0 or 1 counts as saturated."""

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
class FilmCheck:
    """What the films said.

    Attributes:
        rows: The convention as given first, then the others that were tried.
        warnings: What looks wrong, one sentence each.
        labels: int64 (N,), 1 = fractured.
        logits: float64 (N,), of the convention as given.
        sha256: Hashes of the films.
        some_films: uint8 (at most 32, H, W), for the parity check.
    """

    rows: tuple[CheckRow, ...]
    warnings: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    logits: npt.NDArray[np.float64]
    sha256: tuple[str, ...]
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
        workers: Threads that decode films.
        teller: Hears of progress and of every warning.

    Raises:
        DatasetError: The films cannot be used.
    """
    from lucency.learning.importing import scorer
    from lucency.learning.input_convention import NAMED, named

    teller = teller or Teller()
    manifest = read_films(data, labels=labels)
    chosen = _choose(manifest.table["label"].to_numpy(dtype=np.int64))
    with tempfile.TemporaryDirectory(prefix="lucency-check-") as folder:
        prepared = prepare_films(manifest.keep(chosen), spec, Path(folder), workers=workers, teller=teller)
        images = np.array(prepared.images[prepared.rows])
        truth = prepared.manifest.table["label"].to_numpy(dtype=np.int64)
        hashes = tuple(prepared.manifest.table["sha256"])
        for finding in prepared.findings:
            if finding.severity != "note":
                teller.say(f"{finding.severity}: {finding.message}")
    tried = {convention.name: convention}
    for name in NAMED:
        other = named(name)
        fits = len(other.offset) in (1, model.channels) and (other.scale, other.offset) != _values(convention)
        if fits:
            tried[name] = other
    rows, logits = [], np.zeros(0)
    for index, (name, other) in enumerate(tried.items()):
        teller.progress("checking conventions", index, len(tried))
        scores = scorer(model, other, mapping)(images)
        logits = scores if index == 0 else logits
        rows.append(_row(name, truth, scores))
    teller.progress("checking conventions", len(tried), len(tried))
    warnings = tuple(_warnings(rows, mapping, len(truth)))
    for warning in warnings:
        teller.say(f"Warning: {warning}")
    return FilmCheck(tuple(rows), warnings, truth, logits, hashes, images[:PARITY_FILMS])


def _values(convention: InputConvention) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return convention.scale, convention.offset


def _choose(labels: npt.NDArray[np.int64]) -> Any:
    """A mask (N,) of at most `MOST_FILMS` films."""
    order = np.random.default_rng(0).permutation(len(labels))
    half = MOST_FILMS // 2
    classes = [order[labels[order] == label] for label in (0, 1)]
    short = min(len(part) for part in classes)
    room = max(half, MOST_FILMS - short)
    mask = np.zeros(len(labels), bool)
    for part in classes:
        mask[part[: room if len(part) > short else half]] = True
    import pandas as pd

    return pd.Series(mask)


def _row(name: str, labels: npt.NDArray[np.int64], logits: npt.NDArray[np.float64]) -> CheckRow:
    from lucency.decision import Calibration
    from lucency.evaluation.metrics import measure

    probabilities = Calibration().probability(logits)
    # Ranks of the logits keep an order that rounded probabilities have lost.
    ranks = np.unique(logits, return_inverse=True)[1] / max(1, len(logits))
    (auroc,) = measure(labels, ranks, probabilities >= 0.5, names=["auroc"])["auroc"]
    saturated = float(((probabilities < SATURATED) | (probabilities > 1 - SATURATED)).mean())
    return CheckRow(name, float(auroc), saturated, float(logits.min()), float(logits.max()))


def _warnings(rows: list[CheckRow], mapping: OutputMapping, films: int) -> list[str]:
    given, found = rows[0], []
    if given.constant:
        found.append("every film gets the same answer: the scale looks wrong, or the model learned nothing")
    elif given.saturated > 0.9:
        found.append(f"{given.saturated:.0%} of the answers are 0 or 1 to four digits: the scale looks wrong")
    if given.auroc < 0.5:
        other = ",".join(str(index) for index in mapping.negative)
        found.append(
            f"AUROC is {given.auroc:.3f} on {films} films, worse than a coin: the class order looks turned round. "
            f"Try --positive fractured={other} ({1 - given.auroc:.3f})"
        )
    best = max(rows, key=lambda row: abs(row.auroc - 0.5) if np.isfinite(row.auroc) else -1)
    if abs(best.auroc - 0.5) > abs(given.auroc - 0.5) + BETTER:
        found.append(
            f"--convention {best.convention} separates these films better: AUROC {max(best.auroc, 1 - best.auroc):.3f}"
        )
    return found
