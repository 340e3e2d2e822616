"""How long several bundles take for one film, measured side by side."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lucency.bundle import Bundle
from lucency.errors import FilmError
from lucency.workflows.teller import Teller

_FILMS = 8
_WARM_UP = 3
_ENOUGH = 20
_SECONDS = 30.0


def measure_latency(
    bundles: Sequence[Bundle],
    films: Sequence[Path],
    *,
    predictions: int = 100,
    seed: int = 0,
    teller: Teller | None = None,
) -> dict[str, Any]:
    """Times single-film predictions, decoding of the file included.

    The models take turns film by film, in an order drawn anew each time, so that other work on the machine hits all
    of them alike. On a busy machine the ratio to the first model, taken within each turn, is steadier than the times.

    Args:
        bundles: The models.
        films: Files to choose from; where none can be read, a synthetic film serves.
        predictions: How many each model makes, after a few that do not count; fewer, but no less than 20, where they
            take longer than half a minute in all.
        seed: Of the choice of films and of the order.
        teller: Hears of progress.

    Returns:
        "predictions" (of each model), "films" ("real" or "synthetic"), "machine" ("platform", "cores", "load" and
        "onnxruntime") and "models": for each "median_seconds", "p95_seconds" and "ratio" (median over the turns of
        its time to that of the first model).
    """
    import onnxruntime

    from lucency.predictor import Predictor

    teller = teller or Teller()
    random = np.random.default_rng(seed)
    predictors = [Predictor(bundle) for bundle in bundles]
    sources = _readable(predictors[0], [films[place] for place in random.permutation(len(films))[: 2 * _FILMS]])
    kind = "real" if sources else "synthetic"
    sources = sources or [_synthetic()]
    seconds: list[list[float]] = []
    started = time.perf_counter()
    for turn in range(_WARM_UP + predictions):
        source, row = sources[turn % len(sources)], [0.0] * len(predictors)
        for place in random.permutation(len(predictors)):
            begun = time.perf_counter()
            predictors[place].predict(source)
            row[place] = time.perf_counter() - begun
        if turn >= _WARM_UP:
            seconds.append(row)
        teller.progress("timing", turn + 1, _WARM_UP + predictions)
        if len(seconds) >= _ENOUGH and time.perf_counter() - started > _SECONDS:
            teller.progress("timing", 1, 1)
            break
    times = np.array(seconds)
    return {
        "predictions": len(times),
        "films": kind,
        "machine": {
            "platform": platform.platform(),
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
            "onnxruntime": onnxruntime.__version__,
        },
        "models": [
            {
                "median_seconds": float(np.median(column)),
                "p95_seconds": float(np.quantile(column, 0.95)),
                "ratio": float(np.median(column / times[:, 0])),
            }
            for column in times.T
        ],
    }


def _readable(predictor: Any, films: Sequence[Path]) -> list[bytes]:
    found: list[bytes] = []
    for film in films:
        try:
            content = film.read_bytes()
            predictor.predict(content)
        except (OSError, FilmError):
            continue
        found.append(content)
        if len(found) == _FILMS:
            break
    return found


def _synthetic() -> bytes:
    import io

    from PIL import Image

    from lucency.datasets.synthetic import draw_film

    file = io.BytesIO()
    Image.fromarray(draw_film(0, fractured=True, size=512).pixels).save(file, "JPEG", quality=90)
    return file.getvalue()
