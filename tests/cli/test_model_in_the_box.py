"""Commands that are given a name instead of a folder, or no bundle at all."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from boxed_model import box_with_a_model
from brightness import brightness_bundle, brightness_films

from lucency import DEFAULT_MODEL, read_bundle
from lucency.bundle import Bundle
from lucency.decision import OperatingPoint

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    return box_with_a_model(tmp_path, monkeypatch)


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Forty films and their table."""
    return brightness_films(tmp_path / "films", 40)


@pytest.fixture
def film(films: Path) -> Path:
    return films.parent / "0000.png"


@pytest.fixture
def other(tmp_path: Path) -> Bundle:
    """A bundle of somebody's own, told from that of the box by its threshold."""
    points = (OperatingPoint("half", 0.9),)
    return brightness_bundle(tmp_path / "other", operating_points=points, default_operating_point="half")


class TestPredict:
    def test_no_bundle_asks_the_box_and_says_so_once_on_stderr(self, run: Run, bundle: Bundle, film: Path) -> None:
        code, out, err = run("predict", film, film.with_name("0001.png"))
        assert code == 0
        assert len(out.splitlines()) == 3
        assert err.splitlines() == [
            f"{bundle.identity} answers, the model in the box: no bundle was named. What it is: lucency models"
        ]

    def test_json_and_csv_hold_nothing_else(self, run: Run, bundle: Bundle, film: Path) -> None:
        code, out, err = run("predict", film, "--json")
        (entry,) = json.loads(out)["predictions"]
        assert (code, entry["bundle"]) == (0, bundle.identity)
        assert err.count("model in the box") == 1
        (row,) = csv.DictReader(io.StringIO(run("predict", film, "--csv")[1]))
        assert row["bundle"] == bundle.identity
        (exam,) = json.loads(run("predict", film, "--per-exam", "--json")[1])["exams"]
        assert exam["bundle"] == bundle.identity

    def test_a_bundle_that_is_named_needs_no_word(
        self, run: Run, bundle: Bundle, other: Bundle, film: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for words, asked in (
            (("--bundle", DEFAULT_MODEL), bundle),
            (("--bundle", bundle.folder), bundle),
            (("-b", other.folder), other),
        ):
            code, out, err = run("predict", film, "--json", *words)
            assert (code, err) == (0, "")
            assert json.loads(out)["predictions"][0]["bundle"] == asked.identity
        monkeypatch.setenv("LUCENCY_BUNDLE", str(other.folder))
        code, out, err = run("predict", film, "--json")
        assert (code, err) == (0, "")
        assert json.loads(out)["predictions"][0]["bundle"] == other.identity
        monkeypatch.setenv("LUCENCY_BUNDLE", DEFAULT_MODEL)
        assert json.loads(run("predict", film, "--json")[1])["predictions"][0]["bundle"] == bundle.identity

    def test_a_bad_name_and_a_name_of_two_things_are_one_line(
        self, run: Run, bundle: Bundle, other: Bundle, film: Path
    ) -> None:
        code, out, err = run("predict", film, "--bundle", "lucency-0")
        assert (code, out) == (6, "")
        assert err.startswith("Error: lucency-0: does not exist")
        assert err.endswith(f"Did you mean the model in the box, '{DEFAULT_MODEL}'?\n")
        shutil.copytree(other.folder, DEFAULT_MODEL)
        code, _, err = run("predict", film, "--bundle", DEFAULT_MODEL)
        assert code == 6
        assert err.count("\n") == 1
        (entry,) = json.loads(run("predict", film, "--json", "--bundle", f"./{DEFAULT_MODEL}")[1])["predictions"]
        assert entry["bundle"] == other.identity

    def test_a_film_is_looked_for_before_the_model(self, run: Run, bundle: Bundle) -> None:
        code, _, err = run("predict", "no-folder/*.jpg")
        assert code == 4
        assert "model in the box" not in err


class Measured:
    """Stands in for a report: these tests are about what is measured, not about the figures."""

    metrics: ClassVar[dict[str, object]] = {}
    baselines = ()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path]]:
    """What `evaluate` was told to measure: the identity of the bundle, and the films."""
    told: list[tuple[str, Path]] = []

    def evaluate(bundle: Any, data: Path, **_: object) -> Measured:
        told.append(((bundle if isinstance(bundle, Bundle) else read_bundle(bundle)).identity, data))
        return Measured()

    monkeypatch.setattr("lucency.workflows.evaluate.evaluate", evaluate)
    return told


