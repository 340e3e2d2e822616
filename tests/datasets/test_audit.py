from __future__ import annotations

import json

import pandas as pd
import pytest

from lucency.datasets.audit import CHECKS, Evidence, Finding, audit
from lucency.datasets.manifest import TEST_IS_VAL, Manifest
from lucency.datasets.manifest_file import MANIFEST_COLUMNS


def manifest_of(rows: list[dict[str, object]], notes: tuple[str, ...] = ()) -> Manifest:
    blank = dict.fromkeys(MANIFEST_COLUMNS, "")
    films = [blank | {"image_id": f"i{n}", "sha256": f"{n:064x}", "label": n % 2} | row for n, row in enumerate(rows)]
    return Manifest(pd.DataFrame(films), source="test", notes=notes)


EVERYTHING_WRONG = manifest_of(
    [
        {"split": "train", "sha256": "aa", "group": "g1", "label": 1},
        {"split": "val", "sha256": "aa", "label": 0},
        {"split": "test", "sha256": "bb", "group": "g1", "label": 1, "second_label": "0"},
        {"split": "train", "sha256": "bb", "label": 1},
        {"split": "train", "sha256": "", "label": 0, "boxes": "[[1,2,3,4]]"},
        {"split": "train", "sha256": "", "label": 0, "boxes": "[]"},
        {"split": "val", "patient_id": "p", "label": 1},
        {"split": "test", "patient_id": "p", "label": 0},
    ],
    notes=(TEST_IS_VAL,),
)


def found(name: str, manifest: Manifest) -> list[Finding]:
    (check,) = [check for check in CHECKS if check.name == name]
    return check.run(Evidence(manifest))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
class TestEveryCheck:
    def test_finds_something_and_says_it_fully(self, check):
        # No set can have wrong patients and no patients at once.
        nameless = EVERYTHING_WRONG.table.assign(group="", patient_id="", study_id="")
        wrong = Manifest(nameless, source="nameless") if check.name == "unknown_patients" else EVERYTHING_WRONG
        findings = check.run(Evidence(wrong))
        assert findings
        for finding in findings:
            assert finding.check == check.theme
            assert finding.severity in ("error", "warning", "note")
            assert finding.message.endswith(".")
            assert finding.action
            assert set(finding.image_ids) <= set(EVERYTHING_WRONG.table["image_id"])
            assert json.loads(json.dumps(finding.to_json())) == finding.to_json()

    def test_bears_an_empty_manifest(self, check):
        assert check.run(Evidence(Manifest(EVERYTHING_WRONG.table.iloc[:0], source="empty"))) == []

    def test_leaves_the_manifest_alone(self, check):
        before = EVERYTHING_WRONG.table.copy()
        check.run(Evidence(EVERYTHING_WRONG))
        pd.testing.assert_frame_equal(EVERYTHING_WRONG.table, before)


def test_names_of_checks_differ():
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_the_most_severe_come_first():
    order = [finding.severity for finding in audit(EVERYTHING_WRONG)]
    assert order == sorted(order, key=["error", "warning", "note"].index)


def test_nothing_is_wrong_with_a_clean_set():
    rows = [{"split": ("train", "val", "test")[n // 2 % 3], "group": f"g{n // 2}"} for n in range(400)]
    (finding,) = audit(manifest_of(rows))
    assert finding.check == "balance"
    assert "200 of 400 films are fractured (50.0%)" in finding.message


def test_copies_across_splits():
    rows = [{"split": "train", "sha256": f"{n:064x}"} for n in range(8)]
    rows += [{"split": "test", "sha256": f"{n:064x}"} for n in (0, 1, 2, 90)]
    (finding,) = found("copies_across_splits", manifest_of(rows))
    assert finding.severity == "warning"
    assert finding.image_ids == ("i8", "i9", "i10")
    assert finding.evidence == {"split": "test", "other": "train", "copies": 3, "films": 4, "share": 0.75}
    assert "3 of 4 films of test (75.0%)" in finding.message


def test_films_that_could_not_be_hashed_are_no_copies():
    rows = [{"split": split, "sha256": ""} for split in ("train", "test")]
    assert found("copies_across_splits", manifest_of(rows)) == []
    assert found("identical_copies", manifest_of(rows)) == []


def test_groups_across_splits():
    rows = [
        {"split": "train", "group": "a"},
        {"split": "train", "group": "b"},
        {"split": "val", "group": "a"},
    ]
    rows += [{"split": "val", "patient_id": "x"}, {"split": "test", "patient_id": "x"}, {"split": "val"}]
    by_val, by_test = found("groups_across_splits", manifest_of(rows))
    assert (by_val.evidence["split"], by_val.evidence["other"], by_val.image_ids) == ("val", "train", ("i2",))
    assert by_val.evidence["share"] == pytest.approx(1 / 3)
    assert (by_test.evidence["split"], by_test.evidence["other"], by_test.image_ids) == (
        "test",
        "val",
        ("i4",),
    )


def test_identical_copies():
    (finding,) = found("identical_copies", manifest_of([{"sha256": sha} for sha in "abacaab"]))
    assert finding.severity == "note"
    assert finding.evidence["sets"] == [["i0", "i2", "i4", "i5"], ["i1", "i6"]]
    assert finding.evidence["copies"] == 4
    assert "7 films hold 3 distinct contents" in finding.message


def test_contradictory_copies():
    rows = [{"sha256": "a", "label": 1}, {"sha256": "a", "label": 0}, {"sha256": "b"}, {"sha256": "c"}]
    (finding,) = found("contradictory_copies", manifest_of(rows))
    assert finding.severity == "warning"
    assert finding.evidence["sets"] == [{"i0": 1, "i1": 0}]


def test_second_label():
    rows = [
        {"label": 1, "second_label": "0"},
        {"label": 1, "second_label": "1"},
        {"label": 0, "second_label": ""},
    ]
    (finding,) = found("second_label", manifest_of(rows))
    assert finding.evidence["labels"] == {"i0": {"used": 1, "other": 0}}


def test_boxes_on_normal_films():
    rows = [{"label": 0, "boxes": boxes} for boxes in ("", "[]", "[[1,2,3,4]]")] + [
        {"label": 1, "boxes": "[[1,2,3,4]]"}
    ]
    (finding,) = found("boxes_on_normal_films", manifest_of(rows))
    assert finding.image_ids == ("i2",)


def test_class_balance_names_the_majority():
    (finding,) = found("class_balance", manifest_of([{"label": int(n < 9)} for n in range(10)]))
    assert 'always answering "fractured" is 90.0% accurate' in finding.message


def test_tiny_splits():
    rows = [{"split": "val", "label": int(n < 29)} for n in range(80)] + [{"split": "test"} for _ in range(80)]
    (finding,) = found("tiny_splits", manifest_of(rows))
    assert finding.evidence == {"split": "val", "fractured": 29, "not_fractured": 51}
