from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest

from lucency.datasets.folds import assign_folds, fold_split
from lucency.datasets.manifest import Manifest
from lucency.datasets.manifest_file import MANIFEST_COLUMNS
from lucency.errors import DatasetError


def manifest_of(rows: list[dict[str, object]]) -> Manifest:
    blank = dict.fromkeys(MANIFEST_COLUMNS, "")
    table = pd.DataFrame([blank | {"image_id": f"i{n:03d}", "sha256": f"{n:064x}"} | row for n, row in enumerate(rows)])
    return Manifest(table, source="test")


@pytest.fixture(scope="module")
def films() -> Manifest:
    """300 films of 100 groups, every fifth group fractured, hands and legs by turns."""
    return manifest_of(
        [
            {"group": f"g{n // 3}", "label": int(n // 3 % 5 == 0), "body_part": "hand" if n // 3 % 2 else "leg"}
            for n in range(300)
        ]
    )


@pytest.mark.parametrize("count", [2, 5, 10])
def test_each_fold_has_its_share_and_no_group_stands_in_two(films: Manifest, count: int) -> None:
    folds = assign_folds(films, count)
    table = films.table.assign(fold=folds)
    assert set(folds) == set(range(count))
    assert (table.groupby("group")["fold"].nunique() == 1).all()
    # Groups of three films: a share is met to within one group.
    for part in (table, table[table["label"] == 1]):
        for size in part["fold"].value_counts():
            assert abs(size - len(part) / count) <= 3
    assert Counter(folds) == table["fold"].value_counts().to_dict()


def test_folds_do_not_hang_on_the_order_of_rows(films: Manifest) -> None:
    backwards = Manifest(films.table.iloc[::-1].reset_index(drop=True), films.source)
    assert assign_folds(backwards, 5)[::-1] == assign_folds(films, 5)
    assert assign_folds(films, 5, seed=1) != assign_folds(films, 5)


def test_films_linked_by_a_patient_or_by_their_bytes_stay_together() -> None:
    rows: list[dict[str, object]] = [{"label": n % 2} for n in range(40)]
    rows[3]["patient_id"] = rows[30]["patient_id"] = "p"
    rows[7]["sha256"] = rows[20]["sha256"] = "f" * 64
    for seed in range(5):
        folds = assign_folds(manifest_of(rows), 4, seed=seed)
        assert folds[3] == folds[30]
        assert folds[7] == folds[20]


def test_the_fold_is_the_test_and_validation_is_carved_from_the_rest(films: Manifest) -> None:
    folds = assign_folds(films, 5)
    tested: Counter[str] = Counter()
    for fold in range(5):
        table = fold_split(films, folds, fold, val=0.2).table
        assert list(table["split"] == "test") == [other == fold for other in folds]
        assert (table.groupby("group")["split"].nunique() == 1).all()
        rest = (table["split"] != "test").sum()
        assert abs((table["split"] == "val").sum() / rest - 0.2) < 0.03
        assert set(table[table["split"] == "val"]["label"]) == {0, 1}
        tested.update(table[table["split"] == "test"]["image_id"])
    assert tested == Counter(films.table["image_id"])


def test_given_splits_are_replaced(films: Manifest) -> None:
    given = Manifest(films.table.assign(split="test"), films.source)
    folds = assign_folds(given, 5)
    assert set(fold_split(given, folds, 0, val=0.2).table["split"]) == {"train", "val", "test"}


@pytest.mark.parametrize(
    ("fractured", "folds", "words"),
    [(4, 5, "stand in 4 groups. Ask for at most 4"), (2, 2, "Three groups of each class"), (9, 1, "2 or more")],
)
def test_too_few_groups_are_told_in_one_line(fractured: int, folds: int, words: str) -> None:
    rows: list[dict[str, object]] = [{"label": int(n < 3 * fractured), "group": f"g{n // 3}"} for n in range(90)]
    with pytest.raises(DatasetError) as caught:
        assign_folds(manifest_of(rows), folds)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
