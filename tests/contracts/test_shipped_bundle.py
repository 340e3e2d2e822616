"""The model that ships: what must be true of its files, its card and its answers, whichever model it is."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from benchmarks.out_of_fold import measured, read_table
from PIL import Image

from lucency import DEFAULT_MODEL, Predictor, read_bundle, shipped_models
from lucency.bundle import Bundle
from lucency.datasets.non_radiographs import draw_non_radiograph
from lucency.datasets.synthetic import draw_film
from lucency.errors import BundleError
from lucency.imaging.geometry import to_input
from lucency.imaging.readers import read_radiograph
from lucency.shipped import MODELS, shipped_folder
from lucency.workflows.about import read_about

from .test_light_imports import TELL

LARGEST = 25_000_000
FILES = {"model.onnx", "card.json", "gate.npz", "fingerprints.npz"}
NONE_IS_A_FILM = ("scene", "document", "screenshot", "chart", "barcode", "white_noise")


@pytest.fixture(scope="module", params=MODELS)
def bundle(request: pytest.FixtureRequest) -> Bundle:
    return read_bundle(str(request.param))


@pytest.fixture(scope="module")
def predictor(bundle: Bundle) -> Predictor:
    return Predictor(bundle)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Drawn films of three shapes, as files."""
    folder = tmp_path_factory.mktemp("films")
    for seed, size in enumerate(((448, 384), (300, 420), (512, 512))):
        drawn = draw_film(seed, fractured=bool(seed % 2), size=size).pixels
        Image.fromarray(drawn).save(folder / f"{seed}.png")
    return sorted(folder.iterdir())


def test_the_folder_holds_the_models_that_are_named_and_no_other(repository: Path) -> None:
    folder = repository / "src" / "lucency" / "models"
    assert {path.name for path in folder.iterdir()} == set(MODELS) == set(shipped_models())
    assert DEFAULT_MODEL in MODELS


