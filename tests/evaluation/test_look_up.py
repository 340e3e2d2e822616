"""The nearest-neighbour look-up as split and with copies grouped."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lucency.errors import DatasetError
from lucency.evaluation.baselines import nearest_neighbour
from lucency.evaluation.look_up import LookUp, look_up


def copied_set(radiographs: int = 60, copies: int = 10) -> tuple[np.ndarray, np.ndarray, list[str], list[int]]:
    """Noise that says nothing of the label, in slightly different copies spread over the splits."""
    random = np.random.default_rng(3)
    shown = np.repeat(np.arange(radiographs), copies)
    plain = random.integers(20, 230, (radiographs, 40, 40))
    thumbs = (plain[shown] + random.integers(-9, 10, (len(shown), 40, 40))).astype(np.uint8)
    splits = random.choice(["train", "val", "test"], len(shown), p=[0.7, 0.15, 0.15])
    return thumbs, (shown % 3 == 0).astype(np.int64), splits.tolist(), shown.tolist()


def test_copies_make_it_perfect_and_keeping_them_together_unmasks_it():
    thumbs, labels, splits, shown = copied_set()
    for split, found in look_up(thumbs, np.arange(len(labels)), labels, splits, shown).items():
        assert found is not None
        assert found.as_split.accuracy == 1.0
        assert found.as_split.auroc == 1.0
        assert found.as_split.films == splits.count(split)
        grouped = found.copies_grouped
        assert grouped is not None
        assert 0.75 < grouped.films / found.as_split.films <= 1
        assert grouped.accuracy < 0.75
        assert grouped.auroc is not None
        assert abs(grouped.auroc - 0.5) < 0.2
        assert 0.55 < grouped.majority_accuracy < 0.8


def test_as_split_is_the_baseline_of_a_run():
    thumbs, labels, splits, shown = copied_set(copies=2)
    side = np.array(splits)
    train, test = np.flatnonzero(side == "train"), np.flatnonzero(side == "test")
    found = look_up(thumbs, np.arange(len(labels)), labels, splits, shown)["test"]
    expected = nearest_neighbour(thumbs, labels[train], thumbs, labels[test], train_rows=train, test_rows=test)
    assert found is not None
    assert found.as_split.accuracy == pytest.approx(expected.accuracy, abs=0.06)


def test_no_block_stands_on_two_sides_when_blocks_are_single_films():
    thumbs, labels, splits, _ = copied_set(radiographs=200, copies=1)
    found = look_up(thumbs, np.arange(200), labels, splits, list(range(200)))["test"]
    assert found is not None
    assert found.copies_grouped is not None
    assert found.copies_grouped.films == found.as_split.films


def test_a_seed_gives_one_answer():
    thumbs, labels, splits, shown = copied_set()
    rows = np.arange(len(labels))
    first, again, other = (look_up(thumbs, rows, labels, splits, shown, seed=seed)["test"] for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_unreadable_and_unassigned_films_are_left_out():
    thumbs, labels, splits, shown = copied_set()
    rows = np.arange(len(labels))
    tests = [film for film, split in enumerate(splits) if split == "test"]
    rows[tests[:4]] = -1
    splits[tests[4]] = ""
    found = look_up(thumbs, rows, labels, splits, shown)["test"]
    assert found is not None
    assert found.as_split.films == len(tests) - 5


@pytest.mark.parametrize("splits", [["train"] * 6, ["test"] * 6, [""] * 6])
def test_a_side_without_films_has_no_score(splits):
    thumbs = np.random.default_rng(0).integers(0, 255, (6, 40, 40), dtype=np.uint8)
    assert look_up(thumbs, np.arange(6), [0, 1] * 3, splits, list(range(6))) == {"val": None, "test": None}


def test_no_films_and_no_readable_films():
    nothing = np.zeros((0, 160, 160), np.uint8)
    assert look_up(nothing, np.zeros(0, np.int64), [], [], []) == {"val": None, "test": None}
    splits = ["train", "test"]
    assert look_up(nothing, np.array([-1, -1]), [0, 1], splits, ["a", "b"]) == {"val": None, "test": None}


def test_one_block_of_all_films_cannot_be_kept_on_one_side():
    thumbs, labels, splits, _ = copied_set(radiographs=30, copies=1)
    found = look_up(thumbs, np.arange(30), labels, splits, ["one patient"] * 30)["test"]
    assert found is not None
    assert found.copies_grouped is None
    assert json.loads(json.dumps(found.to_json()))["copies_grouped"] is None


def test_one_class_alone_has_no_auroc():
    thumbs, labels, splits, shown = copied_set()
    found = look_up(thumbs, np.arange(len(labels)), np.zeros_like(labels), splits, shown)["test"]
    assert isinstance(found, LookUp)
    assert found.as_split.auroc is None
    assert found.copies_grouped is not None
    assert (found.copies_grouped.accuracy, found.copies_grouped.auroc) == (1.0, None)


def test_bad_input_is_refused_in_words():
    thumbs = np.zeros((2, 40, 40), np.uint8)
    with pytest.raises(DatasetError, match="2 rows, 2 labels, 1 splits and 2 blocks"):
        look_up(thumbs, np.arange(2), [0, 1], ["train"], [0, 1])
    with pytest.raises(DatasetError, match="neither 0 nor 1"):
        look_up(thumbs, np.arange(2), [0, 2], ["train", "test"], [0, 1])
