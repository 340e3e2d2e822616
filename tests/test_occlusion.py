from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from lucency.bundle import Card, write_bundle
from lucency.imaging.geometry import InputSpec
from lucency.occlusion import occlusion_map
from lucency.predictor import Predictor

HEIGHT, WIDTH = 32, 48
WEIGHTS = np.random.default_rng(0).normal(size=(HEIGHT * WIDTH, 1)).astype(np.float32) / 100


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """A model that is a weighted sum of pixels: what a patch takes away can be worked out."""
    folder = tmp_path_factory.mktemp("sum") / "bundle"
    folder.mkdir()
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["film"], ["pixels"]),
            helper.make_node("MatMul", ["pixels", "weights"], ["sum"]),
            helper.make_node("Reshape", ["sum", "shape"], ["logit"]),
        ],
        "sum",
        [helper.make_tensor_value_info("film", TensorProto.FLOAT, ["N", HEIGHT, WIDTH, 1])],
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["N"])],
        [numpy_helper.from_array(WEIGHTS, "weights"), numpy_helper.from_array(np.array([-1], np.int64), "shape")],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "model.onnx")
    return Predictor(write_bundle(folder, Card("sum", InputSpec(HEIGHT, WIDTH), "")), threads=1)


def film(seed: int) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 1), dtype=np.uint8)


def test_each_place_is_what_its_patch_took_away(predictor: Predictor) -> None:
    grey = film(1)
    found = occlusion_map(predictor, grey, patch=8, stride=8)
    assert (found.dtype, found.shape) == (np.float32, (4, 6))
    weights = WEIGHTS.reshape(HEIGHT, WIDTH)
    pixels = grey[:, :, 0].astype(float)
    for row in range(4):
        for column in range(6):
            inside = np.zeros((HEIGHT, WIDTH), dtype=bool)
            inside[8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = True
            around = np.zeros((HEIGHT, WIDTH), dtype=bool)
            around[max(0, 8 * row - 4) : 8 * row + 12, max(0, 8 * column - 4) : 8 * column + 12] = True
            cover = np.round(pixels[around & ~inside].mean())
            expected = (weights * (pixels - cover))[inside].sum()
            assert found[row, column] == pytest.approx(expected, abs=2e-3)


def test_a_uniform_film_loses_nothing(predictor: Predictor) -> None:
    plain = np.full((HEIGHT, WIDTH, 1), 90, np.uint8)
    assert occlusion_map(predictor, plain, patch=11, stride=5) == pytest.approx(0)


def test_the_map_covers_the_input_whatever_the_stride(predictor: Predictor) -> None:
    assert occlusion_map(predictor, film(2), patch=10, stride=HEIGHT / 3).shape == (3, 4)
    assert occlusion_map(predictor, film(2), patch=10, stride=(16.0, 6.0)).shape == (2, 8)
    assert occlusion_map(predictor, film(2), patch=1, stride=500).shape == (1, 1)


def test_a_patch_over_everything_leaves_a_grey_film(predictor: Predictor) -> None:
    grey = film(3)
    found = occlusion_map(predictor, grey, patch=500, stride=500)
    cover = round(float(grey.mean()))
    expected = float(((grey.astype(float).ravel() - cover) * WEIGHTS[:, 0]).sum())
    assert found[0, 0] == pytest.approx(expected, abs=2e-3)


def test_the_film_itself_stays_as_it_is(predictor: Predictor) -> None:
    grey = film(4)
    before = grey.copy()
    occlusion_map(predictor, grey, patch=8, stride=8)
    assert (grey == before).all()


@pytest.mark.parametrize(("patch", "stride"), [(0, 8), (8, 0), (8, -1.0), (float("nan"), 8), (8, (8.0, 0.0))])
def test_values_out_of_range(predictor: Predictor, patch: float, stride: Any) -> None:
    with pytest.raises(ValueError, match="patch must be at least 1"):
        occlusion_map(predictor, film(5), patch=patch, stride=stride)


def test_a_batch_is_no_film(predictor: Predictor) -> None:
    with pytest.raises(ValueError, match="shape"):
        occlusion_map(predictor, film(5)[None], patch=8, stride=8)
