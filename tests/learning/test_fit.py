"""Phases, patience, checkpoints and history of `fit`, on a few flat films that a tiny network can tell apart."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lucency.errors import RunError
from lucency.learning.backend import choose_backend

choose_backend()
import keras  # noqa: E402

from lucency.learning.classifier import build_classifier, predict_logits, set_trainable  # noqa: E402
from lucency.learning.fit import fit, phases  # noqa: E402
from lucency.learning.keeper import FitState, Progress  # noqa: E402
from lucency.learning.loader import FilmBatches, class_weights  # noqa: E402
from lucency.learning.recipe import Recipe, load_recipe  # noqa: E402
from lucency.learning.saving import load_trained  # noqa: E402

LABELS = np.arange(48) % 2
IMAGES = np.where(LABELS[:, None, None] == 1, 170, 90).astype(np.uint8) + np.random.default_rng(0).integers(
    0, 30, (48, 32, 32), dtype=np.uint8
)


def recipe(*overrides: str, name: str = "tiny-vgg") -> Recipe:
    small = ("input.height=32", "input.width=32", "training.batch_size=16", "model.weights=none")
    return load_recipe(name, [*small, *overrides])


def batches() -> tuple[FilmBatches, FilmBatches]:
    train = FilmBatches(IMAGES, np.arange(32), LABELS[:32], batch_size=16, shuffle=True)
    return train, FilmBatches(IMAGES, np.arange(32, 48), LABELS[32:], batch_size=16)


def scripted_fit(wanted: Recipe, run: Path, values: list[float], monkeypatch: pytest.MonkeyPatch) -> FitState:
    from lucency.learning import keeper as module

    kept = module.Keeper.on_epoch_end

    def on_epoch_end(self: Any, epoch: int, logs: dict[str, Any] | None = None) -> None:
        kept(self, epoch, {**(logs or {}), wanted.training.monitor: values[epoch]})

    monkeypatch.setattr(module.Keeper, "on_epoch_end", on_epoch_end)
    return fit(build_classifier(wanted), wanted, *batches(), run)[1]


def test_training_learns_and_gives_back_the_best_epoch(tmp_path: Path) -> None:
    wanted = recipe("training.epochs=6", "training.learning_rate=0.003")
    heard: list[Progress] = []
    model, state = fit(build_classifier(wanted), wanted, *batches(), tmp_path, listener=heard.append)
    assert state.rows[-1]["loss"] < state.rows[0]["loss"]
    best = max(state.rows, key=lambda row: row["val_auroc"])
    assert state.best_value == best["val_auroc"] == 1.0
    _, val = batches()
    np.testing.assert_array_equal(
        predict_logits(model, val), predict_logits(load_trained(tmp_path / "checkpoints" / "best.keras"), val)
    )
    assert [at.epoch for at in heard if at.row is not None] == [1, 2, 3, 4, 5, 6]
    assert heard[-1].seconds_left == 0
    with (tmp_path / "history.csv").open() as file:
        assert [float(row["loss"]) for row in csv.DictReader(file)] == [row["loss"] for row in state.rows]


def test_patience_ends_training_and_the_best_checkpoint_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = [0.5, 0.7, 0.6, 0.69, 0.9, 0.95]
    state = scripted_fit(recipe("training.epochs=6", "training.patience=2"), tmp_path, values, monkeypatch)
    assert len(state.rows) == 4
    assert state.best_epoch == 2
    assert state.finished


def test_without_patience_all_epochs_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(scripted_fit(recipe("training.epochs=4"), tmp_path, [0.9, 0.5, 0.4, 0.3], monkeypatch).rows) == 4


def test_a_smaller_loss_is_better(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = recipe("training.epochs=3", "training.monitor=val_loss")
    assert scripted_fit(wanted, tmp_path, [0.5, 0.3, 0.4], monkeypatch).best_epoch == 2


def test_patience_counts_within_fine_tuning_not_from_the_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = recipe("training.head_epochs=1", "training.epochs=4", "training.patience=2", name="four-block")
    state = scripted_fit(wanted, tmp_path, [0.8, 0.5, 0.6, 0.7, 0.75], monkeypatch)
    assert len(state.rows) == 5
    assert state.best_epoch == 1


def test_training_stops_once_the_threshold_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = recipe("training.epochs=6", "training.monitor=val_accuracy", "training.stop_at=0.8")
    state = scripted_fit(wanted, tmp_path, [0.6, 0.79, 0.8, 0.9, 0.95, 0.99], monkeypatch)
    assert len(state.rows) == 3
    assert state.best_epoch == 3
    _, again = fit(build_classifier(wanted), wanted, *batches(), tmp_path)
    assert len(again.rows) == 3


def test_a_loss_reaches_its_threshold_from_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = recipe("training.epochs=4", "training.monitor=val_loss", "training.stop_at=0.5")
    assert len(scripted_fit(wanted, tmp_path, [0.9, 0.6, 0.45, 0.3], monkeypatch).rows) == 3


def test_the_learning_rate_falls_where_the_loss_stands_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = recipe(
        "training.epochs=7", "training.monitor=val_loss", "training.schedule=plateau", "training.decay=0.1",
        "training.decay_patience=2", "training.learning_rate=0.01",
    )  # fmt: skip
    state = scripted_fit(wanted, tmp_path, [0.9, 0.8, 0.8, 0.85, 0.7, 0.69995, 0.7], monkeypatch)
    # Epochs 3 and 4 are no better than epoch 2; 6 and 7 are better than 5 by less than 1e-4.
    assert [row["learning_rate"] for row in state.rows] == pytest.approx([0.01] * 4 + [0.001] * 3)
    assert state.plateau_waited == 0
    assert state.plateau_best == 0.7


def test_an_exponential_schedule_falls_after_each_epoch(tmp_path: Path) -> None:
    wanted = recipe("training.epochs=3", "training.schedule=exponential", "training.decay=0.5")
    rates = [row["learning_rate"] for row in fit(build_classifier(wanted), wanted, *batches(), tmp_path)[1].rows]
    # The rate is read after the last step of an epoch, when the next one's holds.
    assert rates == pytest.approx([5e-4, 2.5e-4, 1.25e-4])


def test_a_schedule_of_ones_own_replaces_the_rates_of_the_recipe(tmp_path: Path) -> None:
    wanted = recipe("training.epochs=2")
    heard: list[tuple[str, int]] = []

    def schedule(phase: Any, steps: int) -> float:
        heard.append((phase.name, steps))
        return 0.0025

    _, state = fit(build_classifier(wanted), wanted, *batches(), tmp_path, schedule=schedule)
    assert heard == [("train", 2)]
    assert [row["learning_rate"] for row in state.rows] == pytest.approx([0.0025, 0.0025])


def test_label_smoothing_draws_labels_towards_one_half() -> None:
    from lucency.learning.fit import _asked

    loss = _asked(recipe("training.label_smoothing=0.4"))["loss"](np.array([[1.0]]), np.array([[2.0]]))
    # A label of 0.8 at a probability of 1 / (1 + exp(-2)) = 0.880797: -(0.8 ln 0.880797 + 0.2 ln 0.119203).
    assert float(loss) == pytest.approx(0.526928, abs=1e-5)


def test_each_epoch_has_accuracy_precision_recall_and_auroc(tmp_path: Path) -> None:
    wanted = recipe("training.epochs=6", "training.learning_rate=0.003")
    last = fit(build_classifier(wanted), wanted, *batches(), tmp_path)[1].rows[-1]
    names = ("accuracy", "precision", "recall", "auroc")
    assert last["val_auroc"] == 1.0
    assert all(0 <= last[key] <= 1 for name in names for key in (name, f"val_{name}"))


def test_only_the_head_moves_in_its_phase(tmp_path: Path) -> None:
    wanted = recipe("training.head_epochs=1", "training.epochs=0", name="four-block")
    model = build_classifier(wanted)
    before = [np.array(w) for w in model.get_layer("features").trainable_weights]
    head = np.array(model.get_layer("logit").kernel)
    trained, _ = fit(model, wanted, *batches(), tmp_path)
    set_trainable(trained, "all", pretrained=False)
    for old, new in zip(before, trained.get_layer("features").trainable_weights, strict=True):
        np.testing.assert_array_equal(old, np.array(new))
    assert np.abs(head - np.array(trained.get_layer("logit").kernel)).max() > 0


def test_the_learning_rate_warms_up_and_falls_along_a_cosine(tmp_path: Path) -> None:
    wanted = recipe(
        "training.epochs=4", "training.schedule=cosine", "training.warmup_epochs=1", "training.learning_rate=0.01"
    )
    rates = [row["learning_rate"] for row in fit(build_classifier(wanted), wanted, *batches(), tmp_path)[1].rows]
    # Two steps an epoch: after the warm-up 0.01, then (1 + cos(pi k / 3)) / 2 of it.
    assert rates == pytest.approx([0.01, 0.0075, 0.0025, 0.0], abs=1e-7)


@pytest.mark.parametrize("stop_in", [0, 1, 2])
def test_a_run_resumed_in_either_phase_ends_like_an_unbroken_one(tmp_path: Path, stop_in: int) -> None:
    wanted = recipe(
        "training.head_epochs=1", "training.epochs=2", "training.optimizer=adamw", "training.schedule=cosine",
        "augmentation.flip_horizontal=0.5", "augmentation.noise=0.1", "model.dropout=0.3", name="four-block",
    )  # fmt: skip

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.armed = epoch == stop_in

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.armed:
                raise KeyboardInterrupt

    _, whole = fit(build_classifier(wanted), wanted, *batches(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(build_classifier(wanted), wanted, *batches(), tmp_path / "broken", callbacks=[Stop()])
    assert FitState.read(tmp_path / "broken" / "checkpoints").epoch == stop_in
    _, resumed = fit(build_classifier(wanted), wanted, *batches(), tmp_path / "broken")
    assert [row["phase"] for row in resumed.rows] == ["head", "fine-tune", "fine-tune"]
    for left, right in zip(whole.rows, resumed.rows, strict=True):
        for key in ("loss", "val_loss", "val_auroc", "learning_rate"):
            assert left[key] == pytest.approx(right[key], abs=1e-5)


def test_a_loss_that_is_no_number_stops_and_keeps_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = recipe("training.epochs=3", "training.monitor=val_loss")
    from lucency.learning import keeper as module

    kept = module.Keeper.on_epoch_end

    def on_epoch_end(self: Any, epoch: int, logs: dict[str, Any] | None = None) -> None:
        kept(self, epoch, {**(logs or {}), **({"loss": float("nan")} if epoch == 1 else {})})

    monkeypatch.setattr(module.Keeper, "on_epoch_end", on_epoch_end)
    with pytest.raises(RunError, match=r"nan in epoch 2.*epoch 1, the best so far.*learning_rate"):
        fit(build_classifier(wanted), wanted, *batches(), tmp_path)
    assert FitState.read(tmp_path / "checkpoints").epoch == 1
    assert (tmp_path / "checkpoints" / "epoch-0001.keras").is_file()


def test_leftovers_of_a_kill_are_removed_and_a_damaged_state_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (folder / "epoch-0007.keras").write_bytes(b"half written")
    fit(build_classifier(recipe("training.epochs=1")), recipe("training.epochs=1"), *batches(), tmp_path)
    assert [path.name for path in folder.glob("epoch-*")] == ["epoch-0001.keras"]
    (folder / "state.json").write_text(json.dumps({"nonsense": 1}))
    with pytest.raises(RunError, match="damaged"):
        FitState.read(folder)


def test_phases_follow_the_recipe() -> None:
    assert [(p.name, p.epochs) for p in phases(load_recipe("mobilenet"))] == [("head", 1), ("fine-tune", 8)]
    assert [(p.name, p.epochs) for p in phases(load_recipe("tiny-vgg"))] == [("train", 5)]


def test_class_weights_give_both_classes_the_same_sum() -> None:
    np.testing.assert_allclose(class_weights([1, 0, 0, 0]), [2, 2 / 3, 2 / 3, 2 / 3])
