from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lucency.bundle import read_bundle, write_bundle
from lucency.datasets.manifest import Manifest
from lucency.errors import BundleError, FilmError
from lucency.imaging.readers import read_radiograph
from lucency.predictor import Predictor
from lucency.workflows.run_folder import read_rows
from lucency.workflows.train import TrainResult


@pytest.fixture(scope="module")
def predictor(trained: TrainResult) -> Predictor:
    return Predictor(trained.run / "bundle")


@pytest.fixture(scope="module")
def films(drawn_films: Path) -> list[Path]:
    return sorted(drawn_films.rglob("*.jpg"))[:5]


def test_path_bytes_file_and_radiograph_give_one_answer(predictor: Predictor, films: list[Path]) -> None:
    content = films[0].read_bytes()
    answers = [
        predictor.predict(s) for s in (films[0], str(films[0]), content, io.BytesIO(content), read_radiograph(content))
    ]
    assert len({(a.logit, a.probability, a.decision, a.sha256) for a in answers}) == 1
    assert answers[0].heatmap is not None
    assert answers[0].heatmap.shape == (13, 13)


def test_the_predictor_says_what_training_saw(trained: TrainResult, predictor: Predictor) -> None:
    # Films decoded from their files against the prepared array that the evaluation used: one pixel path.
    path_of = dict(Manifest.read(trained.run / "manifest.csv").table[["image_id", "path"]].to_numpy())
    rows = read_rows(trained.run / "predictions.csv")
    assert rows
    for row in rows:
        answer = predictor.predict(path_of[row["image_id"]])
        assert answer.logit == pytest.approx(float(row["logit"]), abs=1e-5)
        assert answer.probability == pytest.approx(float(row["probability"]), abs=1e-6)
        assert answer.decision == row["decision"]


def test_a_bad_film_among_many_stops_nothing(predictor: Predictor, films: list[Path], tmp_path: Path) -> None:
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(films[1].read_bytes()[:600])
    answers = list(predictor.predict_many([films[0], cut, films[2]]))
    assert isinstance(answers[1], FilmError)
    assert answers[1].code == "truncated"
    for place in (0, 2):
        answer = answers[place]
        assert isinstance(answer, tuple)
        assert answer[0].logit == pytest.approx(predictor.predict(films[place]).logit, abs=1e-5)


def test_a_thousand_films_are_not_read_ahead(predictor: Predictor, films: list[Path]) -> None:
    asked = 0

    def sources() -> object:
        nonlocal asked
        for _ in range(1000):
            asked += 1
            yield films[0]

    next(iter(predictor.predict_many(sources(), workers=2)))  # type: ignore[arg-type]
    assert asked < 20


def test_the_decision_follows_the_operating_point(trained: TrainResult, films: list[Path]) -> None:
    for point in read_bundle(trained.run).card.operating_points:
        asked = Predictor(trained.run, operating_point=point.name)
        for film in films:
            answer = asked.predict(film)
            assert answer.decision == ("fractured" if answer.probability >= point.threshold else "not_fractured")


def test_size_and_colour_of_a_film_do_not_matter_to_the_interface(predictor: Predictor) -> None:
    for size, mode in (((9, 400), "L"), ((700, 60), "RGB"), ((64, 64), "RGBA")):
        file = io.BytesIO()
        Image.new(mode, size).save(file, "PNG")
        assert np.isfinite(predictor.predict(file.getvalue()).probability)


def test_a_model_that_is_no_onnx_file_is_one_clear_line(trained: TrainResult, tmp_path: Path) -> None:
    shutil.copytree(trained.run / "bundle", tmp_path / "b")
    card = read_bundle(tmp_path / "b").card
    (tmp_path / "b" / "model.onnx").write_bytes(b"not onnx")
    write_bundle(tmp_path / "b", card)
    with pytest.raises(BundleError, match="cannot be loaded") as caught:
        Predictor(tmp_path / "b")
    assert "\n" not in str(caught.value)


