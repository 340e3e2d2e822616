"""Films of which a bundle is uncertain, and films that its gate refuses."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from brightness import MIDDLE, SIDE, STEP, brightness_bundle
from PIL import Image

from lucency.abstention import Abstention
from lucency.bundle import Bundle
from lucency.decision import OperatingPoint
from lucency.errors import BundleError
from lucency.gate import GateAnswer
from lucency.predictor import Predictor
from lucency.workflows.predict import caption, predict_films, reason

Run = Callable[..., tuple[int, str, str]]


class DarkRefused:
    """A gate that refuses dark films."""

    def judge(self, film: np.ndarray, embedding: np.ndarray | None) -> GateAnswer:
        distance = float((255 - film.mean()) / 200)
        return GateAnswer("not_a_radiograph" if distance > 1 else None, {"pixels": distance})


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Fractured calibration films have logits from -1 up, the others up to 1: between them it cannot know."""
    return brightness_bundle(
        tmp_path_factory.mktemp("uncertain") / "bundle",
        operating_points=(OperatingPoint("youden", 0.5),),
        default_operating_point="youden",
        abstention=Abstention(tuple(np.linspace(-1, 4, 19)), tuple(np.linspace(-4, 1, 19))),
    )


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Films by their logit."""
    folder = tmp_path_factory.mktemp("films")
    found = {}
    for name, logit in (("sure", 2.0), ("between", 0.5), ("not", -2.0), ("dark", -6.0)):
        grey = np.full((SIDE, SIDE), MIDDLE + STEP * logit)
        grey[0] += np.arange(SIDE) % 2
        path = folder / f"{name}.png"
        Image.fromarray(np.rint(grey).astype(np.uint8)).save(path)
        found[name] = path
    return found


@pytest.fixture
def gated(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = Predictor.__init__

    def with_gate(self: Predictor, *args: object, gate: bool = True, **rest: object) -> None:
        begin(self, *args, gate=gate, **rest)  # type: ignore[arg-type]
        self.gate = DarkRefused() if gate else None  # type: ignore[assignment]

    monkeypatch.setattr(Predictor, "__init__", with_gate)


def test_an_answer_of_one_class_is_the_decision(bundle: Bundle, films: dict[str, Path]) -> None:
    predictor = Predictor(bundle, error_rate=0.05)
    said = {name: predictor.predict(path) for name, path in films.items()}
    assert {name: answer.decision for name, answer in said.items()} == {
        "sure": "fractured", "between": "uncertain", "not": "not_fractured", "dark": "not_fractured",
    }  # fmt: skip
    assert said["between"].possible == ("fractured", "not_fractured")
    assert said["sure"].possible == ("fractured",)
    assert said["between"].probability == pytest.approx(1 / (1 + np.exp(-0.5)), abs=0.01)
    # Without an error rate the operating point decides.
    plain = Predictor(bundle).predict(films["between"])
    assert (plain.decision, plain.possible, plain.error_rate) == ("fractured", None, None)


def test_neither_class_fits(tmp_path: Path, films: dict[str, Path]) -> None:
    apart = brightness_bundle(tmp_path / "b", abstention=Abstention((3.0, 4.0), (-4.0, -3.0), 0.4))
    answer = Predictor(apart).predict(films["between"])
    assert (answer.decision, answer.possible, answer.error_rate) == ("uncertain", (), 0.4)
    assert reason(answer) == "unlike both classes at an error rate of 40 %"


def test_words(bundle: Bundle, films: dict[str, Path], gated: None) -> None:
    predictor = Predictor(bundle, error_rate=0.05)
    lines = {name: caption(predictor.predict(path))[0] for name, path in films.items()}
    assert lines["sure"] == "fractured: probability of a fracture 0.88 (at an error rate of 5 %)"
    assert lines["between"] == "uncertain: probability of a fracture 0.62 (may be either at an error rate of 5 %)"
    assert lines["dark"] == "not a radiograph: no probability is given (times its limit: pixels 1.23)"
    plain = caption(Predictor(bundle).predict(films["sure"]))[0]
    assert plain == "fractured: probability of a fracture 0.88 (threshold 0.50, youden)"


def test_overlays_of_refused_films(bundle: Bundle, films: dict[str, Path], gated: None, tmp_path: Path) -> None:
    (answer,) = predict_films(Predictor(bundle), [str(films["dark"])], overlays=tmp_path / "seen")
    assert answer.overlay_error is None
    assert answer.overlay is not None
    with Image.open(answer.overlay) as picture:
        assert picture.height > SIDE


def test_the_command_in_every_format(run: Run, bundle: Bundle, films: dict[str, Path], gated: None) -> None:
    words = ["predict", *films.values(), "-b", bundle.folder, "--error-rate", "0.05"]
    code, out, err = run(*words, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["operating_point"] is None
    sure, between, _, dark = json.loads(out)["predictions"]
    assert list(sure)[6:] == ["error_rate", "possible", "gate"]
    assert (sure["error_rate"], sure["possible"]) == (0.05, ["fractured"])
    assert between["possible"] == ["fractured", "not_fractured"]
    assert (dark["probability"], dark["decision"]) == (None, "not_a_radiograph")
    assert "possible" not in dark
    assert dark["gate"]["pixels"] > 1
    code, out, _ = run(*words, "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert list(rows[0])[-5:] == ["error_rate", "possible", "gate", "operating_point", "threshold"]
    # No operating point decides where a rate does.
    assert {(row["operating_point"], row["threshold"]) for row in rows} == {("", "")}
    assert [row["possible"] for row in rows] == ["fractured", "fractured not_fractured", "not_fractured", ""]
    assert [row["probability"] == "" for row in rows] == [False, False, False, True]
    assert rows[3]["gate"].startswith("pixels=1.")
    _, out, _ = run(*words)
    assert "uncertain  may be either at an error rate of 5 %" in out
    assert "-  not_a_radiograph  no probability is given" in out
    _, out, _ = run(*words, "--ignore-gate", "--json")
    (dark,) = json.loads(out)["predictions"][3:]
    assert dark["decision"] == "not_fractured"
    assert "gate" not in dark


def test_too_few_calibration_films_are_said_once(run: Run, bundle: Bundle, films: dict[str, Path]) -> None:
    code, out, err = run("predict", *films.values(), "-b", bundle.folder, "--error-rate", "0.01", "--json")
    assert code == 0
    assert err.splitlines() == [
        "Warning: An error rate of 1 % takes 99 fractured calibration films, and the bundle has 19: no film can be "
        "called not fractured.",
        "Warning: An error rate of 1 % takes 99 not fractured calibration films, and the bundle has 19: no film can be "
        "called fractured.",
    ]
    assert {entry["decision"] for entry in json.loads(out)["predictions"]} == {"uncertain"}


def test_error_rates_that_cannot_be_kept(run: Run, films: dict[str, Path], bundle: Bundle, tmp_path: Path) -> None:
    bare = brightness_bundle(tmp_path / "bare")
    code, out, err = run("predict", films["sure"], "-b", bare.folder, "--error-rate", "0.1")
    assert (code, out) == (6, "")
    assert "holds no calibration films to abstain by" in err
    assert "lucency recalibrate" in err
    with pytest.raises(BundleError):
        Predictor(bare, error_rate=0.1)
    for wrong in ("0", "1", "5"):
        assert run("predict", films["sure"], "-b", bundle.folder, "--error-rate", wrong)[0] == 2
    code, _, err = run("predict", films["sure"], "-b", bundle.folder, "--per-exam", "--error-rate", "0.1")
    assert code == 2
    assert "no exam is ever uncertain" in " ".join(err.split())


def test_exams_leave_refused_films_out(
    run: Run, bundle: Bundle, films: dict[str, Path], gated: None, tmp_path: Path
) -> None:
    table = tmp_path / "exams.csv"
    rows = [(films["not"], "a"), (films["dark"], "a"), (shutil.copy(films["dark"], tmp_path / "night.png"), "b")]
    table.write_text("path,study_id\n" + "".join(f"{path},{exam}\n" for path, exam in rows), "utf-8")
    code, out, err = run("predict", table, "-b", bundle.folder, "--per-exam", "--json")
    kept, refused = json.loads(out)["exams"]
    assert code == 0
    assert kept["highest_film"] == str(films["not"])
    assert kept["warnings"] == ["1 of 2 films were refused by the gate and left out"]
    assert (refused["probability"], refused["decision"], refused["highest_film"]) == (None, "not_a_radiograph", None)
    assert err.count("Warning: exam ") == 2
    _, out, _ = run("predict", table, "-b", bundle.folder, "--per-exam")
    assert "-  not_a_radiograph" in out
    lines = list(csv.DictReader(io.StringIO(run("predict", table, "-b", bundle.folder, "--per-exam", "--csv")[1])))
    assert [row["decision"] for row in lines] == ["not_fractured", "not_a_radiograph"]


def test_exams_are_decided_though_the_bundle_abstains(run: Run, films: dict[str, Path], tmp_path: Path) -> None:
    unsure = brightness_bundle(tmp_path / "b", abstention=Abstention((-5.0,) * 9, (5.0,) * 9, 0.1))
    code, out, err = run("predict", films["between"], "-b", unsure.folder, "--per-exam", "--json")
    (exam,) = json.loads(out)["exams"]
    assert code == 0
    assert exam["decision"] == "fractured"
    assert exam["films"][0]["decision"] == "uncertain"
    assert "exams are always decided" in err
