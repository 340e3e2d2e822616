"""Every check of the audit, and the checks of copies, leakage and labels one by one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lucency.datasets.audit import CHECKS, Evidence, Finding, audit
from lucency.datasets.audit.copies import Copies, CopyLink
from lucency.datasets.audit.film_facts import FilmFacts
from lucency.datasets.audit.random_split import has_split, is_random, random_split, split_at_random
from lucency.datasets.audit.survey import Survey
from lucency.datasets.manifest import TEST_IS_VAL, Manifest
from lucency.datasets.manifest_file import MANIFEST_COLUMNS


def manifest_of(rows: list[dict[str, object]], notes: tuple[str, ...] = ()) -> Manifest:
    blank = dict.fromkeys(MANIFEST_COLUMNS, "")
    films = [blank | {"image_id": f"i{n}", "sha256": f"{n:064x}", "label": n % 2} | row for n, row in enumerate(rows)]
    return Manifest(pd.DataFrame(films), source="test", notes=notes)


def copies_of(films: int, *links: CopyLink) -> Copies:
    cluster = np.arange(films)
    for link in links:
        cluster[cluster == cluster[link.second]] = cluster[link.first]
    return Copies(cluster, links)


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
        *({"split": "train", "label": 0, "body_part": "hip", "path": f"films/IMG{n:04}.png"} for n in range(30)),
        *({"split": "train", "label": 1, "body_part": "hand", "path": f"films/IMG{n:04}.png"} for n in range(30, 60)),
        {"split": "train", "label": 1, "body_part": "hand", "view": "oblique", "path": "films/IMG0900.png"},
    ],
    notes=(TEST_IS_VAL,),
)
COPIES = copies_of(len(EVERYTHING_WRONG), CopyLink(0, 1, "bytes"), CopyLink(2, 3, "near", 0.97, turned=37.0))
FAULTS: dict[int, dict[str, Any]] = {
    8: {"high": 95.0, "low": 90.0},
    9: {"white": 0.7},
    10: {"jumps": 0.2},
    11: {"colour": 0.01},
    12: {"format": "JPEG"},
    13: {"frames": 3},
    14: {"orientation": 6},
    15: {"bits": 16},
    16: {"height": 40, "width": 40},
    17: {"height": 900, "width": 150},
    18: {"warnings": ("Its window was guessed.",)},
    **{row: {"code": "truncated", "what": "the file ends early", "height": 0, "width": 0} for row in range(20, 36)},
}
"""By row, what decoding tells of films that are not sound."""


def wrong_evidence(name: str) -> Evidence:
    table = EVERYTHING_WRONG.table
    if name == "unknown_patients":
        # No set can have wrong patients and no patients at once.
        table = table.assign(group="", patient_id="", study_id="")
    sound = FilmFacts(sha256="0", size=9000, format="PNG", height=200, width=150, mean=90.0, high=200.0)
    facts = [replace(sound, **FAULTS.get(row, {})) for row in range(len(table))]
    read = np.array([fact.readable for fact in facts])
    rows = np.where(read, np.cumsum(read) - 1, -1)
    thumbs = np.full((int(read.sum()), 160, 160), 90, dtype=np.uint8)
    return Evidence(
        Manifest(table, "wrong", EVERYTHING_WRONG.notes, ("caf\\xe9.jpg",)), Survey(tuple(facts), thumbs, rows), COPIES
    )


def found(name: str, manifest: Manifest, copies: Copies | None = None) -> list[Finding]:
    (check,) = [check for check in CHECKS if check.name == name]
    return check.run(Evidence(manifest, copies=copies))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
class TestEveryCheck:
    def test_finds_something_and_says_it_fully(self, check):
        findings = check.run(wrong_evidence(check.name))
        assert findings
        for finding in findings:
            assert finding.check == check.theme
            assert finding.severity in ("error", "warning", "note")
            assert finding.message.endswith(".")
            assert finding.action
            assert set(finding.image_ids) <= set(EVERYTHING_WRONG.table["image_id"])
            assert json.loads(json.dumps(finding.to_json(), allow_nan=False)) == finding.to_json()

    def test_bears_an_empty_manifest(self, check):
        nothing = Manifest(EVERYTHING_WRONG.table.iloc[:0], source="empty")
        assert check.run(Evidence(nothing)) == []
        survey = Survey((), np.zeros((0, 160, 160), np.uint8), np.zeros(0, np.int64))
        assert check.run(Evidence(nothing, survey, Copies(np.zeros(0, np.int64)))) == []

    def test_bears_films_of_which_none_can_be_read(self, check):
        films = len(EVERYTHING_WRONG)
        facts = (FilmFacts(code="truncated", what="the file ends early"),) * films
        survey = Survey(facts, np.zeros((0, 160, 160), np.uint8), np.full(films, -1))
        for finding in check.run(Evidence(EVERYTHING_WRONG, survey, Copies(np.arange(films)))):
            assert finding.check == check.theme

    def test_leaves_out_what_only_decoding_or_a_search_for_copies_can_tell(self, check):
        known = check.run(Evidence(manifest_of([{"label": n % 2, "group": f"g{n}"} for n in range(9)])))
        assert all(finding.check == "balance" for finding in known)

    def test_leaves_the_manifest_alone(self, check):
        before = EVERYTHING_WRONG.table.copy()
        check.run(wrong_evidence(check.name))
        pd.testing.assert_frame_equal(EVERYTHING_WRONG.table, before)


def test_names_of_checks_differ():
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_the_most_severe_come_first():
    order = [finding.severity for finding in audit(EVERYTHING_WRONG)]
    assert order == sorted(order, key=["error", "warning", "note"].index)


def test_a_clean_set_is_only_counted():
    rows = [{"split": ("train", "val", "test")[n // 2 % 3], "group": f"g{n // 2}"} for n in range(400)]
    balance, width = audit(manifest_of(rows))
    assert "200 of 400 films are fractured (50.0 %)" in balance.message
    assert "±12 points" in width.message


class TestCopies:
    def test_equal_bytes_where_no_other_copies_are_known(self):
        (finding,) = found("redundant_copies", manifest_of([{"sha256": sha} for sha in "abacaab"]))
        assert finding.severity == "warning"
        assert finding.evidence["sets"] == [["i0", "i2", "i4", "i5"], ["i1", "i6"]]
        assert finding.evidence["copies"] == 4
        assert finding.evidence["by_kind"] == {"bytes": 4, "pixels": 0, "near": 0}
        assert "4 films are copies of another (4 byte for byte): 7 films hold 3 distinct contents" in finding.message
        assert finding.evidence["largest"] == 4

    def test_known_copies_take_the_place_of_equal_bytes(self):
        manifest = manifest_of([{"sha256": sha} for sha in "aabcdefghijklmnopqrs"])
        copies = copies_of(
            20,
            CopyLink(0, 1, "bytes"),
            CopyLink(0, 2, "near", 0.97, turned=37.04, mirrored=True),
            CopyLink(1, 2, "near", 0.96),
        )
        (finding,) = found("redundant_copies", manifest, copies)
        assert finding.severity == "note"
        assert finding.evidence["by_kind"] == {"bytes": 1, "pixels": 0, "near": 1}
        assert "20 films hold 18 distinct radiographs" in finding.message
        change = {"score": 0.97, "turned": 37.0, "mirrored": True, "inverted": False, "scale": 1.0}
        assert finding.evidence["changes"] == {"i2": {"like": "i0"} | change}

    def test_many_copies_are_a_warning(self):
        two = copies_of(20, CopyLink(0, 1, "near", 0.9), CopyLink(2, 3, "near", 0.9))
        three = copies_of(20, *two.links, CopyLink(4, 5, "near", 0.9))
        manifest = manifest_of([{}] * 20)
        assert [found("redundant_copies", manifest, known)[0].severity for known in (two, three)] == ["note", "warning"]

    def test_films_that_could_not_be_hashed_are_no_copies(self):
        rows = [{"split": split, "sha256": ""} for split in ("train", "test")]
        assert found("copies_across_splits", manifest_of(rows)) == []
        assert found("redundant_copies", manifest_of(rows)) == []

    def test_contradictory_labels_byte_for_byte(self):
        rows = [{"sha256": "a", "label": 1}, {"sha256": "a", "label": 0}, {"sha256": "b"}, {"sha256": "c"}]
        (finding,) = found("contradictory_copies", manifest_of(rows))
        assert finding.severity == "warning"
        assert finding.evidence["sets"] == [{"i0": 1, "i1": 0}]
        assert "byte for byte" in finding.message

    def test_contradictory_labels_of_changed_copies(self):
        manifest = manifest_of([{"label": label} for label in (1, 1, 0, 0)])
        copies = copies_of(4, CopyLink(0, 1, "pixels"), CopyLink(1, 3, "near", 0.95))
        (finding,) = found("contradictory_copies", manifest, copies)
        assert finding.evidence["sets"] == [{"i0": 1, "i1": 1, "i3": 0}]
        assert finding.message == "1 radiograph stands in the data under both labels."


class TestLeakage:
    def test_copies_across_splits(self):
        rows = [{"split": "train", "sha256": f"{n:064x}"} for n in range(8)]
        rows += [{"split": "test", "sha256": f"{n:064x}"} for n in (0, 1, 2, 90)]
        (finding,) = found("copies_across_splits", manifest_of(rows))
        assert finding.severity == "warning"
        assert finding.image_ids == ("i8", "i9", "i10")
        assert finding.evidence == {
            "split": "test",
            "other": "train",
            "splits_are": "given",
            "copies": 3,
            "films": 4,
            "share": 0.75,
            "by_class": {
                "fractured": {"films": 2, "shared": 1, "share": 0.5},
                "not_fractured": {"films": 2, "shared": 2, "share": 1.0},
            },
        }
        assert "3 of 4 films of test (75.0 %) have a byte-identical copy in train: its figures" in finding.message

    def test_changed_copies_and_films_that_cannot_be_read(self):
        manifest = manifest_of([{"split": split} for split in ("train", "train", "test", "test", "test")])
        copies = copies_of(5, CopyLink(0, 2, "near", 0.9), CopyLink(1, 3, "near", 0.9))
        facts = (FilmFacts(), FilmFacts(code="truncated"), FilmFacts(), FilmFacts(), FilmFacts(code="truncated"))
        survey = Survey(facts, np.zeros((3, 160, 160), np.uint8), np.array([0, -1, 1, 2, -1]))
        (check,) = [check for check in CHECKS if check.name == "copies_across_splits"]
        (finding,) = check.run(Evidence(manifest, survey, copies))
        assert finding.image_ids == ("i2",)
        assert (finding.evidence["films"], finding.evidence["share"]) == (2, 0.5)
        assert "1 of 2 films of test (50.0 %) has a copy in train" in finding.message

    def test_groups_across_splits(self):
        rows = [{"split": "train", "group": "a"}, {"split": "train", "group": "b"}, {"split": "val", "group": "a"}]
        rows += [{"split": "val", "patient_id": "x"}, {"split": "test", "patient_id": "x"}, {"split": "val"}]
        by_val, by_test = found("groups_across_splits", manifest_of(rows))
        assert (by_val.evidence["split"], by_val.evidence["other"], by_val.image_ids) == ("val", "train", ("i2",))
        assert by_val.evidence["share"] == pytest.approx(1 / 3)
        assert (by_test.evidence["split"], by_test.evidence["other"], by_test.image_ids) == ("test", "val", ("i4",))
        assert by_test.evidence["known_from"] == "given"

    def test_a_random_split_is_no_ones_fault(self):
        manifest = split_at_random(manifest_of([{"sha256": f"{n // 4}"} for n in range(80)]))
        findings = found("copies_across_splits", manifest)
        assert [(finding.severity, finding.evidence["split"]) for finding in findings] == [
            ("note", "val"),
            ("note", "test"),
        ]
        assert all(finding.message.startswith("Split at random, as notebooks do: ") for finding in findings)


class TestRandomSplit:
    def test_shares_of_each_class(self):
        manifest = manifest_of([{"label": int(n < 40), "image_id": f"i{n:03}"} for n in range(240)])
        table = split_at_random(manifest).table
        counts = table.groupby(["label", "split"]).size().to_dict()
        assert counts == {
            (0, "train"): 140, (0, "val"): 30, (0, "test"): 30,
            (1, "train"): 28, (1, "val"): 6, (1, "test"): 6,
        }  # fmt: skip

    def test_is_that_of_the_film_in_any_order(self):
        manifest = manifest_of([{}] * 50)
        turned = Manifest(manifest.table.iloc[::-1].reset_index(drop=True), "turned")
        assert random_split(turned) == random_split(manifest)[::-1]
        assert random_split(manifest, seed=1) != random_split(manifest)

    def test_is_known_by_a_note(self):
        manifest = manifest_of([{}] * 9)
        assert not is_random(manifest)
        assert is_random(split_at_random(manifest))
        assert random_split(manifest_of([{}])) == ["train"]
        assert random_split(Manifest(manifest.table.iloc[:0], "empty")) == []

    @pytest.mark.parametrize(
        ("splits", "given"), [("", False), ("train", False), ("train test", True), ("train val", True), ("test", False)]
    )
    def test_what_counts_as_a_given_split(self, splits, given):
        assert has_split(manifest_of([{"split": split} for split in splits.split() or [""]])) is given


class TestLabels:
    def test_second_label(self):
        rows = [{"label": 1, "second_label": second} for second in ("0", "1")] + [{"label": 0, "second_label": ""}]
        (finding,) = found("second_label", manifest_of(rows))
        assert finding.evidence["labels"] == {"i0": {"used": 1, "other": 0}}

    def test_boxes_on_normal_films(self):
        rows = [{"label": 0, "boxes": boxes} for boxes in ("", "[]", "[[1,2,3,4]]")]
        rows += [{"label": 1, "boxes": "[[1,2,3,4]]"}]
        (finding,) = found("boxes_on_normal_films", manifest_of(rows))
        assert finding.image_ids == ("i2",)

    def test_fractures_without_boxes(self):
        bare = [{"label": 1, "boxes": "[]"}, {"label": 1, "boxes": ""}, {"label": 0, "boxes": "[]"}]
        assert found("fractures_without_boxes", manifest_of(bare)) == []
        (finding,) = found("fractures_without_boxes", manifest_of([*bare, {"label": 1, "boxes": "[[1,2,3,4]]"}]))
        assert (finding.severity, finding.image_ids) == ("note", ("i0", "i1"))
        assert finding.message.startswith("2 of 3 films labelled as fractured have no box")


def test_copies_alone_are_no_inferred_exam():
    rows = [{"split": "train", "body_part": "hip", "path": f"films/IMG{n:04}.png"} for n in range(30)]
    rows += [{"split": "train", "body_part": "hand", "path": f"films/IMG{n:04}.png"} for n in range(30, 60)]
    rows += [
        {"split": side, "body_part": "hand", "path": f"films/IMG{n}.png"}
        for side, n in zip(("test", "train"), (80, 90), strict=True)
    ]
    rows[5]["split"] = "test"
    copies = copies_of(len(rows), CopyLink(60, 61, "near", 0.95))
    (finding,) = found("groups_across_splits", manifest_of(rows), copies)
    assert finding.image_ids == ("i5",)
    assert "1 group of films" in finding.message
    assert "1 of 2 films of test (50.0 %) belongs to a group with films in train" in finding.message
    (finding,) = found("copies_across_splits", manifest_of(rows), copies)
    assert finding.image_ids == ("i60",)
