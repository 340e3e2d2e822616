"""The probes for shortcuts: what can be known without looking at bone, and what to do where it tells the label."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lucency.datasets.audit import shortcut_markers, shortcut_pixels, shortcut_tables
from lucency.datasets.audit.probe_features import ProbeFeatures
from lucency.datasets.audit.survey import Survey
from lucency.datasets.film_threads import processors
from lucency.datasets.manifest import Manifest


@dataclass(frozen=True)
class Probe:
    """One row of the probes.

    Attributes:
        name: Unique name.
        title: What a reader sees, and what "tells the label" can follow.
        meaning: What it means where the label can be told from it.
        action: What to do then, as a sentence without full stop.
        features: From a manifest and its survey, row by row and all of it readable, to what the probe may look at;
            None where that is not known or is the same for every film.
    """

    name: str
    title: str
    meaning: str
    action: str
    features: Callable[[Manifest, Survey | None], ProbeFeatures | None]


PROBES: tuple[Probe, ...] = (
    Probe(
        "file_name",
        "File name and number",
        "Films of the two classes were collected or numbered apart, so whatever else changed along the way (hospital,"
        " machine, body part) tells the label too",
        "Find out why; keep runs of neighbouring numbers on one side of a split, and test on films from elsewhere",
        shortcut_tables.file_name,
    ),
    Probe(
        "file_format",
        "File size and format",
        "The classes come from different machines, or were exported by different tools or at another size or quality",
        "Export all films with one tool, at one size and one JPEG quality, from originals where there are any",
        shortcut_tables.file_format,
    ),
    Probe(
        "columns",
        "Body part, view and hardware",
        "The classes show different body parts or views, or metal that is there because a bone was broken",
        "Balance or stratify by body part and view, report the AUROC within each, and leave out films with hardware",
        shortcut_tables.known_columns,
    ),
    Probe(
        "border",
        "Outer 6 % of the film",
        "Frames, collimation or the grey at the edge differ between the classes; body parts leave the film in their own"
        " way, so compare with the probe of body part and view",
        "Crop all films to their content, and see whether the model still knows",
        shortcut_pixels.border,
    ),
    Probe(
        "thumbnail",
        "8 x 8 thumbnail",
        "Exposure, position or body part differ between the classes; no fracture can be seen at this size",
        "Report the AUROC within body part and view, and vary brightness, contrast and position in training",
        shortcut_pixels.thumbnail,
    ),
    Probe(
        "no_bone",
        "Film with bone masked out",
        "Background, noise, plaster or soft tissue differ between the classes",
        "Look at films of both classes side by side; leave out films in plaster, and vary brightness and noise in"
        " training",
        shortcut_pixels.no_bone,
    ),
    Probe(
        "markers",
        "Side markers and collimation",
        "Letters burned into the film, or where the beam was cut off, differ between the classes",
        "Paint markers over or crop them away, and see whether the heat map lies on them",
        shortcut_markers.markers,
    ),
)
"""To add a probe, add a row; `tests/datasets/test_shortcut_features.py` runs over all of them."""


def shortcut_features(manifest: Manifest, survey: Survey | None) -> dict[str, ProbeFeatures | None]:
    """What each probe may look at.

    Args:
        manifest: N films.
        survey: What decoding told of them, row by row, none unreadable (`probed_films`); None where nothing was
            decoded: then only names and columns can be looked at.

    Returns:
        For each row of `PROBES` its features, or None.
    """
    with ThreadPoolExecutor(processors()) as pool:
        found = list(pool.map(lambda probe: probe.features(manifest, survey), PROBES))
    return {probe.name: features for probe, features in zip(PROBES, found, strict=True)}


def probed_films(
    manifest: Manifest, survey: Survey | None, rows: npt.NDArray[np.int64]
) -> tuple[Manifest, Survey | None]:
    """Some films of a manifest and of its survey, which then are in step again.

    Args:
        manifest: N films.
        survey: What decoding told of them.
        rows: int64 (K,), 0..N-1.
    """
    table = manifest.table.iloc[rows].reset_index(drop=True)
    few = None if survey is None else Survey(tuple(survey.facts[row] for row in rows), survey.thumbs, survey.rows[rows])
    return replace(manifest, table=table), few
