"""Exams inferred from image numbers: where runs end, when numbers say nothing, and how groupings are compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.cluster import pair_confusion_matrix

from lucency.datasets.audit.copies import Copies
from lucency.datasets.audit.duplicates import known_copies
from lucency.datasets.audit.evidence import Evidence
from lucency.datasets.audit.exam_runs import LONGEST_RUN, agreement, inferred_groups, number_runs
from lucency.datasets.audit.film_sides import given_groups, kept_together
from lucency.datasets.layouts import scan
from lucency.datasets.manifest import Manifest
from lucency.datasets.manifest_file import MANIFEST_COLUMNS


def manifest_of(films: list[tuple[str, str]], **columns: list[str]) -> Manifest:
    blank = dict.fromkeys(MANIFEST_COLUMNS, "")
    rows = [blank | {"image_id": path, "path": path, "label": 0, "body_part": part} for path, part in films]
    return Manifest(pd.DataFrame(rows).assign(**columns), source="test")


def numbered(parts: str, name: str = "films/IMG{:07}.jpg", start: int = 0) -> list[tuple[str, str]]:
    return [(name.format(start + n), {"h": "hand", "l": "leg", "-": ""}[part]) for n, part in enumerate(parts)]


def alone(manifest: Manifest) -> Copies:
    return Copies(np.arange(len(manifest)))


EXAMS = "hhhllhhhhlllllhhlllhhhhllllhhhlll" * 3


def test_a_run_ends_where_the_body_part_changes():
    manifest = manifest_of(numbered(EXAMS))
    groups = inferred_groups(manifest, alone(manifest))
    assert groups is not None
    heads = [0]
    for n in range(1, len(EXAMS)):
        heads.append(heads[-1] if EXAMS[n] == EXAMS[n - 1] else n)
    assert groups == [manifest.table["image_id"][head] for head in heads]


def test_a_run_ends_where_a_number_is_missing_or_its_body_part_is_not_known():
    films = numbered(EXAMS)
    films[1] = (films[1][0], "")
    del films[10]
    groups = inferred_groups(manifest_of(films), alone(manifest_of(films)))
    assert groups is not None
    assert len(set(groups[:3])) == 3
    by_number = {path: group for (path, _), group in zip(films, groups, strict=True)}
    assert by_number["films/IMG0000009.jpg"] != by_number["films/IMG0000011.jpg"]
    assert by_number["films/IMG0000011.jpg"] == by_number["films/IMG0000013.jpg"]


def test_copies_join_runs():
    manifest = manifest_of(numbered(EXAMS))
    cluster = np.arange(len(manifest))
    cluster[15] = 1
    groups = inferred_groups(manifest, Copies(cluster))
    assert groups is not None
    assert {groups[n] for n in (0, 1, 2, 14, 15)} == {"films/IMG0000000.jpg"}
    assert groups[3] != groups[0]


def test_one_numbering_may_lie_in_several_folders():
    films = [
        (path.replace("films", "films/fractured" if n % 2 else "films/normal"), part)
        for n, (path, part) in enumerate(numbered(EXAMS))
    ]
    assert len(set(number_runs(manifest_of(films)))) == 30
    assert number_runs(manifest_of(films)) == number_runs(manifest_of(numbered(EXAMS)))


def test_folders_that_use_the_same_numbers_are_numbered_each_for_itself():
    films = numbered(EXAMS, "a/{}.png") + numbered(EXAMS, "b/{}.png")
    runs = number_runs(manifest_of(films))
    first, second = set(runs[: len(EXAMS)]), set(runs[len(EXAMS) :])
    assert len(first) == len(second) == 30
    assert not first & second


def test_names_before_the_number_are_other_numberings():
    films = numbered(EXAMS, "a{}.png") + numbered(EXAMS[::-1], "b{}.png", start=len(EXAMS))
    runs = number_runs(manifest_of(films))
    assert len(set(runs)) == 60


@pytest.mark.parametrize(
    ("films", "why"),
    [
        ([], "no films"),
        (numbered("-" * 40), "no body parts"),
        (numbered("h" * 40), "one body part: a run over numbers alone is not claimed"),
        (numbered("hl" * 20), "neighbours are never alike"),
        ([(f"films/{n:03}/hand.png", part) for n, (_, part) in enumerate(numbered(EXAMS))], "no numbers in the names"),
        (numbered("h" * (LONGEST_RUN + 1) + "l" * (LONGEST_RUN + 1)), "sorted by body part"),
        (
            numbered("".join(np.random.default_rng(0).permutation(list("hl" * 200)).tolist())),
            "shuffled: neighbours are alike by chance",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_nothing_is_claimed(films, why):
    manifest = Manifest(pd.DataFrame(columns=list(MANIFEST_COLUMNS)), "empty") if not films else manifest_of(films)
    assert inferred_groups(manifest, alone(manifest)) is None, why


def test_agreement_is_that_of_scikit_learn():
    random = np.random.default_rng(0)
    given = [f"g{n}" for n in random.integers(0, 20, 200)]
    inferred = [name if random.random() < 0.7 else f"x{random.integers(0, 9)}" for name in given]
    found = agreement(inferred, given)
    assert found is not None
    assert found.adjusted_rand == pytest.approx(adjusted_rand_score(given, inferred))
    (_, only_put), (only_belong, together) = pair_confusion_matrix(given, inferred)
    assert found.pair_precision == pytest.approx(together / (together + only_put))
    assert found.pair_recall == pytest.approx(together / (together + only_belong))


def test_agreement_looks_at_films_of_which_both_are_known():
    found = agreement(["a", "a", "b", "b", "c", ""], ["1", "1", "2", "3", "", "4"])
    assert found is not None
    assert (found.films, found.groups, found.given_groups) == (4, 2, 3)
    assert (found.pair_precision, found.pair_recall, found.same_group) == (0.5, 1.0, 0.5)
    assert agreement(["a"], [""]) is None
    single = agreement(["a", "b"], ["1", "2"])
    assert single is not None
    assert (single.pair_precision, single.adjusted_rand, single.same_group) == (None, 1.0, 1.0)


def test_given_groups_are_linked_and_the_rest_stays_unknown():
    manifest = manifest_of(
        [(name, "") for name in "abcde"], patient_id=["p", "", "p", "", ""], group=["1", "", "", "1", ""]
    )
    assert given_groups(manifest) == ["a", "", "a", "a", ""]
    assert given_groups(manifest_of([("a", "")])) is None


def test_copies_and_patients_are_kept_together():
    manifest = manifest_of([(name, "") for name in "abcde"], patient_id=["p", "", "p", "", ""])
    assert kept_together(manifest, Copies(np.array([0, 1, 2, 2, 4]))) == ["a", "b", "a", "a", "e"]
    manifest = manifest_of([(name, "") for name in "abc"])
    assert kept_together(manifest, Copies(np.array([0, 1, 0]))) == ["a", "b", "a"]


def test_inferred_exams_are_kept_together_where_no_group_is_given():
    manifest = manifest_of(numbered(EXAMS))
    assert kept_together(manifest, alone(manifest)) == inferred_groups(manifest, alone(manifest))


@pytest.mark.realdata
def test_fracatlas_groups_are_found_again(real_data: Path):
    """With equal bytes alone; the copies of the detector bring recall up (see the docs)."""
    manifest = scan(real_data / "fracatlas")
    given = given_groups(manifest)
    inferred = inferred_groups(manifest, known_copies(Evidence(manifest)))
    assert given is not None
    assert inferred is not None
    found = agreement(inferred, given)
    assert found is not None
    assert found.films == 3426
    assert found.pair_precision is not None
    assert found.pair_precision > 0.99
    assert found.pair_recall is not None
    assert found.pair_recall > 0.8
    assert found.adjusted_rand > 0.88
    assert found.same_group > 0.85
    assert pd.Series(number_runs(manifest)).loc[lambda run: run != ""].value_counts().max() < LONGEST_RUN
