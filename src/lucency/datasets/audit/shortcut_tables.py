"""Features for shortcut probes that need no pixels: file names, facts of the files, columns of the manifest."""

from __future__ import annotations

import re
from pathlib import PurePath

import numpy as np

from lucency.datasets.audit.probe_features import FloatArray, ProbeFeatures, categories, gathered
from lucency.datasets.audit.survey import Survey
from lucency.datasets.manifest import Manifest

COLUMNS = ("body_part", "view", "hardware")
"""Columns of the manifest that are known before anyone has looked for a fracture."""


def file_name(manifest: Manifest, survey: Survey | None) -> ProbeFeatures | None:
    """The numbers and words of the file's name; its folders are left aside, since a folder may be the label itself."""
    del survey
    names = [PurePath(path).name for path in manifest.table["path"]]
    stems, suffixes = [PurePath(name).stem for name in names], [PurePath(name).suffix for name in names]
    numbers = [[int(digits) for digits in re.findall(r"\d+", stem)] for stem in stems]
    words = [re.findall(r"[^\W\d_]+", stem) for stem in stems]
    columns: dict[str, FloatArray] = {
        "number in the file name": np.array([float(row[0]) if row else np.nan for row in numbers]),
        "last number in the file name": np.array([float(row[-1]) if row else np.nan for row in numbers]),
        "largest number in the file name": np.array([float(max(row)) if row else np.nan for row in numbers]),
        "numbers in the file name": np.array([len(row) for row in numbers], dtype=np.float64),
        "digits in the file name": np.array([len(re.findall(r"\d", stem)) for stem in stems], dtype=np.float64),
        "length of the file name": np.array([len(stem) for stem in stems], dtype=np.float64),
        **categories("first word of the file name", [row[0] if row else "" for row in words]),
        **categories("last word of the file name", [row[-1] if row else "" for row in words]),
        **categories("suffix", suffixes),
    }
    return gathered(columns)


def file_format(manifest: Manifest, survey: Survey | None) -> ProbeFeatures | None:
    """How the file was written: its size, its dimensions, its compression; None without a survey."""
    del manifest
    if survey is None:
        return None
    facts = survey.facts
    size = np.array([fact.size for fact in facts], dtype=np.float64)
    height = np.array([fact.height for fact in facts], dtype=np.float64)
    width = np.array([fact.width for fact in facts], dtype=np.float64)
    columns: dict[str, FloatArray] = {
        "bytes of the file": size,
        "bytes per pixel": size / np.maximum(height * width, 1.0),
        "height": height,
        "width": width,
        "pixels": height * width,
        "width / height": width / np.maximum(height, 1.0),
        "JPEG quality": np.array([fact.quality or np.nan for fact in facts], dtype=np.float64),
        "bits": np.array([fact.bits for fact in facts], dtype=np.float64),
        "channels": np.array([fact.channels for fact in facts], dtype=np.float64),
        "pictures in the file": np.array([fact.frames for fact in facts], dtype=np.float64),
        **categories("EXIF orientation", [str(fact.orientation) for fact in facts]),
        **categories("format", [fact.format for fact in facts]),
        **categories("header blocks", [fact.header for fact in facts]),
        **categories("quantisation tables", [fact.quantisation for fact in facts]),
    }
    return gathered(columns)


def known_columns(manifest: Manifest, survey: Survey | None) -> ProbeFeatures | None:
    """Body part, view and hardware, where the manifest knows them."""
    del survey
    columns: dict[str, FloatArray] = {}
    for name in COLUMNS:
        if name in manifest.table.columns:
            columns |= categories(name.replace("_", " "), [str(cell) or "unknown" for cell in manifest.table[name]])
    return gathered(columns)
