"""A bundle whose model is a weighted sum, and films that it can tell apart: stress tests that take no training."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save
from PIL import Image

from lucency.bundle import Bundle, Card, write_bundle
from lucency.calibration import Calibration
from lucency.datasets.manifest import Manifest
from lucency.decision import OperatingPoint
from lucency.imaging.geometry import InputSpec
from lucency.workflows.scan import read_films

SIDE = 32
WINDOW = slice(12, 20)


def write_films(folder: Path, films: int = 80, *, splits: bool = False) -> Path:
    """Grey films of 64 pixels, two of each patient; on those with a fracture the middle is brighter, on average."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    rows = []
    for number in range(films):
        label = number % 2
        pixels = random.normal(110, 12, (64, 64))
        pixels[24:40, 24:40] += random.normal(22 * label, 9)
        name = f"film{number:03}.png"
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name)
        row = {"image_id": name, "path": name, "label": label, "group": f"P{number // 2}"}
        row["boxes"] = json.dumps([[24, 24, 16, 16]] if label else [])
        if splits:
            row["split"] = ("train", "test")[number % 4 > 1]
        rows.append(row)
    with (folder / "dataset.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def write_small_bundle(folder: Path) -> Bundle:
    """The middle less the rest, so that an inverted film has just the opposite logit."""
    weights = np.full((SIDE, SIDE, 1), -1.0, np.float32)
    weights[WINDOW, WINDOW] = 0
    weights /= -weights.sum()
    weights[WINDOW, WINDOW] = 1 / 64
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["film", "weights"], ["weighted"]),
            helper.make_node("ReduceSum", ["weighted", "axes"], ["sum"], keepdims=0),
            helper.make_node("Mul", ["sum", "scale"], ["logit"]),
        ],
        "middle",
        [helper.make_tensor_value_info("film", TensorProto.FLOAT, ["N", SIDE, SIDE, 1])],
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["N"])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array([1, 2, 3], np.int64), "axes"),
            numpy_helper.from_array(np.array(0.2, np.float32), "scale"),
        ],
    )
    folder.mkdir(parents=True)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "model.onnx")
    points = (OperatingPoint("half", 0.5), OperatingPoint("middle", 0.85))
    card = Card(
        "middle",
        InputSpec(SIDE, SIDE),
        "",
        calibration=Calibration(1.0),
        operating_points=points,
        default_operating_point="middle",
    )
    return write_bundle(folder, card)


def write_run(folder: Path, films: Path) -> Path:
    """A run folder with as much in it as a stress test needs."""
    folder.mkdir(parents=True)
    write_small_bundle(folder / "bundle")
    manifest: Manifest = read_films(films)
    manifest.write(folder / "manifest.csv")
    (folder / "run.json").write_text(json.dumps({"stages": {}, "data": {"test_is_val": False}}), "utf-8")
    return folder
