"""The verdict: one sentence, the worst thing first."""

from __future__ import annotations

from typing import Any

import pytest

from lucency.datasets.audit.findings import Finding
from lucency.datasets.audit.verdict import audit_verdict


def side(copies: float, groups: float | None = None, known_from: str | None = None) -> dict[str, Any]:
    return {
        "share_with_copy_in_train": copies,
        "share_of_group_in_train": groups,
        "groups_known_from": known_from or (None if groups is None else "given"),
    }


def looked_up(
    as_split: float, grouped: float | None, majority: float = 0.5, auroc: float | None = 0.7
) -> dict[str, Any]:
    return {
        "as_split": {"accuracy": as_split, "auroc": auroc, "majority_accuracy": majority},
        "copies_grouped": None if grouped is None else {"accuracy": grouped, "auroc": 0.6},
    }


def verdict(**given: Any) -> str:
    fine: dict[str, Any] = {
        "films": 100,
        "readable": 100,
        "classes": {"fractured": {"films": 40}, "not_fractured": {"films": 60}},
        "splits_are": "given",
        "leakage": {"val": side(0.0), "test": side(0.0)},
        "look_up": {},
        "shortcuts": [],
        "findings": [],
        "searched": "pixels",
    }
    return audit_verdict(**(fine | given))


def test_shortcuts_that_nobody_looked_for_are_not_said_to_be_absent():
    unlooked = verdict(shortcuts=None)
    assert unlooked == f"{verdict()} Shortcuts were not looked for."
    assert verdict(shortcuts=None, leakage=LEAK) == verdict(leakage=LEAK)


LEAK = {"val": side(0.879), "test": side(0.986)}
DAMAGE = Finding("files", "warning", "All 59 truncated films are normal.", evidence={"chance": 0.001})
CONTRADICTION = Finding("labels", "warning", "4 radiographs stand under both labels.", evidence={"sets": []})
ERROR = Finding("files", "error", "59 films left out.")
SHORTCUT = {"probe": "number", "title": "Image number", "auroc": 0.77, "severity": "warning"}
HARMLESS = {"probe": "border", "title": "Border", "auroc": 0.9, "severity": "note"}


class TestLeakage:
    def test_copies_of_a_given_split(self):
        assert verdict(leakage=LEAK, look_up={"test": looked_up(0.986, 0.792)}) == (
            "98.6 % of your test films are copies of training films: a nearest-neighbour look-up scores 98.6 % on your"
            " split and 79.2 % once copies are kept on one side."
        )

    def test_copies_of_a_random_split(self):
        said = verdict(
            leakage={"val": None, "test": side(0.123)}, look_up={"test": looked_up(0.9, 0.8)}, splits_are="random"
        )
        assert said == (
            "Split at random, as notebooks do, 12.3 % of the test films would be copies of training films: a"
            " nearest-neighbour look-up scores 90.0 % on such a split and 80.0 % once copies are kept on one side."
        )

    def test_without_a_look_up(self):
        assert verdict(leakage=LEAK) == "98.6 % of your test films are copies of training films."
        assert verdict(leakage=LEAK, look_up={"test": looked_up(0.986, None)}).endswith("scores 98.6 % on your split.")

    def test_validation_speaks_where_there_is_no_test(self):
        said = verdict(leakage={"val": side(0.879), "test": None})
        assert said == "87.9 % of your validation films are copies of training films."

    def test_a_trace_in_test_hides_no_leaking_validation(self):
        assert verdict(leakage={"val": side(0.879), "test": side(0.005)}).startswith("87.9 % of your validation films")
        assert verdict(leakage={"val": side(0.01), "test": side(0.005)}).startswith("0.5 % of your test films")

    def test_patients_on_two_sides(self):
        said = verdict(leakage={"test": side(0.01, 0.82)}, look_up={"test": looked_up(0.8, 0.7)})
        assert said == (
            "82.0 % of your test films are of a patient or exam with films in training, and 1.0 % are copies: a"
            " nearest-neighbour look-up scores 80.0 % on your split and 70.0 % once copies, patients and exams are kept"
            " on one side."
        )

    def test_ranking_is_told_where_accuracy_says_nothing(self):
        said = verdict(leakage=LEAK, look_up={"test": looked_up(0.8, 0.79, majority=0.83)})
        assert said.endswith(
            "look-up reaches an AUROC of 0.70 on your split and 0.60 once copies are kept on one side."
        )
        said = verdict(leakage=LEAK, look_up={"test": looked_up(0.8, None, majority=0.83)})
        assert said.endswith("look-up reaches an AUROC of 0.70 on your split.")
        said = verdict(leakage=LEAK, look_up={"test": looked_up(0.8, 0.79, majority=0.83, auroc=None)})
        assert said.endswith("scores 80.0 % on your split and 79.0 % once copies are kept on one side.")

    def test_what_is_wrong_with_the_films_is_said_beside_a_random_split(self):
        random = verdict(leakage=LEAK, findings=[ERROR, DAMAGE, CONTRADICTION], splits_are="random")
        assert random.endswith("copies of training films. All 59 truncated films are normal.")
        assert "truncated" not in verdict(leakage=LEAK, findings=[ERROR, DAMAGE])

    def test_inferred_exams_on_two_sides(self):
        said = verdict(leakage={"test": side(0.0, 0.82, "inferred")}, splits_are="random")
        assert said == (
            "Split at random, as notebooks do, 82.0 % of the test films would probably be of a patient or exam with"
            " films in training."
        )

    def test_many_copies_come_before_their_groups(self):
        assert verdict(leakage={"test": side(0.3, 0.9)}).startswith("30.0 % of your test films are copies")


