"""The gate of a run's bundle, from the films of the run to the answer for a picture that is no film."""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from heard import Heard
from onnx import TensorProto, helper
from PIL import Image
from sklearn.metrics import roc_auc_score

from lucency.bundle import Bundle, Card, read_bundle, write_bundle
from lucency.datasets.non_radiographs import KINDS, draw_non_radiograph
from lucency.datasets.synthetic import draw_film
from lucency.errors import BundleError, RunError
from lucency.gate import Gate
from lucency.imaging.geometry import InputSpec
from lucency.predictor import Predictor
from lucency.workflows.bundle_gate import add_gate, fit_bundle_gate, judge_drawn
from lucency.workflows.run_folder import RunFolder

SIDE = 96
SPLITS = {"train": 140, "val": 60, "test": 60}


def averages_bundle(folder: Path, *, embedding: bool = True) -> Bundle:
    """A bundle that looks at a film through random filters; its logit is the mean grey."""
    random = np.random.default_rng(0)
    filters = random.normal(size=(16, 1, 8, 8)).astype(np.float32) / 255
    nodes = [
        helper.make_node("ReduceMean", ["film"], ["logit"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Transpose", ["film"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "filters"], ["maps"], strides=[4, 4]),
        helper.make_node("Relu", ["maps"], ["bright"]),
        helper.make_node("ReduceMean", ["bright"], ["embedding"], axes=[2, 3], keepdims=0),
    ]
    outputs = [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n"])]
    if embedding:
        outputs.append(helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 16]))
    graph = helper.make_graph(
        nodes if embedding else nodes[:1],
        "averages",
        [helper.make_tensor_value_info("film", TensorProto.FLOAT, ["n", SIDE, SIDE, 1])],
        outputs,
        [helper.make_tensor("filters", TensorProto.FLOAT, filters.shape, filters.ravel())] if embedding else [],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    names = ("logit", "embedding") if embedding else ("logit",)
    return write_bundle(folder, Card("averages", InputSpec(SIDE, SIDE), "", outputs=names))


def run_on(folder: Path, films: Path, *, embedding: bool = True) -> Path:
    """A run folder with a manifest of the films, and a bundle."""
    run = RunFolder.create(folder / "run", {"data": {}, "seed": 0}).path
    rows = []
    for path in sorted(films.glob("*.png")):
        split, number = path.stem.split("-")
        rows.append(
            {
                "image_id": path.name,
                "path": str(path),
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "label": int(number) % 2,
                "group": f"{split}{int(number) // 2}",
                "split": split,
            }
        )
    with (run / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    averages_bundle(run / "bundle", embedding=embedding)
    return run


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gated") / "films"
    folder.mkdir()
    for place, (split, count) in enumerate(SPLITS.items()):
        for number in range(count):
            film = draw_film(1000 * place + number, fractured=number % 2 > 0, size=SIDE)
            Image.fromarray(film.pixels).save(folder / f"{split}-{number:03d}.png")
    return folder


@pytest.fixture(scope="module")
def gated(films: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Bundle, Heard]:
    run, heard = run_on(tmp_path_factory.mktemp("gated"), films), Heard()
    return run, add_gate(run, teller=heard), heard


def test_the_card_says_what_the_gate_was_fitted_on(gated: tuple[Path, Bundle, Heard]) -> None:
    run, bundle, heard = gated
    assert bundle.card.gate is not None
    facts = dict(bundle.card.gate)
    assert facts["training_films"] == SPLITS["train"]
    assert facts["validation_films"] == SPLITS["val"]
    assert facts["validation_groups"] == SPLITS["val"] // 2
    assert set(facts["limits"]) == {"texture", "look", "embedding"}
    assert facts["sha256"] == hashlib.sha256((bundle.folder / "gate.npz").read_bytes()).hexdigest()
    assert (bundle.folder / "gate.npz").stat().st_size < 1_000_000
    assert "fitted on 140 training films; limits from 60 validation films" in heard.lines[-1]
    assert read_bundle(run).identity == bundle.identity
    without = replace(bundle.card, gate=None)
    assert Bundle(bundle.folder, without).identity != bundle.identity


def test_new_films_pass(gated: tuple[Path, Bundle, Heard], films: Path) -> None:
    predictor = Predictor(gated[1])
    answers = [predictor.predict(path) for path in sorted(films.glob("test-*.png"))]
    assert len(answers) == SPLITS["test"]
    assert sum(answer.refused for answer in answers) <= 1
    assert sum(answer.probability is None for answer in answers) == sum(answer.refused for answer in answers)


def test_pictures_get_no_probability(gated: tuple[Path, Bundle, Heard], films: Path) -> None:
    predictor = Predictor(gated[1])
    far = [predictor.predict(path).gate for path in sorted(films.glob("test-*.png"))]
    for kind in ("document", "screenshot", "terminal", "barcode", "white_noise", "pattern", "uniform"):
        file = io.BytesIO()
        Image.fromarray(draw_non_radiograph(kind, 77)).save(file, format="PNG")
        answer = predictor.predict(file.getvalue())
        assert answer.decision == "not_a_radiograph", kind
        assert answer.probability is None
        assert answer.heatmap is None
        assert answer.gate is not None
    drawn = judge_drawn(Predictor(gated[1], gate=False), Gate.read(gated[1].folder / "gate.npz"), teller=Heard())
    assert {kind for kind in drawn if not kind.endswith("_film")} == set(KINDS)
    others = [answer.distance for kind, answers in drawn.items() for answer in answers if not kind.endswith("_film")]
    inside = [answer.distance for answer in far if answer is not None]
    assert roc_auc_score([0] * len(inside) + [1] * len(others), inside + others) > 0.98


def test_photographs_that_nobody_drew(gated: tuple[Path, Bundle, Heard]) -> None:
    data = pytest.importorskip("skimage.data")
    predictor = Predictor(gated[1])
    refused = []
    for name in ("astronaut", "coffee", "page", "brick", "gravel", "text", "clock", "grass"):
        file = io.BytesIO()
        Image.fromarray(getattr(data, name)()).save(file, format="PNG")
        refused.append(predictor.predict(file.getvalue()).refused)
    assert sum(refused) >= 7


def test_a_gate_can_be_left_out(gated: tuple[Path, Bundle, Heard]) -> None:
    file = io.BytesIO()
    Image.fromarray(draw_non_radiograph("document", 5)).save(file, format="PNG")
    answer = Predictor(gated[1], gate=False).predict(file.getvalue())
    assert answer.probability is not None
    assert answer.gate is None


def test_fitting_again_gives_the_same_bytes(gated: tuple[Path, Bundle, Heard], tmp_path: Path) -> None:
    run, bundle, _ = gated
    shutil.copytree(bundle.folder, tmp_path / "again")
    again = Bundle(tmp_path / "again", bundle.card)
    fit_bundle_gate(RunFolder.open(run), again, teller=Heard())
    assert (again.folder / "gate.npz").read_bytes() == (bundle.folder / "gate.npz").read_bytes()


def test_a_model_without_an_embedding_has_a_gate_of_looks(films: Path, tmp_path: Path) -> None:
    bundle = add_gate(run_on(tmp_path, films, embedding=False), teller=Heard())
    assert bundle.card.gate is not None
    assert set(bundle.card.gate["limits"]) == {"texture", "look"}
    answer = Predictor(bundle).predict(films / "test-000.png")
    assert answer.gate is not None
    assert set(answer.gate.distances) == {"texture", "look"}


def test_where_films_are_missing_there_is_no_gate_and_it_is_said(films: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    shutil.copytree(films, few)
    run = run_on(tmp_path, few)
    with_gate = add_gate(run, teller=Heard())
    shutil.rmtree(few)
    # What was prepared is enough.
    assert add_gate(run, teller=Heard()).identity == with_gate.identity
    shutil.rmtree(tmp_path / "prepared")
    shutil.copytree(films, few)
    for path in sorted(few.glob("val-*.png"))[5:]:
        path.unlink()
    heard = Heard()
    with pytest.raises(RunError, match="no gate could be fitted"):
        add_gate(run, teller=heard)
    assert heard.lines == [
        "The bundle has no gate: 140 training and 5 validation films are at hand, and it takes 50 and 20"
    ]
    bundle = read_bundle(run)
    assert bundle.card.gate is None
    assert not (bundle.folder / "gate.npz").exists()
    shutil.rmtree(few)
    shutil.rmtree(tmp_path / "prepared")
    assert fit_bundle_gate(RunFolder.open(run), bundle, teller=heard) is None
    assert "0 training and 0 validation films" in heard.lines[-1]
    (run / "manifest.csv").unlink()
    assert fit_bundle_gate(RunFolder.open(run), bundle, teller=heard) is None


def test_an_altered_gate_is_refused(gated: tuple[Path, Bundle, Heard], tmp_path: Path) -> None:
    shutil.copytree(gated[1].folder, tmp_path / "altered")
    path = tmp_path / "altered" / "gate.npz"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(BundleError, match=r"gate\.npz is missing or altered"):
        read_bundle(tmp_path / "altered")
