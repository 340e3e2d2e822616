from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lucency import DEFAULT_MODEL, Predictor, read_bundle, shipped, shipped_models
from lucency.bundle import Bundle, Card, write_bundle
from lucency.errors import BundleError
from lucency.imaging.geometry import InputSpec
from lucency.shipped import bundle_folder, shipped_folder

NAME = DEFAULT_MODEL


def written(folder: Path, name: str) -> Bundle:
    """A bundle whose model is no ONNX file: naming never looks inside."""
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"any bytes")
    return write_bundle(folder, Card(name, InputSpec(64, 48), ""))


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with one model, and an empty working folder."""
    monkeypatch.setattr(shipped, "_FOLDER", tmp_path / "models")
    written(tmp_path / "models" / NAME, "in-the-box")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "models" / NAME


def test_no_word_the_name_and_the_path_mean_the_same(box: Path) -> None:
    assert shipped_models() == (NAME,)
    for given in (None, NAME, str(box), box):
        assert bundle_folder(given) == box
        assert read_bundle(given).card.name == "in-the-box"


def test_a_path_stays_a_path(box: Path, tmp_path: Path) -> None:
    other = written(tmp_path / "other", "mine")
    for given in (other.folder, str(other.folder), "../other"):
        assert read_bundle(given).card.name == "mine"
    assert bundle_folder("runs/none") == Path("runs/none")
    assert bundle_folder("") == Path()


def test_a_folder_of_that_name_is_asked_only_when_it_is_meant(box: Path) -> None:
    written(Path(NAME), "mine")
    with pytest.raises(BundleError, match="name of a model in the box and of a bundle or run in this folder") as raised:
        read_bundle(NAME)
    # Both ways out that the message names lead where it says.
    assert raised.value.hint is not None
    assert f"./{NAME}" in raised.value.hint
    assert str(box) in raised.value.hint
    assert read_bundle(f"./{NAME}").card.name == "mine"
    assert read_bundle(Path(NAME)).card.name == "mine"
    assert read_bundle(box).card.name == "in-the-box"
    # Nobody who names nothing means a folder.
    assert read_bundle().card.name == "in-the-box"


@pytest.mark.parametrize("sign", ["run.json", "bundle/card.json"])
def test_a_run_of_that_name_may_be_meant_too(box: Path, sign: str) -> None:
    (Path(NAME) / sign).parent.mkdir(parents=True)
    (Path(NAME) / sign).write_text("{}", "utf-8")
    with pytest.raises(BundleError, match="name of a model in the box"):
        bundle_folder(NAME)


def test_a_folder_that_can_be_no_bundle_is_in_nobodys_way(box: Path) -> None:
    Path(NAME).mkdir()
    (Path(NAME) / "film.jpg").write_bytes(b"")
    assert bundle_folder(NAME) == box


def test_a_bundle_can_be_written_under_that_name(box: Path) -> None:
    assert written(Path(NAME), "mine").folder == Path(NAME)


@pytest.mark.parametrize("word", ["lucency-2", "Lucency-1", "lucency_1", "lucency1"])
def test_a_near_miss_names_the_nearest(box: Path, word: str) -> None:
    with pytest.raises(BundleError, match="does not exist, and no model in the box is called so") as raised:
        read_bundle(word)
    assert raised.value.where == word
    assert raised.value.hint == f"Did you mean the model in the box, '{NAME}'?"


def test_a_name_that_is_a_path_object_is_told_what_it_is_near(box: Path) -> None:
    with pytest.raises(BundleError, match="does not exist"):
        read_bundle(Path(NAME))


def test_any_other_word_says_what_can_be_given(box: Path) -> None:
    with pytest.raises(BundleError, match="does not exist") as raised:
        read_bundle("elsewhere")
    assert raised.value.hint is not None
    assert "lucency train" in raised.value.hint
    assert raised.value.hint.endswith(NAME)
    with pytest.raises(BundleError, match="is no model in the box") as raised:
        shipped_folder("elsewhere")
    assert raised.value.hint == f"There is: {NAME}"


@pytest.mark.parametrize("given", [None, NAME])
def test_an_installation_without_the_model_says_so(box: Path, given: str | None) -> None:
    shutil.rmtree(box)
    assert shipped_models() == ()
    with pytest.raises(BundleError, match="did not come with this installation") as raised:
        Predictor(given)
    assert raised.value.exit_code == 6
    assert "--bundle" in str(raised.value)


def test_a_model_of_which_a_file_is_missing_is_told_of(box: Path) -> None:
    (box / "model.onnx").unlink()
    with pytest.raises(BundleError, match=r"model\.onnx is missing"):
        read_bundle()