@pytest.mark.parametrize(
    ("leakage", "shortcuts", "findings", "begins"),
    [
        (LEAK, [SHORTCUT], [ERROR, DAMAGE], "98.6 %"),
        ({}, [SHORTCUT], [ERROR, DAMAGE], "All 59 truncated films are normal."),
        ({}, [HARMLESS, SHORTCUT], [ERROR, CONTRADICTION], 'The label can be told without looking at bone: "Image num'),
        ({}, [HARMLESS], [ERROR, CONTRADICTION], "4 radiographs stand under both labels."),
        ({"test": side(0.01)}, [], [ERROR], "59 films left out."),
        ({"test": side(0.01)}, [], [Finding("leakage", "warning", "no", evidence={"share": 0.01})], "1.0 % of your"),
        ({"test": side(0.0)}, [], [Finding("balance", "note", "A note.")], "No film stands on two sides"),
    ],
)
def test_the_worst_comes_first(leakage, shortcuts, findings, begins):
    assert verdict(leakage=leakage, shortcuts=shortcuts, findings=findings).startswith(begins)


def test_nothing_was_found():
    rest = "nothing was found that would make a test figure look better than it is."
    assert verdict() == f"No film stands on two sides of the split, and {rest}"
    assert verdict(searched="bytes") == f"No film stands on two sides of the split, byte for byte, and {rest}"
    assert verdict(splits_are="random").startswith("Split at random, as notebooks do, no film would stand on two")
    assert verdict(leakage={"val": None, "test": None}) == f"N{rest[1:]}"


def test_data_with_nothing_in_it():
    none = {"fractured": {"films": 0}, "not_fractured": {"films": 0}}
    assert verdict(films=0, readable=0, classes=none) == "There are no films."
    assert verdict(readable=0) == "None of the 100 films can be read."
    assert verdict(films=1, readable=0) == "The only film cannot be read."
    one = {"fractured": {"films": 3}, "not_fractured": {"films": 0}}
    said = verdict(films=3, readable=3, classes=one)
    assert said == "All 3 films are fractured: with one class only there is nothing to tell apart."
    one = {"fractured": {"films": 0}, "not_fractured": {"films": 1}}
    assert verdict(films=1, readable=1, classes=one).startswith("The only film is not fractured: ")
