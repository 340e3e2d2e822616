"""Detectors made by hand, whose heat maps are known to be right, wrong, or blind to their weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

from lucency.bundle import Bundle, Card, write_bundle
from lucency.datasets.synthetic import draw_film
from lucency.imaging.geometry import InputSpec, to_input
from lucency.workflows.split_films import SplitFilms

SIZE, CELL = 64, 8
SPEC = InputSpec(SIZE, SIZE)
PATTERN = np.random.default_rng(12).permutation(np.repeat([-1.0, 1.0], CELL * CELL // 2)).reshape(CELL, CELL)
"""What a fracture looks like to a detector: dots that sum up to nothing, so that brightness alone is no evidence."""

Kind = Literal["right", "wrong", "blind", "without map"]


def tiny_detector(folder: Path, kind: Kind = "right") -> Bundle:
    """A bundle that looks for `PATTERN` in each of 8 x 8 cells; the logit is what the best cell shows.

    Args:
        folder: Where it is written.
        kind: "right": the heat map is where the pattern is; "wrong": it is hottest in the upper left corner, and cold
            where the pattern is; "blind": it is the film's own brightness, whatever the weights; "without map": there
            is none.
    """
    arrays = {
        "kernel": PATTERN[None, None] / PATTERN.size,
        "head": np.array([[[[0.5]]], [[[-0.5]]]]).reshape(1, 2, 1, 1),
        "threshold": np.array(30.0),
        "bias": np.array([-2.0]),
        "corner": np.pad(np.full((1, 1, 1), 100.0), ((0, 0), (0, CELL - 1), (0, CELL - 1))),
    }
    node = helper.make_node
    nodes = [
        node("Transpose", ["film"], ["grey"], perm=[0, 3, 1, 2]),
        node("Conv", ["grey", "kernel"], ["alike"], strides=[CELL, CELL]),
        node("Neg", ["alike"], ["unlike"]),
        node("Concat", ["alike", "unlike"], ["both"], axis=1),
        node("Conv", ["both", "head"], ["match"]),
        node("Sub", ["match", "threshold"], ["signed"]),
        node("Squeeze", ["signed", "one"], ["found"]),
        node("GlobalMaxPool", ["signed"], ["best"]),
        node("Reshape", ["best", "flat"], ["top"]),
        node("Add", ["top", "bias"], ["logit"]),
    ]
    if kind == "right":
        nodes.append(node("Identity", ["found"], ["heatmap"]))
    elif kind == "wrong":
        nodes.append(node("Sub", ["corner", "found"], ["heatmap"]))
    elif kind == "blind":
        nodes += [
            node("AveragePool", ["grey"], ["brightness"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
            node("Squeeze", ["brightness", "one"], ["heatmap"]),
        ]
    value = helper.make_tensor_value_info
    outputs = {"logit": ["N"]} | ({} if kind == "without map" else {"heatmap": ["N", "h", "w"]})
    graph = helper.make_graph(
        nodes,
        "tiny",
        [value("film", TensorProto.FLOAT, ["N", SIZE, SIZE, 1])],
        [value(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [
            *(numpy_helper.from_array(array.astype(np.float32), name) for name, array in arrays.items()),
            numpy_helper.from_array(np.array([1], np.int64), "one"),
            numpy_helper.from_array(np.array([-1], np.int64), "flat"),
        ],
    )
    folder.mkdir(parents=True)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "model.onnx")
    return write_bundle(folder, Card("tiny", SPEC, "", outputs=tuple(outputs)))


def marked_films(fractured: int, whole: int) -> tuple[SplitFilms, np.ndarray]:  # type: ignore[type-arg]
    """Synthetic films with `PATTERN` put into the middle of the first fracture, and their sizes (N, 2).

    The boxes of these films hold whole fragments; here each is cut down to its middle, where the pattern lies.

    Args:
        fractured: Films with fractures, two a patient.
        whole: Films without.
    """
    images, boxes, sizes = [], [], []
    for seed in range(fractured + whole):
        film = draw_film(seed, fractured=seed < fractured, size=(160, 120) if seed % 2 else 160)
        grey, placement = to_input(film.pixels.astype(np.float32), SPEC)
        # Every cell has dots of its own, as strong as the pattern: only who knows the pattern finds it.
        dots = np.random.default_rng(seed).choice([-1.0, 1.0], size=(SIZE, SIZE))
        picture = 100 + grey[:, :, 0].astype(np.float64) / 16 + 60 * dots
        middles = [(x + w / 2 - 8, y + h / 2 - 8, 16.0, 16.0) for x, y, w, h in film.boxes]
        for box in middles[:1]:
            x, y, width, height = placement.box_to_input(box)
            top, left = (int((start + side / 2) // CELL) * CELL for start, side in ((y, height), (x, width)))
            picture[top : top + CELL, left : left + CELL] = 100 + 60 * PATTERN
        images.append(picture.round().astype(np.uint8))
        boxes.append(middles)
        sizes.append(film.pixels.shape)
    return split_of(images, boxes, [1] * fractured + [0] * whole), np.array(sizes, dtype=np.int32)


def split_of(images: Sequence[Any], boxes: Sequence[Any], labels: Sequence[int]) -> SplitFilms:
    """Films in memory as those of a split; two follow each other as films of one patient."""
    count = len(images)
    return SplitFilms(
        images=np.stack(images),
        rows=np.arange(count),
        labels=np.array(labels),
        groups=[f"patient {place // 2}" for place in range(count)],
        image_ids=[f"film {place:02}" for place in range(count)],
        paths=[f"{place}.png" for place in range(count)],
        boxes=[list(of_film) for of_film in boxes],
        exams=[""] * count,
    )
