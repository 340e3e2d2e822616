"""What is no model is named, and what would run code is refused before anything of it runs."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import h5py
import pytest

from lucency.errors import BundleError
from lucency.learning.foreign_code import refuse_code
from lucency.learning.foreign_file import ForeignFile, identify

DENSE = {"module": "keras.layers", "class_name": "Dense", "config": {"name": "dense"}, "registered_name": None}


def keras_zip(path: Path, config: Any, version: str = "3.15.1") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", json.dumps({"keras_version": version}))
        archive.writestr("model.weights.h5", b"\x89HDF" + bytes(4000))
    return path


def model_of(*described: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": "Sequential", "config": {"name": "s", "layers": list(described)}}


def truncated_h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = "{}"
        file["weights"] = list(range(9000))
    path.write_bytes(path.read_bytes()[:4000])


def weights_only(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_group("layers")


def zip_of(name: str) -> Any:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, "x")

    return write


def truncated_zip(path: Path) -> None:
    path.write_bytes(keras_zip(path, model_of(DENSE)).read_bytes()[:900])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.h5", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git-LFS pointer"),
        ("a.keras", b"\n <!DOCTYPE html><html><body>Sign in", "HTML page"),
        ("a.h5", b"", "empty file"),
        ("a.h5", truncated_h5, "truncated or damaged .h5"),
        ("a.keras", truncated_zip, "truncated or damaged .keras"),
        ("a.onnx", b"\x08\x07\x12\x04onnx", "truncated or damaged ONNX"),
        ("a.weights.h5", weights_only, "holds weights only"),
        ("a.zip", zip_of("readme.txt"), "no .keras file"),
        ("a.keras", zip_of("converted/keras_model.h5"), "a zip with a model inside"),
        ("a.pt", zip_of("archive/data.pkl"), "PyTorch checkpoint"),
        ("a.pkl", pickle.dumps({"w": 1}), "pickle, which would run code"),
        ("model.json", b'{"class_name": "Sequential"}', "architecture without its weights"),
        ("a.h5", b"just some words", "no model that can be imported"),
        ("a.tar.gz", b"\x1f\x8b\x08rest", "compressed archive"),
    ],
)
def test_what_is_no_model_is_named(tmp_path: Path, name: str, content: Any, words: str) -> None:
    path = tmp_path / name
    if callable(content):
        content(path)
    else:
        path.write_bytes(content)
    with pytest.raises(BundleError, match=words) as raised:
        identify(path)
    assert raised.value.where == str(path)
    assert raised.value.hint


def test_a_missing_file_and_folders_without_a_model_are_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="does not exist"):
        identify(tmp_path / "none.h5")
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    (tmp_path / "outer" / "inner" / "saved_model.pb").write_bytes(b"x")
    with pytest.raises(BundleError, match="inner"):
        identify(tmp_path / "outer")
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "card.json").write_text("{}")
    with pytest.raises(BundleError, match="bundle or run already"):
        identify(tmp_path / "bundle")


def test_the_format_is_told_by_content_and_version(tmp_path: Path) -> None:
    new = identify(keras_zip(tmp_path / "model.bin", model_of(DENSE)))
    old = identify(keras_zip(tmp_path / "old.keras", model_of(DENSE), "2.15.0"))
    assert (new.kind, new.is_keras2, new.format) == ("keras", False, "Keras 3.15.1 .keras file")
    assert old.is_keras2
    assert len(new.sha256) == 64
    assert new.sha256 != old.sha256


CODE = {
    "lambda layer": {"class_name": "Lambda", "config": {"name": "scale", "function": {"class_name": "__lambda__"}}},
    "lambda deep inside": {
        "class_name": "TimeDistributed",
        "config": {"name": "t", "layer": {"class_name": "Lambda", "config": {"name": "inner"}}},
    },
    "custom layer": {
        "module": "my_code",
        "class_name": "Attention2",
        "config": {},
        "registered_name": "mine>Attention2",
    },
    "custom activation": {
        "class_name": "Dense",
        "config": {"name": "d", "activation": {"module": "os", "class_name": "function", "config": "system"}},
    },
    "torch": {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {"name": "t"}},
    "writes files": {"class_name": "TFOpLambda", "config": {"name": "w", "function": "io.write_file"}},
}


@pytest.mark.parametrize("kind", CODE)
def test_what_would_run_code_is_refused_unless_trusted(kind: str, tmp_path: Path) -> None:
    file = ForeignFile(tmp_path / "a.keras", "keras", "0", "3.1", model_of(DENSE, CODE[kind]))
    with pytest.raises(BundleError, match="would run code") as raised:
        refuse_code(file, trust=False)
    assert "--trust" in str(raised.value)
    assert refuse_code(file, trust=True)


@pytest.mark.parametrize(
    "harmless",
    [
        DENSE,
        {"module": "builtins", "class_name": "function", "config": "relu", "registered_name": "function"},
        {"class_name": "TFOpLambda", "config": {"name": "m", "function": "math.truediv"}},
        {"module": "lucency", "class_name": "NetworkInput", "config": {}, "registered_name": "lucency>NetworkInput"},
    ],
)
def test_what_runs_no_code_passes(harmless: dict[str, Any], tmp_path: Path) -> None:
    assert refuse_code(ForeignFile(tmp_path, "keras", "0", "3.1", model_of(harmless)), trust=False) == []
