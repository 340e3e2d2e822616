"""Writes what a stress test gave: stress.json, stress.csv, stress.html and figures/."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lucency.errors import ResourceError
from lucency.workflows.run_folder import write_json, write_rows, write_text

_SAMPLE_SEED, _SAMPLE_SIZE = 35, 480
"""A drawn wrist with a transverse fracture and a side marker, on which metal and letters can be told from bone."""

_METRICS = ("auroc", "sensitivity", "specificity")


def write_stress(out: Path, content: Mapping[str, Any]) -> None:
    """Writes the folder.

    Args:
        out: The folder; made where it is missing.
        content: The content of `stress.json`.

    Raises:
        ResourceError: Something cannot be written.
    """
    from lucency.reporting.canvas import to_png
    from lucency.reporting.stress_figures import stress_figures
    from lucency.reporting.stress_page import render_stress

    write_json(out / "stress.json", content)
    rows = _table(content)
    write_rows(out / "stress.csv", list(rows[0]), rows)
    figures = stress_figures(content)
    try:
        (out / "figures").mkdir(exist_ok=True)
        for name, figure in figures.items():
            (out / "figures" / f"{name}.png").write_bytes(to_png(figure))
    except OSError as error:
        raise ResourceError(f"cannot be written ({error.strerror})", where=out / "figures") from None
    write_text(out / "stress.html", render_stress(content, figures, sample_pictures(content)))


def sample_pictures(content: Mapping[str, Any]) -> dict[str, list[npt.NDArray[np.uint8]]]:
    """A drawn film under every corruption and severity of a test, so that the page shows nobody's film.

    Args:
        content: The content of `stress.json`.

    Returns:
        Pictures (H, W), uint8, by the name of the corruption; under "" the film as it is.
    """
    from lucency.datasets.corruptions import CORRUPTIONS, corrupt
    from lucency.datasets.synthetic import draw_film

    drawn = draw_film(_SAMPLE_SEED, fractured=True, size=_SAMPLE_SIZE)
    film = drawn.pixels.astype(np.float32)
    pictures = {"": [drawn.pixels]}
    for row in content["corruptions"]:
        name, made = row["name"], []
        for cell in row["severities"]:
            if CORRUPTIONS[name].share_of_films:
                # One film is struck or it is not; the page shows what it looks like where it is.
                damaged = CORRUPTIONS[name].apply(film, cell["value"], np.random.default_rng(0), drawn.boxes)
            else:
                damaged = corrupt(film, name, cell["severity"], sha256="sample", boxes=drawn.boxes)
            made.append(np.rint(damaged).astype(np.uint8))
        pictures[name] = made
    return pictures


def _table(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row for each corruption and severity; severity 0 are the films as they are."""
    first: dict[str, Any] = {"corruption": "", "severity": 0, "value": "", "label": "as they are", "state": ""}
    rows = [first | {name: content["clean"][name]["value"] for name in _METRICS}]
    for row in content["corruptions"]:
        for cell in row["severities"]:
            line = {"corruption": row["name"]} | {
                key: cell[key] for key in ("severity", "value", "label", "state", *_METRICS)
            }
            for name, figure in cell["changes"].items():
                line |= {f"{name}_change": figure["value"]}
                line |= {f"{name}_change_{end}": figure[end] for end in ("low", "high")}
            rows.append(line)
    columns = {key: "" for line in rows for key in line}
    return [columns | line for line in rows]