class TestFiles:
    def test_they_are_all_there_and_small(self, bundle: Bundle) -> None:
        assert {path.name for path in bundle.folder.iterdir()} == FILES
        assert sum(path.stat().st_size for path in bundle.folder.iterdir()) < LARGEST

    def test_a_changed_byte_is_noticed(self, bundle: Bundle, tmp_path: Path) -> None:
        for name in FILES - {"card.json"}:
            copy = Path(shutil.copytree(bundle.folder, tmp_path / name))
            content = bytearray((copy / name).read_bytes())
            content[len(content) // 2] ^= 1
            (copy / name).write_bytes(content)
            with pytest.raises(BundleError):
                read_bundle(copy)


class TestCard:
    def test_it_has_the_name_of_its_folder(self, bundle: Bundle) -> None:
        assert bundle.card.name == bundle.folder.name

    def test_it_names_the_licences_and_whose_films_they_were(self, bundle: Bundle) -> None:
        for words in ("Apache-2.0", "CC BY 4.0"):
            assert words in bundle.card.licence
        assert "FracAtlas" in f"{bundle.card.licence} {bundle.card.training_data}"

    def test_it_says_what_it_is_not_for(self, bundle: Bundle) -> None:
        assert "Not a medical device" in bundle.card.intended_use

    def test_the_command_tells_its_limits(self, bundle: Bundle, run: Callable[..., tuple[int, str, str]]) -> None:
        code, said, _ = run("models", bundle.card.name)
        assert code == 0
        assert bundle.card.limits
        for limit in bundle.card.limits:
            assert limit in " ".join(said.split())

    def test_it_holds_no_path(self, bundle: Bundle) -> None:
        source = bundle.card.training_data["source"]
        assert source
        assert not {"/", "\\"} & set(source)

    def test_its_auroc_has_an_interval(self, bundle: Bundle) -> None:
        figure = bundle.card.metrics["figures"]["auroc"]
        assert 0.5 < figure["low"] < figure["value"] < figure["high"] < 1

    def test_its_figures_are_those_of_the_table_in_the_repository(self, bundle: Bundle, repository: Path) -> None:
        report = measured(read_table(repository / "results" / bundle.card.name / "out_of_fold.csv"))
        stated = bundle.card.metrics
        assert (stated["films"], stated["fractured"]) == (report.films, report.fractured)
        for name in ("auroc", "average_precision", "sensitivity", "specificity", "ece"):
            for part in ("value", "low", "high"):
                assert report.metrics[name][part] == pytest.approx(stated["figures"][name][part], abs=0.003), name

    def test_it_says_what_its_author_states(self, bundle: Bundle, repository: Path) -> None:
        about = read_about(repository / "results" / bundle.card.name / "about.toml")
        assert about.added_to(bundle.card) == bundle.card

    def test_the_table_tells_copies_from_others(self, bundle: Bundle, repository: Path) -> None:
        rows = read_table(repository / "results" / bundle.card.name / "out_of_fold.csv")
        assert {row["copy"] for row in rows} == {"0", "1"}

    def test_it_has_operating_points_that_differ(self, bundle: Bundle) -> None:
        points = bundle.card.operating_points
        assert len({point.name for point in points}) == len({point.threshold for point in points}) == len(points) >= 2
        for point in points:
            assert point.sensitivity is not None
            assert point.specificity is not None

    def test_it_has_a_gate_films_to_abstain_by_and_scores_to_compare_with(self, bundle: Bundle) -> None:
        assert bundle.gate_path is not None
        assert bundle.card.abstention is not None
        assert bundle.card.scores["films"] == sum(
            sum(bundle.card.scores[name]) for name in ("fractured", "not_fractured")
        )

    def test_it_knows_the_films_that_trained_it(self, bundle: Bundle) -> None:
        known = {split: len(bundle.films_used(split)) for split in ("train", "val")}
        stated = bundle.card.training_data["splits"]
        for split, films in known.items():
            # Two films of equal bytes are known as one.
            assert 0.9 * stated[split]["films"] <= films <= stated[split]["films"]


class TestAnswers:
    def test_a_logit_and_a_heat_map_of_the_shape_of_the_input(self, predictor: Predictor, films: list[Path]) -> None:
        shape = predictor.bundle.card.input
        assert predictor.bundle.card.outputs == ("logit", "heatmap", "embedding")
        sides = set()
        for path in films:
            array, _ = to_input(read_radiograph(path).pixels, shape)
            answer = predictor.score(array[None])
            assert np.isfinite(answer["logit"]).all()
            assert answer["logit"].shape == (1,)
            (heatmap,) = answer["heatmap"]
            assert np.isfinite(heatmap).all()
            assert np.ptp(heatmap) > 0
            sides.add(heatmap.shape)
            # Cells as wide as they are high, all over the input.
            assert shape.height / heatmap.shape[0] == shape.width / heatmap.shape[1]
        assert len(sides) == 1
        assert min(sides.pop()) >= 7

    def test_without_the_gate_each_drawn_film_has_its_probability_and_map(
        self, bundle: Bundle, films: list[Path]
    ) -> None:
        predictor = Predictor(bundle, gate=False)
        for path in films:
            answer = predictor.predict(path)
            assert math.isfinite(answer.logit)
            assert answer.probability is not None
            assert 0 < answer.probability < 1
            assert answer.heatmap is not None
            assert answer.decision in ("fractured", "not_fractured", "uncertain")
            assert answer.bundle.startswith(f"{bundle.card.name}@")

    def test_the_same_film_has_the_same_answer(self, bundle: Bundle, films: list[Path]) -> None:
        first, second = (Predictor(bundle, gate=False).predict(films[0]) for _ in range(2))
        assert (first.logit, first.probability) == (second.logit, second.probability)
        assert first.heatmap is not None
        np.testing.assert_array_equal(first.heatmap, second.heatmap)

    @pytest.mark.parametrize("kind", NONE_IS_A_FILM)
    def test_what_is_no_radiograph_is_refused(self, predictor: Predictor, tmp_path: Path, kind: str) -> None:
        Image.fromarray(draw_non_radiograph(kind, seed=3)).save(tmp_path / "picture.png")
        answer = predictor.predict(tmp_path / "picture.png")
        assert answer.refused
        assert answer.probability is None
        assert answer.heatmap is None


def test_an_answer_takes_little_longer_than_its_network(bundle: Bundle, films: list[Path]) -> None:
    """Side by side, the fastest of several turns: decoding, resizing and the gate beside the graph alone."""
    predictor = Predictor(bundle)
    array, _ = to_input(read_radiograph(films[0]).pixels, bundle.card.input)
    whole, network = [], []
    for _ in range(7):
        begun = time.perf_counter()
        predictor.predict(films[0])
        between = time.perf_counter()
        predictor.score(array[None])
        whole.append(between - begun)
        network.append(time.perf_counter() - between)
    assert min(whole) < 2.5 * min(network)


def test_asking_it_brings_nothing_heavy(fresh: Callable[..., str], films: list[Path]) -> None:
    code = "import sys; from lucency import Predictor; print(Predictor(gate=False).predict(sys.argv[1]).probability)"
    probability, *heavy = fresh(f"{code}; {TELL}", str(films[0])).split()
    assert 0 < float(probability) < 1
    assert heavy == []


def test_the_name_is_resolved_without_an_array_library(fresh: Callable[..., str]) -> None:
    code = "import sys; from lucency import shipped_models; print(*shipped_models(), 'numpy' in sys.modules)"
    *names, numpy = fresh(code).split()
    assert names == list(MODELS)
    assert numpy == "False"
    assert shipped_folder(DEFAULT_MODEL).is_dir()
