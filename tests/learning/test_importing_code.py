"""Files that would run code are told apart by reading them, and nothing of them runs before they are trusted."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lucency.errors import BundleError
from lucency.learning.backend import choose_backend

choose_backend("tensorflow")
import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers  # noqa: E402

from lucency.learning.importing import open_model  # noqa: E402

SIDE = 20


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_code_never_runs_before_it_is_trusted(suffix: str, tmp_path: Path) -> None:
    marker = tmp_path / "it_ran"
    model = keras.Sequential([keras.Input((SIDE, SIDE, 3)), layers.Lambda(_marking(str(marker))), layers.Flatten(),
                              layers.Dense(1, activation="sigmoid")])  # fmt: skip
    model.save(tmp_path / f"model{suffix}")
    marker.unlink()
    with pytest.raises(BundleError, match="Lambda layer"):
        open_model(tmp_path / f"model{suffix}")
    assert not marker.exists()
    opened = open_model(tmp_path / f"model{suffix}", trust=True)
    assert marker.exists()
    assert "on trust" in " ".join(opened.notes)


def _marking(path: str) -> Any:
    # The path stands in the code itself: the defaults of a lambda do not survive Keras.
    return eval(f"lambda x: (open({path!r}, 'w').close(), x)[1]")


def test_a_loss_of_its_own_is_passed_over_at_the_top_and_nowhere_else(tmp_path: Path) -> None:
    inner = keras.Sequential([keras.Input((SIDE, SIDE, 3)), layers.GlobalAveragePooling2D()])
    model = keras.Sequential([keras.Input((SIDE, SIDE, 3)), inner, layers.Dense(1, activation="sigmoid")])
    model.save(tmp_path / "model.keras")
    own = {"loss": {"module": "theirs", "class_name": "Loss", "config": {}, "registered_name": "theirs>Loss"}}

    def with_loss(name: str, change: Callable[[Any], Any]) -> Path:
        with zipfile.ZipFile(tmp_path / "model.keras") as source, zipfile.ZipFile(tmp_path / name, "w") as target:
            for entry in source.namelist():
                content = source.read(entry)
                if entry == "config.json":
                    config = json.loads(content)
                    change(config)["compile_config"] = own
                    content = json.dumps(config).encode()
                target.writestr(entry, content)
        return tmp_path / name

    assert open_model(with_loss("top.keras", lambda config: config)).units == 1
    with pytest.raises(BundleError, match="custom object"):
        open_model(with_loss("inside.keras", lambda config: config["config"]["layers"][1]))


def saved(folder: Path, answer: Callable[[Any], Any], **parts: Any) -> Path:
    """A SavedModel whose signature gives `answer` of the films."""
    module = tf.Module()
    for name, part in parts.items():
        setattr(module, name, part)

    @tf.function(input_signature=[tf.TensorSpec((None, SIDE, SIDE, 3), tf.float32)])
    def serve(films: Any) -> Any:
        return {"answer": tf.sigmoid(tf.reduce_mean(films, (1, 2, 3), keepdims=True)[:, 0, 0] + answer(films))}

    tf.saved_model.save(module, str(folder), signatures=serve)
    return folder


def test_python_inside_a_saved_model_is_refused(tmp_path: Path) -> None:
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec((None, SIDE, SIDE, 3), tf.float32)])
    def serve(films: Any) -> Any:
        return {"answer": tf.reshape(tf.py_function(lambda x: x[:, 0, 0, :1], [films], tf.float32), (-1, 1))}

    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=serve)
    with pytest.raises(BundleError, match="PyFunc"):
        open_model(tmp_path / "saved")
    with pytest.raises(BundleError, match="cannot be written as ONNX"):
        open_model(tmp_path / "saved", trust=True)


@pytest.mark.parametrize(
    ("operation", "reach"),
    [
        ("PrintV2", lambda path: tf.raw_ops.PrintV2(input="it ran", output_stream=f"file://{path}")),
        ("WriteFile", lambda path: tf.io.write_file(path, "it ran")),
        ("SaveV2", lambda path: tf.raw_ops.SaveV2(
            prefix=path, tensor_names=["x"], shape_and_slices=[""], tensors=[tf.constant(1.0)])),
        ("ReadFile", lambda path: tf.io.read_file(path)),
        ("ImmutableConst", lambda path: tf.raw_ops.ImmutableConst(
            dtype=tf.float32, shape=[1], memory_region_name=path)),
        ("FixedLengthRecordDatasetV2", lambda path: tf.data.FixedLengthRecordDataset(path, 4)._variant_tensor),
    ],
)  # fmt: skip
def test_operations_that_reach_files_are_refused(operation: str, reach: Any, tmp_path: Path) -> None:
    marker = tmp_path / "it_ran"

    def answer(films: Any) -> Any:
        done = reach(str(marker))
        with tf.control_dependencies([done]):
            return tf.constant(0.0)

    folder = saved(tmp_path / "saved", answer)
    with pytest.raises(BundleError, match=f"the operation {operation}, which may reach beyond the model"):
        open_model(folder)
    assert not list(tmp_path.glob("it_ran*"))


def test_a_table_that_is_filled_from_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("a\nb\n", "utf-8")
    filling = tf.lookup.TextFileInitializer(
        str(tmp_path / "words.txt"), tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER, tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
    )  # fmt: skip
    table = tf.lookup.StaticHashTable(filling, "none")
    folder = saved(
        tmp_path / "saved",
        lambda films: tf.cast(tf.strings.length(table.lookup(tf.constant(0, tf.int64))), tf.float32),
        table=table,
    )
    with pytest.raises(BundleError, match="InitializeTableFromTextFileV2"):
        open_model(folder)


def test_variables_random_numbers_and_branches_are_harmless(tmp_path: Path) -> None:
    weight = tf.Variable(2.0)

    def answer(films: Any) -> Any:
        noise = tf.random.uniform(()) * 0.0
        return tf.cond(tf.reduce_max(films) > 9, lambda: weight + noise, lambda: weight - noise)

    opened = open_model(saved(tmp_path / "saved", answer, weight=weight))
    assert opened.units == 1
    assert opened.notes == ()
