"""`import`: a stranger's model becomes a bundle that predicts and is evaluated, and every doubt is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from typer.testing import CliRunner

from lucency.bundle import read_bundle
from lucency.calibration import Calibration
from lucency.cli.main import app
from lucency.errors import BundleError, DatasetError, RunError
from lucency.predictor import Predictor
from lucency.workflows import import_check
from lucency.workflows.evaluate import evaluate
from lucency.workflows.import_model import import_model
from lucency.workflows.teller import Teller

SIDE = 16


class Heard(Teller):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def __str__(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 films: fractured ones are bright (about 150 of 255), the others dark (about 100)."""
    root = tmp_path_factory.mktemp("bright") / "films"
    random = np.random.default_rng(0)
    for index in range(60):
        bright = index % 2
        folder = root / ("fractured" if bright else "not_fractured")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = random.normal(150 if bright else 100, 20, (40, 50)) + random.normal(0, 15)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{index:02d}.png")
    return root


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """sigmoid(-12 (mean - 0.49)) of pictures 0..1 with channels first: P(dark), so class 0 is fractured."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["picture"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w", "b"], ["z"]),
        helper.make_node("Sigmoid", ["z"], ["p"]),
    ]
    arrays = {"w": np.full((3, 1), -4, np.float32), "b": np.full(1, 12 * 0.49, np.float32)}
    graph = helper.make_graph(
        nodes,
        "bright",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    path = tmp_path_factory.mktemp("stranger") / "bright.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_the_bundle_predicts_as_the_definition_says(model: Path, films: Path, tmp_path: Path) -> None:
    heard = Heard()
    bundle = import_model(model, positive="fractured=0", scale="1/255", out=tmp_path / "b", teller=heard).bundle
    film = films / "fractured" / "01.png"
    with Image.open(film) as picture:
        grey = float(np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR), dtype=np.float64).mean())
    answer = Predictor(bundle).predict(film)
    assert answer.logit == pytest.approx(12 * (grey / 255 - 0.49), abs=0.02)
    assert answer.decision == "fractured"
    assert answer.heatmap is not None
    assert answer.heatmap.mean() + 12 * -0.49 == pytest.approx(answer.logit, abs=0.02)
    for words in ("16x16x3", "--scale 1/255", "P(not fractured)", "Heat map: the gradient", "Not calibrated", "agree"):
        assert words in str(heard)


def test_the_card_says_what_is_not_known(model: Path, tmp_path: Path) -> None:
    import_model(model, positive="0", out=tmp_path / "b", name="theirs")
    card = read_bundle(tmp_path / "b").card
    facts = card.provenance["imported"]
    assert (card.name, card.input.fit) == ("theirs", "squash")
    assert card.outputs == ("logit", "heatmap", "embedding")
    assert facts["file"] == "bright.onnx"
    assert len(facts["sha256"]) == 64
    assert facts["calibrated"] is False
    assert facts["input"]["convention"]["name"] == "zero_to_one"
    assert "not given" in facts["input"]["reason"]
    assert any("trained on" in line for line in facts["not_known"])
    assert "not known" in card.training_data["source"]
    assert "not stated" in card.licence
    assert card.calibration.temperature == 1
    assert str(tmp_path) not in (tmp_path / "b" / "card.json").read_text("utf-8")
    assert read_bundle(import_model(model, positive="0", licence="MIT", out=tmp_path / "c").bundle.folder).card.licence


def test_evaluate_works_on_it(model: Path, films: Path, tmp_path: Path) -> None:
    import_model(model, positive="0", out=tmp_path / "b")
    report = evaluate(tmp_path / "b", films, out=tmp_path / "evaluation", resamples=100)
    assert report.metrics["auroc"]["value"] > 0.9


class TestCheck:
    def test_a_right_import_is_left_in_peace(self, model: Path, films: Path, tmp_path: Path) -> None:
        heard = Heard()
        check = import_model(model, positive="0", check=films, out=tmp_path / "b", teller=heard).check
        assert check is not None
        assert check.warnings == ()
        assert (check.films, check.fractured) == (60, 30)
        assert check.rows[0].auroc > 0.9
        assert "--fit-threshold" in str(heard)

    def test_classes_turned_round_are_noticed(self, model: Path, films: Path, tmp_path: Path) -> None:
        check = import_model(model, positive="1", check=films, out=tmp_path / "b").check
        assert check is not None
        assert check.rows[0].auroc < 0.1
        (warning,) = check.warnings
        assert "--positive fractured=0" in warning

    def test_a_wrong_scale_is_noticed(self, model: Path, films: Path, tmp_path: Path) -> None:
        check = import_model(model, positive="0", convention="unchanged", check=films, out=tmp_path / "b").check
        assert check is not None
        assert check.rows[0].saturated == 1
        assert check.rows[0].auroc > 0.9  # the order lives in the logits, though every probability is 0 or 1
        assert "scale looks wrong" in check.warnings[0]
        assert {row.convention for row in check.rows} >= {"unchanged", "zero_to_one", "torch", "caffe"}

    def test_a_model_that_says_one_thing_is_noticed(self, model: Path, films: Path, tmp_path: Path) -> None:
        proto = onnx.load(model)
        proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.zeros((3, 1), np.float32), "w"))
        onnx.save(proto, tmp_path / "constant.onnx")
        check = import_model(tmp_path / "constant.onnx", positive="0", check=films, out=tmp_path / "b").check
        assert check is not None
        assert "same answer" in check.warnings[0]

    def test_threshold_and_temperature_are_fitted_when_asked(self, model: Path, films: Path, tmp_path: Path) -> None:
        result = import_model(model, positive="0", check=films, fit_threshold=True, out=tmp_path / "b")
        card = result.bundle.card
        assert card.default_operating_point == "youden"
        assert card.calibration != Calibration()
        assert [point.name for point in card.operating_points] == ["youden", "screening", "confirm", "half"]
        assert card.abstention is not None
        assert len(card.abstention.fractured) + len(card.abstention.not_fractured) == 60
        assert card.provenance["validation"]["calibration"]["films"] == 60
        assert card.scores["split"] == "check"
        assert result.facts["calibrated"] is True
        assert len(result.bundle.films_used("val")) == 60
        report = evaluate(tmp_path / "b", films, out=tmp_path / "evaluation", allow_seen=True, resamples=100)
        assert "60 of these 60 films" in str(report.optimistic_reason)

    def test_they_are_fitted_at_the_prevalence_of_the_folder(
        self, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(import_check, "MOST_FILMS", 40)
        random = np.random.default_rng(1)
        for index in range(80):
            bright = index % 4 == 0
            folder = tmp_path / "films" / ("fractured" if bright else "not_fractured")
            folder.mkdir(parents=True, exist_ok=True)
            pixels = random.normal(150 if bright else 100, 20, (20, 20)) + random.normal(0, 25)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{index:02d}.png")
        result = import_model(
            model, positive="0", check=tmp_path / "films", fit_threshold=True, out=tmp_path / "b"
        )  # fmt: skip
        assert len(result.bundle.films_used("val")) == 80
        assert result.check is not None
        assert (result.check.films, result.check.fractured) == (40, 20)

        monkeypatch.setattr(import_check, "MOST_FITTED", 60)
        mask = import_check._choose(np.arange(80) % 4 == 0, fitting=True).to_numpy()
        assert (mask.sum(), mask[::4].sum()) == (60, 15)

    def test_too_few_films_fit_nothing(self, model: Path, films: Path, tmp_path: Path) -> None:
        few = tmp_path / "few"
        for path in sorted(films.rglob("*.png"))[::10]:
            (few / path.parent.name).mkdir(parents=True, exist_ok=True)
            (few / path.parent.name / path.name).write_bytes(path.read_bytes())
        with pytest.raises(DatasetError, match="at least 20 films of each class"):
            import_model(model, positive="0", check=few, fit_threshold=True, out=tmp_path / "b")
        assert not (tmp_path / "b").exists()


def test_labels_beside_the_model_are_read(model: Path, tmp_path: Path) -> None:
    (tmp_path / "bright.onnx").write_bytes(model.read_bytes())
    (tmp_path / "labels.txt").write_text("0 Fractured\n1 Normal\n", "utf-8")
    facts = import_model(tmp_path / "bright.onnx", out=tmp_path / "b").facts
    assert facts["output"]["fractured"] == [0]
    assert facts["output"]["class_names"] == ["Fractured", "Normal"]
    heard = Heard()
    import_model(tmp_path / "bright.onnx", positive="1", out=tmp_path / "c", teller=heard)
    assert "says the contrary" in str(heard)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({}, BundleError, "alphabet"),
        ({"positive": "0", "input_shape": "299x299x3"}, BundleError, "takes 16x16x3"),
        ({"positive": "0", "fit": "crop"}, BundleError, "--fit crop"),
        ({"positive": "0", "interpolation": "cubic"}, BundleError, "--interpolation cubic"),
        ({"positive": "0", "fit_threshold": True}, DatasetError, "--check"),
        ({"positive": "0", "classes": "a,b,c"}, BundleError, "3 class names"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_left(
    options: dict[str, Any], error: type[Exception], words: str, model: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        import_model(model, out=tmp_path / "b", **options)
    assert not (tmp_path / "b").exists()


def test_nothing_is_overwritten(model: Path, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine.txt").write_text("x")
    with pytest.raises(RunError, match="not empty"):
        import_model(model, positive="0", out=tmp_path / "b")
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["mine.txt"]


class TestCommand:
    def test_it_prints_the_folder_and_the_table(self, model: Path, films: Path, tmp_path: Path) -> None:
        words = ["import", model, "--positive", "fractured=1", "--check", films, "--out", tmp_path / "b"]
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == 0, done.output
        assert done.stdout.splitlines()[-1] == str(tmp_path / "b")
        assert "60 films, 30 fractured" in done.stdout
        assert "zero_to_one (as imported)" in done.stdout
        assert "Warning: AUROC is 0." in done.stderr

    def test_json(self, model: Path, tmp_path: Path) -> None:
        done = CliRunner().invoke(
            app, ["import", str(model), "--positive", "0", "--json", "--out", str(tmp_path / "b")]
        )
        content = json.loads(done.stdout)
        assert list(content) == ["bundle", "folder", "imported"]
        assert content["imported"]["output"]["units"] == 1


def test_a_model_that_answers_with_nan_is_named(tmp_path: Path) -> None:
    from lucency.learning.backend import choose_backend

    choose_backend()
    import keras

    model = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")])
    model.set_weights([np.full(w.shape, np.nan, w.dtype) for w in model.get_weights()])
    model.save(tmp_path / "nan.keras")
    with pytest.raises(BundleError, match="answers with NaN"):
        import_model(tmp_path / "nan.keras", positive="fractured=0", scale="1/255", out=tmp_path / "bundle")
