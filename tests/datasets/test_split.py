from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lucency.datasets.film_groups import film_groups
from lucency.datasets.manifest import TEST_IS_VAL, Manifest
from lucency.datasets.manifest_file import MANIFEST_COLUMNS
from lucency.datasets.split import assign_split
from lucency.errors import DatasetError


def manifest_of(rows: list[dict[str, object]]) -> Manifest:
    blank = dict.fromkeys(MANIFEST_COLUMNS, "")
    table = pd.DataFrame(
        [blank | {"image_id": f"i{n}", "sha256": f"{n:064x}", "label": n % 2} | row for n, row in enumerate(rows)]
    )
    return Manifest(table, source="test")


def splits(manifest: Manifest) -> dict[str, str]:
    return dict(zip(manifest.table["image_id"], manifest.table["split"], strict=True))


@pytest.fixture(scope="module")
def skewed() -> Manifest:
    """3,400 films in groups as uneven as those of FracAtlas: many single films, a few of 20 to 40."""
    rng = np.random.default_rng(5)
    rows: list[dict[str, object]] = []
    group = 0
    while len(rows) < 3400:
        size = int(min(40, rng.pareto(1.2) + 1))
        rate = rng.choice([0.0, 0.05, 0.9], p=[0.6, 0.25, 0.15])
        part = str(rng.choice(["hand", "leg", "hip", "shoulder"], p=[0.4, 0.5, 0.06, 0.04]))
        rows += [{"group": f"g{group}", "label": int(rng.random() < rate), "body_part": part} for _ in range(size)]
        group += 1
    return manifest_of(rows[:3400])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_shares_are_kept_with_uneven_groups(skewed, seed):
    table = assign_split(skewed, seed=seed).table
    positives = table["label"].sum()
    for split, share in {"train": 0.70, "val": 0.15, "test": 0.15}.items():
        mine = table[table["split"] == split]
        assert abs(len(mine) / 3400 - share) < 0.02
        assert abs(mine["label"].sum() / positives - share) < 0.02
        for part in ("hand", "leg"):
            of_part = table[table["body_part"] == part]
            assert abs((of_part["split"] == split).mean() - share) < 0.02
    assert table.groupby("group")["split"].nunique().max() == 1


def test_order_of_rows_does_not_matter_and_the_seed_does(skewed):
    first = splits(assign_split(skewed, seed=3))
    order = np.random.default_rng(0).permutation(len(skewed))
    shuffled = Manifest(skewed.table.iloc[order].reset_index(drop=True), "test")
    assert splits(assign_split(shuffled, seed=3)) == first
    assert splits(assign_split(skewed, seed=4)) != first


def test_films_are_linked_by_group_patient_and_bytes():
    rows = [
        {"group": "g", "image_id": "d"},
        {"group": "g", "patient_id": "p", "image_id": "c"},
        {"patient_id": "p", "sha256": "aa", "image_id": "b"},
        {"sha256": "aa", "image_id": "a"},
        {"patient_id": "g", "image_id": "e"},
        {"sha256": "", "image_id": "f"},
        {"sha256": "", "image_id": "g"},
    ]
    assert film_groups(manifest_of(rows)) == ["a", "a", "a", "a", "e", "f", "g"]


def test_copies_stay_together_without_any_group():
    rows = [{"sha256": f"{n // 4:064x}", "label": (n // 4) % 2} for n in range(400)]
    table = assign_split(manifest_of(rows)).table
    assert table.groupby("sha256")["split"].nunique().max() == 1
    assert set(table["split"]) == {"train", "val", "test"}


def test_given_splits_stay_and_only_what_is_missing_is_carved():
    rows = [{"split": "test" if n < 20 else "train", "group": f"g{n // 2}"} for n in range(120)]
    manifest = manifest_of(rows)
    result = assign_split(manifest, val=0.2)
    before, after = splits(manifest), splits(result)
    assert {i for i, split in after.items() if split == "test"} == {f"i{n}" for n in range(20)}
    moved = [i for i in before if before[i] != after[i]]
    assert len(moved) == 20
    assert {after[i] for i in moved} == {"val"}
    assert result.notes == ("val: 20 films carved from training by group, seed 0",)
    pd.testing.assert_frame_equal(assign_split(result).table, result.table)


def test_a_given_leak_is_left_for_the_audit_and_not_spread():
    rows = [{"split": "train"} for _ in range(60)] + [{"split": "test"} for _ in range(4)]
    rows[0] |= {"group": "torn"}
    rows[60] |= {"group": "torn"}
    after = splits(assign_split(manifest_of(rows), val=0.5))
    assert (after["i0"], after["i60"]) == ("train", "test")


def test_films_without_a_split_join_their_group():
    rows = [{"split": ("train", "val", "test")[n // 4]} for n in range(12)]
    rows += [{"sha256": f"{8:064x}", "label": 0}, {"sha256": f"{4:064x}", "label": 0}, {}]
    after = splits(assign_split(manifest_of(rows)))
    assert (after["i12"], after["i13"], after["i14"]) == ("test", "val", "train")


def test_validation_films_may_serve_as_test_films():
    result = assign_split(manifest_of([{} for _ in range(60)]), test_from_val=True)
    assert set(result.table["split"]) == {"train", "val"}
    assert result.test_is_val
    assert TEST_IS_VAL in result.notes
    assert list(result.subset("test").table["image_id"]) == list(result.subset("val").table["image_id"])
    again = assign_split(Manifest(result.table, "read from a file"), test_from_val=True)
    assert splits(again) == splits(result)
    assert again.test_is_val


def test_a_given_test_split_is_never_replaced_by_validation():
    rows = [{"split": "test" if n < 8 else ""} for n in range(60)]
    result = assign_split(manifest_of(rows), test_from_val=True)
    assert not result.test_is_val
    assert len(result.subset("test")) == 8


@pytest.mark.parametrize("films", [6, 8, 14])
def test_small_sets_still_get_both_classes_on_every_side(films):
    table = assign_split(manifest_of([{} for _ in range(films)])).table
    assert table.groupby("split")["label"].nunique().to_dict() == {"test": 2, "train": 2, "val": 2}


def test_too_few_groups():
    rows = [{"group": f"g{n % 4}", "label": int(n % 4 < 2)} for n in range(40)]
    with pytest.raises(DatasetError, match=r"not fractured \(0\) stand in 2 groups, and at least 3"):
        assign_split(manifest_of(rows))
    with pytest.raises(DatasetError, match=r"carve val from training.*at least 2"):
        assign_split(manifest_of([{"group": "one"} for _ in range(10)]), test=0)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_split_with_one_class(split):
    rows = [{"split": ("train", "val", "test")[n % 3], "label": n // 3 % 2} for n in range(30)]
    rows = [row | {"label": 0 if row["split"] == split else row["label"]} for row in rows]
    with pytest.raises(DatasetError, match=rf"the split {split} has one class only: none .* fractured \(1\)"):
        assign_split(manifest_of(rows))


def test_nothing_to_train_on():
    with pytest.raises(DatasetError, match="no films to train on"):
        assign_split(manifest_of([{"split": ("val", "test")[n // 2 % 2]} for n in range(8)]))


@pytest.mark.parametrize(("val", "test"), [(-0.1, 0.2), (0.6, 0.4), (1.0, 0.0), (float("nan"), 0.1)])
def test_shares_that_leave_nothing(val, test):
    with pytest.raises(DatasetError, match="no shares"):
        assign_split(manifest_of([{} for _ in range(60)]), val=val, test=test)