def test_evaluating_films_alone_writes_a_report_of_the_box(run: Run, bundle: Bundle, films: Path) -> None:
    code, out, err = run("evaluate", films, "--json", "--out", "report")
    assert code == 0, err
    assert json.loads(out)["films"] == 40
    assert err.startswith(f"{bundle.identity} answers, the model in the box")
    assert json.loads(Path("report/report.json").read_text("utf-8"))["bundle"] == bundle.identity


class TestEvaluate:
    def test_the_environment_names_the_bundle_as_it_does_for_predict(
        self,
        run: Run,
        bundle: Bundle,
        other: Bundle,
        films: Path,
        asked: list[tuple[str, Path]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("LUCENCY_BUNDLE", str(other.folder))
        assert f"{other.identity} answers, named by LUCENCY_BUNDLE" in run("evaluate", films)[2]
        monkeypatch.delenv("LUCENCY_BUNDLE")
        assert f"{bundle.identity} answers, the model in the box" in run("evaluate", films)[2]
        assert asked == [(other.identity, films), (bundle.identity, films)]

    def test_a_name_or_a_folder_and_films(
        self, run: Run, bundle: Bundle, other: Bundle, films: Path, asked: list[tuple[str, Path]]
    ) -> None:
        assert run("evaluate", DEFAULT_MODEL, films)[::2] == (0, "")
        assert run("evaluate", other.folder, films)[::2] == (0, "")
        assert asked == [(bundle.identity, films), (other.identity, films)]

    def test_a_model_without_films(self, run: Run, bundle: Bundle) -> None:
        code, _, err = run("evaluate", DEFAULT_MODEL)
        assert code == 4
        assert err.startswith(f"Error: {DEFAULT_MODEL}: no films were given for this model in the box.")
        assert err.count("\n") == 1
        assert "the folder of that name" not in err
        Path(DEFAULT_MODEL).mkdir()
        code, _, err = run("evaluate", DEFAULT_MODEL)
        assert code == 4
        assert f"for the films in the folder of that name give ./{DEFAULT_MODEL}" in err

    def test_a_folder_that_may_be_either_is_not_guessed(
        self, run: Run, bundle: Bundle, other: Bundle, films: Path, asked: list[tuple[str, Path]]
    ) -> None:
        shutil.copytree(other.folder, films.parent / "bundle")
        for given in (films.parent, other.folder):
            code, out, err = run("evaluate", given)
            assert (code, out) == (4, "")
            assert err.startswith(f"Error: {given}: holds a bundle, and no films were given.")
            assert err.count("\n") == 1
        # The way out that is named.
        assert run("evaluate", DEFAULT_MODEL, films.parent)[0] == 0
        assert asked == [(bundle.identity, films.parent)]

    def test_what_is_not_there(self, run: Run, bundle: Bundle) -> None:
        code, _, err = run("evaluate", "runs/frist")
        assert code == 4
        assert err.startswith("Error: runs/frist: does not exist: neither films, nor a run")
        assert err.count("\n") == 1


def test_the_other_commands_take_the_name(run: Run, bundle: Bundle, other: Bundle, films: Path, tmp_path: Path) -> None:
    code, _, err = run("compare", DEFAULT_MODEL, other.folder, "--films", films, "--latency", 0, "--out", "compared")
    assert code == 0, err
    content = json.loads(Path("compared/compare.json").read_text("utf-8"))
    assert [entry["bundle"] for entry in content["runs"]] == [bundle.identity, other.identity]
    few = ("--corruption", "noise", "--severity", 1, "--resamples", 0)
    code, out, err = run("stress", DEFAULT_MODEL, films, *few, "--out", "stressed", "--json")
    assert code == 0, err
    assert json.loads(out)["bundle"] == bundle.identity
    code, _, err = run("card", DEFAULT_MODEL, "--out", "card")
    assert code == 0, err
    assert bundle.identity in Path("card/card.md").read_text("utf-8")
    many = brightness_films(tmp_path / "many", 120, seed=1)
    code, _, err = run("recalibrate", DEFAULT_MODEL, many, "--out", "local")
    assert code == 0, err
    assert json.loads(Path("local/recalibration.json").read_text("utf-8"))["from"] == bundle.identity
