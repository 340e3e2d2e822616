"""A site and a bundle whose every logit is known: the mean brightness of a film says how likely its fracture is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper
from PIL import Image

from lucency.bundle import Bundle, Card, write_bundle
from lucency.imaging.geometry import InputSpec

SIDE, MIDDLE, STEP = 64, 128.0, 20.0


def brightness_bundle(folder: Path, **card: Any) -> Bundle:
    """A bundle whose logit is (mean grey - 128) / 20; further fields of its card as given."""
    nodes = [
        helper.make_node("ReduceMean", ["film"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Sub", ["mean", "middle"], ["above"]),
        helper.make_node("Div", ["above", "step"], ["logit"]),
    ]
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("film", TensorProto.FLOAT, ["n", SIDE, SIDE, 1])],
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n"])],
        [
            helper.make_tensor("middle", TensorProto.FLOAT, [], [MIDDLE]),
            helper.make_tensor("step", TensorProto.FLOAT, [], [STEP]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    films = card.pop("films", {"train": ["a" * 64], "val": ["b" * 64]})
    return write_bundle(folder, Card("bright", InputSpec(SIDE, SIDE), "", **card), films=films)


def brightness_films(folder: Path, films: int, *, seed: int = 0, intercept: float = 0.0, exams: int = 1) -> Path:
    """Films and their table: labels are drawn from the logit plus `intercept`; so many films are of one study."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    lines = ["path,label,study_id" if exams > 1 else "path,label"]
    for number in range(films):
        logit = float(np.clip(random.normal(scale=2.0), -5, 5))
        label = int(random.random() < 1 / (1 + np.exp(-(logit + intercept))))
        grey = np.full((SIDE, SIDE), MIDDLE + STEP * logit) + random.normal(scale=4, size=(SIDE, SIDE))
        path = folder / f"{number:04d}.png"
        Image.fromarray(np.clip(np.rint(grey), 0, 255).astype(np.uint8)).save(path)
        lines.append(f"{path},{label}" + (f",s{number // exams}" if exams > 1 else ""))
    (folder / "films.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder / "films.csv"
