"""What a file is that somebody gives as a model: told by its content, never by its suffix."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lucency.errors import BundleError, MissingExtraError

Kind = Literal["keras", "hdf5", "onnx", "tflite", "saved_model"]

FORMATS = ".keras, .h5, .onnx, .tflite, or a SavedModel folder"

_HDF5 = b"\x89HDF\r\n\x1a\n"
_AGAIN = "Get it again; it is not whole"
_ONNX_INSTEAD = "Where it was trained, write it as ONNX (torch.onnx.export, skl2onnx), and import that"

SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"version https://git-lfs", "is a Git-LFS pointer, not the model", "Run: git lfs pull"),
    (b"\x80\x02", "is a pickle, which would run code when it is opened", _ONNX_INSTEAD),
    (b"\x80\x03", "is a pickle, which would run code when it is opened", _ONNX_INSTEAD),
    (b"\x80\x04", "is a pickle, which would run code when it is opened", _ONNX_INSTEAD),
    (b"\x80\x05", "is a pickle, which would run code when it is opened", _ONNX_INSTEAD),
    (b"\x1f\x8b", "is a compressed archive", "Unpack it and give the model inside"),
    (b"7z\xbc\xaf\x27\x1c", "is a compressed archive", "Unpack it and give the model inside"),
    (b"Rar!", "is a compressed archive", "Unpack it and give the model inside"),
    (b"{", "is JSON, an architecture without its weights", f"Give the whole model: {FORMATS}"),
    (b"#", "is text, not a model", f"A model is {FORMATS}"),
)
"""How files begin that are no model: start, what it is, what to do."""


@dataclass(frozen=True)
class ForeignFile:
    """A model file of somebody else's, not yet opened.

    Attributes:
        path: The file, or the folder of a SavedModel.
        kind: Its format.
        sha256: Hash of its bytes, hexadecimal; for a folder, of the names and hashes of its files.
        keras_version: Version of Keras that wrote it, "" where none did.
        config: The architecture as Keras wrote it, where it is a Keras file.
    """

    path: Path
    kind: Kind
    sha256: str
    keras_version: str = ""
    config: Any = None

    @property
    def is_keras2(self) -> bool:
        """Whether Keras 1 or 2 wrote it, or what was called `tf.keras` then."""
        return self.kind in ("keras", "hdf5") and not self.keras_version.startswith("3")

    @property
    def format(self) -> str:
        """The format in words."""
        if self.kind in ("keras", "hdf5"):
            return f"Keras {self.keras_version or '1 or 2'} {'.keras' if self.kind == 'keras' else '.h5'} file"
        return {"onnx": "ONNX file", "tflite": "TensorFlow Lite file"}.get(self.kind, "TensorFlow SavedModel")


def identify(path: str | os.PathLike[str]) -> ForeignFile:
    """Says what a file is, without running anything of it.

    Raises:
        BundleError: It is missing, empty, truncated, no model, or a model of a format that cannot be imported.
        MissingExtraError: The package that reads such files is not installed.
    """
    place = Path(path)
    if place.is_dir():
        return _folder(place)
    if not place.is_file():
        raise BundleError("does not exist", where=path, hint=f"Give a model: {FORMATS}")
    with place.open("rb") as file:
        head = file.read(512)
    if not head:
        raise BundleError("is an empty file", where=path, hint=_AGAIN)
    for start, what, hint in SIGNATURES:
        if head.startswith(start):
            raise BundleError(what, where=path, hint=hint)
    if head.lstrip()[:15].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise BundleError(
            "is an HTML page, not the model: the download gave a web page instead of the file",
            where=path,
            hint="Fetch it again through the page's own download button, or with the token it asks for",
        )
    sha256 = _file_hash(place)
    if head.startswith(b"PK\x03\x04"):
        return _zip(place, sha256)
    if head.startswith(_HDF5):
        return _hdf5(place, sha256)
    if head[4:8] == b"TFL3":
        return ForeignFile(place, "tflite", sha256)
    return _onnx(place, sha256)


def _folder(path: Path) -> ForeignFile:
    if (path / "card.json").is_file() or (path / "run.json").is_file():
        raise BundleError("is a Lucency bundle or run already", where=path, hint="It needs no import")
    if not (path / "saved_model.pb").is_file():
        inside = sorted(entry.name for entry in path.glob("*/saved_model.pb"))
        nested = sorted(entry.parent.name for entry in path.glob("*/saved_model.pb")) if inside else []
        raise BundleError(
            "is a folder without saved_model.pb",
            where=path,
            hint=f"Give the folder within: {path / nested[0]}" if nested else f"Give a model: {FORMATS}",
        )
    parts = sorted(entry for entry in path.rglob("*") if entry.is_file())
    listed = "\n".join(f"{_file_hash(entry)}  {entry.relative_to(path).as_posix()}" for entry in parts)
    return ForeignFile(path, "saved_model", hashlib.sha256(listed.encode()).hexdigest())


def _zip(path: Path, sha256: str) -> ForeignFile:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if not {"config.json", "model.weights.h5"} <= set(names):
                raise _other_zip(path, names)
            config = json.loads(archive.read("config.json"))
            metadata = json.loads(archive.read("metadata.json")) if "metadata.json" in names else {}
            if archive.testzip() is not None:
                raise BundleError("is damaged: a checksum inside does not match", where=path, hint=_AGAIN)
    except (zipfile.BadZipFile, EOFError, ValueError):
        raise BundleError("is a truncated or damaged .keras file", where=path, hint=_AGAIN) from None
    return ForeignFile(path, "keras", sha256, str(metadata.get("keras_version", "")), config)


def _other_zip(path: Path, names: list[str]) -> BundleError:
    if any(name.endswith("data.pkl") for name in names):
        return BundleError("is a PyTorch checkpoint, a pickle, which would run code", where=path, hint=_ONNX_INSTEAD)
    models = [name for name in names if name.endswith((".h5", ".keras", ".onnx", ".tflite", "saved_model.pb"))]
    if models:
        return BundleError("is a zip with a model inside", where=path, hint=f"Unpack it and give {models[0]}")
    return BundleError("is a zip, but no .keras file: it has no config.json", where=path, hint=f"A model is {FORMATS}")


def _hdf5(path: Path, sha256: str) -> ForeignFile:
    try:
        import h5py
    except ModuleNotFoundError:
        raise MissingExtraError("h5py", extra="train", need="Importing an .h5 file") from None
    try:
        with h5py.File(path, "r") as file:
            config = _text(file.attrs.get("model_config"))
            version = _text(file.attrs.get("keras_version"))
            weights = any(name in file for name in ("layer_names", "layers", "_layer_checkpoint_dependencies"))
            weights = weights or "layer_names" in file.attrs
    except (OSError, RuntimeError, KeyError):
        raise BundleError("is a truncated or damaged .h5 file", where=path, hint=_AGAIN) from None
    if not config:
        what = (
            "holds weights only, not the model" if weights else "is an HDF5 file without a Keras model (model_config)"
        )
        raise BundleError(
            what,
            where=path,
            hint="Where the model is built in code, load these weights and save it whole: model.save('model.keras')",
        )
    try:
        return ForeignFile(path, "hdf5", sha256, version, json.loads(config))
    except ValueError:
        raise BundleError("has a model_config that is no JSON", where=path, hint=_AGAIN) from None


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _onnx(path: Path, sha256: str) -> ForeignFile:
    try:
        import onnx
    except ModuleNotFoundError:
        raise MissingExtraError("onnx", extra="train", need="Importing a model") from None
    try:
        proto = onnx.load(path, load_external_data=False)
    except Exception:  # protobuf has an error class of its own, and untyped.
        proto = None
    if proto is None or not (proto.graph.node and proto.opset_import):
        if path.suffix.lower() == ".onnx":
            raise BundleError("is a truncated or damaged ONNX file", where=path, hint=_AGAIN)
        hint = "A frozen TensorFlow graph cannot be imported; give its SavedModel" if path.suffix == ".pb" else ""
        raise BundleError("is no model that can be imported", where=path, hint=hint or f"A model is {FORMATS}")
    return ForeignFile(path, "onnx", sha256)


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
