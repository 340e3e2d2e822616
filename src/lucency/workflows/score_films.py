"""What a bundle's graph and its gate give for the films of a split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lucency.gate import Gate, GateAnswer
from lucency.predictor import Predictor
from lucency.workflows.split_films import SplitFilms
from lucency.workflows.teller import Teller

_BATCH = 16


@dataclass(frozen=True, eq=False)
class ScoredSplit:
    """Outputs for N films, in their order.

    Attributes:
        logits: float64 (N,).
        gate: What the gate says of each film; None where the bundle has no gate. The figures of an evaluation count
            every film, whatever the gate says.
    """

    logits: npt.NDArray[np.float64]
    gate: list[GateAnswer] | None


def score_films(predictor: Predictor, films: SplitFilms, *, what: str, teller: Teller) -> ScoredSplit:
    """Runs the graph over films.

    Args:
        predictor: Of the bundle.
        films: N films.
        what: What they are called in progress: "test films".
        teller: Hears of progress.
    """
    path = predictor.bundle.gate_path
    gate = None if path is None else Gate.read(path)
    logits: list[npt.NDArray[np.float32]] = []
    judged: list[GateAnswer] = []
    total = len(films.rows)
    for start in range(0, total, _BATCH):
        batch = films.images[films.rows[start : start + _BATCH]][..., None]
        outputs = predictor.score(batch)
        logits.append(outputs["logit"])
        if gate is not None:
            embeddings = outputs.get("embedding")
            judged += [
                gate.judge(film, None if embeddings is None else embeddings[place]) for place, film in enumerate(batch)
            ]
        teller.progress(f"scoring {what}", min(start + _BATCH, total), total)
    values = np.concatenate(logits).astype(np.float64) if logits else np.zeros(0)
    return ScoredSplit(values, None if gate is None else judged)
