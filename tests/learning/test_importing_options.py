"""What the user says of input and output is read strictly, and nothing is guessed."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from lucency.errors import BundleError
from lucency.learning.backend import choose_backend
from lucency.learning.foreign_model import InputShape, agree, read_input_shape
from lucency.learning.input_convention import CONVENTIONS, read_convention
from lucency.learning.output_mapping import OutputMapping, choose_mapping, parse_class_names, read_class_names


def film(grey: float) -> np.ndarray:  # type: ignore[type-arg]
    return np.full((1, 1, 1, 1), grey, np.float32)


@pytest.mark.parametrize(
    ("given", "grey", "expected"),
    [
        ({"scale": "1/255"}, 51, [0.2] * 3),
        ({"scale": "0.5"}, 51, [25.5] * 3),
        ({"scale": "1/127.5,-1"}, 255, [1.0] * 3),
        ({"scale": "1/255", "mean": "0.5", "deviation": "0.5"}, 0, [-1.0] * 3),
        # (0.2 - 0.485) / 0.229, (0.2 - 0.456) / 0.224, (0.2 - 0.406) / 0.225, by hand.
        ({"scale": "1/255", "mean": "0.485,0.456,0.406", "deviation": "0.229,0.224,0.225"}, 51,
         [-1.244541, -1.142857, -0.915556]),
        ({"convention": "caffe"}, 100, [-3.939, -16.779, -23.68]),
        ({"convention": "torch"}, 51, [-1.244541, -1.142857, -0.915556]),
    ],
)  # fmt: skip
def test_films_are_scaled_as_said(given: dict[str, str], grey: float, expected: list[float]) -> None:
    convention = read_convention(**given, channels=3)
    assert convention is not None
    assert convention.apply(film(grey), 3)[0, 0, 0] == pytest.approx(expected, abs=1e-5)


def test_names_mean_what_they_mean_in_training() -> None:
    choose_backend()
    from lucency.learning import backbones

    assert backbones.CONVENTIONS is CONVENTIONS
    assert len(CONVENTIONS) == 5


@pytest.mark.parametrize(("name", "expected"), [("unchanged", 51), ("zero_to_one", 0.2), ("minus_one_to_one", -0.6)])
def test_a_convention_of_one_number_fits_one_channel(name: str, expected: float) -> None:
    convention = read_convention(convention=name, channels=1)
    assert convention is not None
    assert convention.apply(film(51), 1)[0, 0, 0] == pytest.approx([expected])


@pytest.mark.parametrize(
    "given",
    [
        {"scale": "1/0"},
        {"scale": "half"},
        {"scale": "0"},
        {"scale": "1,2,3"},
        {"scale": "nan"},
        {"convention": "cafe"},
        {"convention": "torch", "scale": "1/255"},
        {"mean": "1,2"},
        {"deviation": "0"},
    ],
)
def test_a_scale_that_cannot_be_read_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(BundleError):
        read_convention(**given, channels=3)


def test_a_convention_of_three_channels_does_not_fit_one() -> None:
    with pytest.raises(BundleError, match="1 input channels"):
        read_convention(convention="caffe", channels=1)


def test_input_shapes() -> None:
    assert read_input_shape("224x200x3") == InputShape(224, 200, 3)
    assert read_input_shape("96") == InputShape(96, 96, None)
    assert agree(InputShape(), InputShape(32, 48, 1), "m") == InputShape(32, 48, 1)
    assert agree(InputShape(64, 64, 3), InputShape(None, None, 3), "m") == InputShape(64, 64, 3)
    with pytest.raises(BundleError, match="HEIGHTxWIDTH"):
        read_input_shape("big")


@pytest.mark.parametrize(
    ("wanted", "own", "words"),
    [
        (InputShape(299, 299, 3), InputShape(224, 224, 3), "takes 224x224x3"),
        (InputShape(), InputShape(None, None, 3), "does not fix the size"),
        (InputShape(), InputShape(64, 64, 4), "4 channels"),
        (InputShape(2, 2, 3), InputShape(None, None, 3), "not possible"),
    ],
)
def test_impossible_inputs_are_refused(wanted: InputShape, own: InputShape, words: str) -> None:
    with pytest.raises(BundleError, match=words):
        agree(wanted, own, "model.h5")


@pytest.mark.parametrize(
    ("units", "positive", "names", "expected"),
    [
        (1, "fractured=0", (), (0,)),
        (1, "1", (), (1,)),
        (3, "fractured=0,2", (), (0, 2)),
        (3, "Broken", ("whole", "broken", "other"), (1,)),
        (3, "fractured=broken,other", ("whole", "broken", "other"), (1, 2)),
        (2, None, ("Fractured", "Not fractured"), (0,)),
        (1, None, ("normal", "positive"), (1,)),
    ],
)
def test_classes_that_mean_fractured(
    units: int, positive: str | None, names: tuple[str, ...], expected: tuple[int, ...]
) -> None:
    activation = "sigmoid" if units == 1 else "softmax"
    mapping = choose_mapping(units=units, activation=activation, positive=positive, names=names, output=None)  # type: ignore[arg-type]
    assert mapping.positive == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"positive": None}, "alphabet"),
        ({"positive": None, "names": ("hairline", "whole")}, "hairline, whole"),
        ({"positive": None, "names": ("0", "1")}, "0, 1"),
        ({"positive": None, "names": ("0.0", "1.0")}, "0.0, 1.0"),
        ({"positive": "fractured=2"}, "no class '2'"),
        ({"positive": "healthy=1"}, "expected fractured="),
        ({"positive": "0,1"}, "every class"),
        ({"positive": "1", "names": ("a", "b", "c")}, "3 class names"),
        ({"positive": "1", "activation": "softmax"}, "1 for every film"),
        ({"positive": "1", "activation": "unknown"}, "--output"),
        ({"positive": "1", "output": "logit"}, "no logit"),
        ({"positive": "1", "output": "percent"}, "unknown"),
    ],
)
def test_a_mapping_is_never_guessed(given: dict[str, str], words: str) -> None:
    with pytest.raises(BundleError) as raised:
        choose_mapping(**{"units": 1, "activation": "sigmoid", "names": (), "output": None, **given})  # type: ignore[arg-type]
    assert words in str(raised.value)


def test_logits_by_hand() -> None:
    def logit(answer: list[float], *mapping: object) -> float:
        return float(OutputMapping(*mapping).logit(np.array([answer]))[0])  # type: ignore[arg-type]

    assert logit([0.8], 1, "sigmoid", "logit", (1,)) == pytest.approx(math.log(4))
    assert logit([0.8], 1, "sigmoid", "logit", (0,)) == pytest.approx(-math.log(4))
    assert logit([0.2, 0.3, 0.5], 3, "softmax", "logit", (0, 2)) == pytest.approx(math.log(0.7 / 0.3))
    assert logit([1.0, 4.0], 2, "linear", "logit", (0,)) == pytest.approx(-3)
    assert logit([0.9, 0.2], 2, "sigmoid", "logit", (1,)) == pytest.approx(math.log(0.25))
    assert logit([1.0], 1, "unknown", "probability", (1,)) == pytest.approx(16.118, abs=1e-3)


def test_class_names(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("0 Fractured\n1 Not fractured\n", "utf-8")
    assert read_class_names(str(path)) == ("Fractured", "Not fractured")
    assert read_class_names("a, b") == ("a", "b")
    for lines in (["a"], ["a", "A"], ["0 a", "2 b"]):
        with pytest.raises(BundleError):
            parse_class_names(lines, where="labels")
    with pytest.raises(BundleError, match="does not exist"):
        read_class_names(str(tmp_path / "none.txt"))