def test_the_card_of_a_run_tells_where_it_came_from(trained: TrainResult) -> None:
    card = json.loads((trained.run / "bundle" / "card.json").read_text())
    assert card["training_data"]["splits"]["train"]["films"] > 60
    assert card["provenance"]["parity"]["logit"] <= 1e-4
    assert card["metrics"]["figures"]["accuracy"]["low"] <= card["metrics"]["figures"]["accuracy"]["value"]
    # Its 18 test films hold seven groups without a fracture.
    assert "an interval needs 10" in card["metrics"]["figures"]["auroc"]["reason"]
    assert str(trained.run) not in json.dumps(card)


def test_what_turns_a_logit_into_an_answer_comes_from_the_validation_films(trained: TrainResult) -> None:
    card = read_bundle(trained.run).card
    rows = read_rows(trained.run / "validation.csv")
    assert card.abstention is not None
    for label, kept in (("1", card.abstention.fractured), ("0", card.abstention.not_fractured)):
        assert list(kept) == sorted(float(row["logit"]) for row in rows if row["label"] == label)
    assert [point.name for point in card.operating_points] == ["youden", "screening", "confirm"]
    assert card.operating_points[1].sensitivity >= 0.9
    assert card.operating_points[2].specificity >= 0.95
    assert card.scores["films"] == len(rows) == sum(card.scores["fractured"]) + sum(card.scores["not_fractured"])
    fitted = card.provenance["validation"]
    # Nine films of a class are too few to compare the three.
    assert (fitted["calibration"]["chosen"], fitted["calibration"]["folds"]) == ("temperature", 0)
    assert set(fitted["operating_points"]) == {"youden", "screening", "confirm"}


def test_an_error_rate_makes_it_abstain(trained: TrainResult, films: list[Path]) -> None:
    asked = Predictor(trained.run, error_rate=0.2)
    for film in films:
        answer = asked.predict(film)
        assert answer.possible == asked.bundle.card.abstention.answer(answer.logit, 0.2)  # type: ignore[union-attr]
        assert answer.decision == (answer.possible[0] if len(answer.possible) == 1 else "uncertain")
    with pytest.raises(ValueError, match="above 0 and below 1"):
        Predictor(trained.run, error_rate=0.0)


def test_many_films_at_once_are_scored_in_parts_that_fit_memory(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = predictor.bundle.card.input.height
    drawn = np.random.default_rng(0).integers(0, 256, (7, side, side, 1), dtype=np.uint8)
    whole = predictor.score(drawn)
    runs: list[int] = []
    session = predictor._session

    class Watched:
        def run(self, outputs: list[str], fed: dict[str, np.ndarray]) -> list[np.ndarray]:
            runs.append(len(next(iter(fed.values()))))
            return session.run(outputs, fed)

    monkeypatch.setattr(predictor, "_session", Watched())
    monkeypatch.setattr("lucency.predictor._PIXELS_AT_ONCE", 3 * side * side)
    parts = predictor.score(drawn)
    assert runs == [3, 3, 1]
    for name, values in whole.items():
        np.testing.assert_allclose(parts[name], values, rtol=1e-5, atol=1e-5)
    assert len(predictor.score(drawn[:0])["logit"]) == 0


def test_asking_it_leaves_nothing_on_the_machine(predictor: Predictor, films: list[Path], tmp_path: Path) -> None:
    """ONNX Runtime's own telemetry writes into both folders where it is not switched off."""
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    code = "import sys; from lucency import Predictor; print(Predictor(sys.argv[1]).predict(sys.argv[2]).logit)"
    subprocess.run(
        [sys.executable, "-c", code, str(predictor.bundle.folder), str(films[0])],
        env={**kept, "HOME": str(home), "TMPDIR": str(temporary)},
        check=True,
        capture_output=True,
    )
    assert sorted(home.rglob("*")) == sorted(temporary.rglob("*")) == []
