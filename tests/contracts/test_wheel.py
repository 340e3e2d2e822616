"""The wheel alone, with base dependencies and nothing else, predicts."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from PIL import Image

from lucency import DEFAULT_MODEL, Predictor, __version__, shipped_models
from lucency.workflows.train import TrainResult

from .linked_environment import LinkedEnvironment, make_environment

NOT_IN_BASE = ("keras", "tensorflow", "jax", "sklearn", "pandas", "matplotlib", "scipy", "pydicom", "onnx", "jinja2")


SHIPPED_FILES = ("model.onnx", "card.json", "gate.npz", "fingerprints.npz")


@pytest.fixture(scope="module")
def base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> LinkedEnvironment:
    """The environment of `pip install lucency`."""
    return make_environment(tmp_path_factory.mktemp("base"), wheel)


@pytest.fixture(scope="module")
def films(base: LinkedEnvironment, one_film: Path) -> Path:
    """The folder in which commands run, with film.png and film.dcm."""
    with Image.open(one_film) as film:
        film.save(base.work / "film.png")
    (base.work / "film.dcm").write_bytes(bytes(128) + b"DICM" + bytes(512))
    return base.work


@pytest.fixture(scope="module")
def carried(base: LinkedEnvironment, trained: TrainResult) -> Path:
    """A bundle that was carried there, and the run as JAX would have left it."""
    (base.work / "run").mkdir()
    for name in ("run.json", "recipe.toml", "validation.csv", "model.keras", "manifest.csv"):
        shutil.copy(trained.run / name, base.work / "run")
    return Path(shutil.copytree(trained.run / "bundle", base.work / "bundle"))


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[PurePosixPath]:
    """Every file in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return [PurePosixPath(name) for name in archive.namelist()]


class TestContent:
    def test_it_is_the_whole_package_with_its_data(self, names: list[PurePosixPath], repository: Path) -> None:
        ours = [
            PurePosixPath(path.relative_to(repository / "src").as_posix())
            for path in (repository / "src" / "lucency").rglob("*")
            if path.is_file() and path.suffix != ".pyc"
        ]
        assert sorted(name for name in names if name.parts[0] == "lucency") == sorted(ours)
        for needed in (
            "lucency/py.typed",
            "lucency/learning/recipes/tiny-vgg.toml",
            "lucency/learning/recipes/mobilenet.toml",
            "lucency/reporting/templates/report.html.j2",
            *(f"lucency/models/{name}/{file}" for name in shipped_models() for file in SHIPPED_FILES),
        ):
            assert PurePosixPath(needed) in names

    def test_licence_and_notice_come_with_it(self, names: list[PurePosixPath]) -> None:
        assert {name.name for name in names if "licenses" in name.parts} == {"LICENSE", "NOTICE"}

    def test_it_brings_no_test_and_no_film(self, names: list[PurePosixPath]) -> None:
        assert {name.parts[0] for name in names} == {"lucency", f"lucency-{__version__}.dist-info"}
        suffixes = {name.suffix for name in names if name.parts[0] == "lucency"}
        assert suffixes == {".py", ".typed", ".toml", ".j2", ".css", ".js", ".svg", ".npz", ".json", ".onnx"}


class TestBase:
    def test_nothing_of_an_extra_is_there(self, base: LinkedEnvironment) -> None:
        assert base.has(*NOT_IN_BASE) == dict.fromkeys(NOT_IN_BASE, False)
        assert base.has("lucency", "onnxruntime", "typer") == dict.fromkeys(("lucency", "onnxruntime", "typer"), True)

    def test_the_package_is_that_of_the_wheel(self, base: LinkedEnvironment) -> None:
        said = base.run(base.python, "-c", "import lucency; print(lucency.__file__)")
        assert Path(said.stdout.strip()).is_relative_to(base.folder)
        assert base.run(base.lucency, "--version").stdout == f"lucency {__version__}\n"

    def test_the_answer_is_that_of_the_developing_environment(
        self, base: LinkedEnvironment, films: Path, carried: Path
    ) -> None:
        said = base.run(base.lucency, "predict", "film.png", "--bundle", "bundle", "--json", "--overlay", "overlays")
        assert said.returncode == 0, said.stderr
        (entry,) = json.loads(said.stdout)["predictions"]
        here = Predictor(carried).predict(films / "film.png")
        assert entry["probability"] == pytest.approx(here.probability, abs=1e-9)
        assert (entry["decision"], entry["sha256"], entry["bundle"]) == (here.decision, here.sha256, here.bundle)
        assert (films / entry["overlay"]).is_file()

    def test_the_model_in_the_box_answers_where_nothing_is_named(self, base: LinkedEnvironment, films: Path) -> None:
        said = base.run(base.lucency, "predict", "film.png", "--json", "--ignore-gate", "--overlay", "in-the-box")
        assert said.returncode == 0, said.stderr
        (entry,) = json.loads(said.stdout)["predictions"]
        here = Predictor(gate=False).predict(films / "film.png")
        assert entry["probability"] == pytest.approx(here.probability, abs=1e-9)
        assert entry["bundle"] == here.bundle
        assert here.bundle in said.stderr
        assert (films / entry["overlay"]).is_file()
        (model,) = json.loads(base.run(base.lucency, "models", DEFAULT_MODEL, "--json").stdout)["models"]
        assert Path(model["path"]).is_relative_to(base.folder)

    @pytest.mark.parametrize(
        ("command", "extra"),
        [
            ("predict film.dcm --bundle bundle", "dicom"),
            ("train x", "train"),
            ("train --resume run", "train"),
            ("export run", "train"),
            ("demo --films 60", "train"),
            ("scan x", "tables"),
            ("prepare x", "tables"),
            ("evaluate bundle x", "tables"),
            ("show x", "tables"),
        ],
    )
    def test_a_command_names_the_extra_that_it_lacks(
        self, base: LinkedEnvironment, films: Path, carried: Path, command: str, extra: str
    ) -> None:
        said = base.run(base.lucency, *command.split())
        assert said.returncode == 7, said.stderr
        assert said.stderr.startswith("Error: ")
        assert said.stderr.count("\n") == 1
        assert f'pip install "lucency[{extra}]"' in said.stderr

    def test_a_film_that_needs_an_extra_does_not_cost_the_others_their_answer(
        self, base: LinkedEnvironment, films: Path, carried: Path
    ) -> None:
        said = base.run(base.lucency, "predict", "film.dcm", "film.png", "--bundle", "bundle", "--json")
        lacking, answered = json.loads(said.stdout)["predictions"]
        assert 'pip install "lucency[dicom]"' in lacking["error"]["message"]
        assert answered["decision"] in ("fractured", "not_fractured")
        assert said.returncode in (3, 7)

    def test_info_says_what_is_missing(self, base: LinkedEnvironment) -> None:
        facts = json.loads(base.run(base.lucency, "info", "--json").stdout)
        assert facts["device"] is None
        assert "pydicom" in facts["extras"]["dicom"]
        assert {"keras", "tensorflow", "pandas"} <= set(facts["extras"]["train"])
