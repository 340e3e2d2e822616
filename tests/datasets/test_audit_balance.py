"""What the audit says of classes, cells, widths, patients and exams."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lucency.datasets.audit import CHECKS, Evidence, Finding
from lucency.datasets.audit.balance import half_width
from lucency.datasets.audit.copies import Copies
from lucency.datasets.audit.random_split import split_at_random
from lucency.datasets.manifest import Manifest
from lucency.datasets.manifest_file import MANIFEST_COLUMNS


def manifest_of(rows: list[dict[str, object]]) -> Manifest:
    blank = dict.fromkeys(MANIFEST_COLUMNS, "")
    films = [blank | {"image_id": f"i{n}", "sha256": f"{n:064x}", "label": n % 2} | row for n, row in enumerate(rows)]
    return Manifest(pd.DataFrame(films), source="test")


def found(name: str, manifest: Manifest, copies: Copies | None = None) -> list[Finding]:
    (check,) = [check for check in CHECKS if check.name == name]
    return check.run(Evidence(manifest, copies=copies))


def test_class_balance_names_the_majority():
    (finding,) = found("class_balance", manifest_of([{"label": int(n < 9)} for n in range(10)]))
    assert 'always answering "fractured" is 90.0 % accurate' in finding.message


def test_tiny_splits():
    rows = [{"split": "val", "label": int(n < 29)} for n in range(80)] + [{"split": "test"} for _ in range(80)]
    (finding,) = found("tiny_splits", manifest_of(rows))
    assert finding.evidence == {"split": "val", "fractured": 29, "not_fractured": 51}


def test_a_random_split_is_called_one():
    findings = found("tiny_splits", split_at_random(manifest_of([{}] * 40)))
    assert [finding.message.split(" has ")[0] for finding in findings] == ["A random val", "A random test"]


class TestLopsided:
    def test_a_body_part_of_one_class(self):
        rows = [{"body_part": "hip", "label": int(n == 0)} for n in range(30)]
        rows += [{"body_part": "hand", "label": n % 2} for n in range(60)]
        (finding,) = found("lopsided_columns", manifest_of(rows))
        assert finding.evidence["values"] == {"hip": {"films": 30, "fractured": 1}}
        assert finding.image_ids == tuple(f"i{n}" for n in range(30))
        assert "hip (1 of 30 fractured); of all films 34.4 % are fractured" in finding.message

    def test_a_view_of_one_class(self):
        rows = [{"view": "oblique", "label": 1} for _ in range(20)]
        rows += [{"view": "frontal", "label": 0} for _ in range(20)]
        (finding,) = found("lopsided_columns", manifest_of(rows))
        assert list(finding.evidence["values"]) == ["frontal", "oblique"]

    @pytest.mark.parametrize(
        ("films", "fractured", "others", "why"),
        [(19, 0, 60, "too few"), (30, 2, 60, "only 93 %"), (30, 0, 0, "the whole set is of one class")],
    )
    def test_what_is_not_lopsided(self, films, fractured, others, why):
        rows = [{"body_part": "hip", "label": int(n < fractured)} for n in range(films)]
        rows += [{"body_part": "hand", "label": n % 2} for n in range(others)]
        assert found("lopsided_columns", manifest_of(rows)) == [], why

    def test_a_rare_class_is_rare_everywhere(self):
        rows = [{"body_part": ("hip", "hand")[n % 2], "label": int(n % 50 == 0)} for n in range(200)]
        assert found("lopsided_columns", manifest_of(rows)) == []


class TestSmallestCell:
    def test_is_named(self):
        rows = [{"split": "train", "body_part": "hip", "view": "frontal", "label": n % 2} for n in range(20)]
        rows += [{"split": "test", "body_part": "hand", "view": "lateral", "label": 1}] * 2
        (finding,) = found("smallest_cell", manifest_of(rows))
        assert finding.evidence == {
            "split": "test",
            "label": "fractured",
            "body_part": "hand",
            "view": "lateral",
            "films": 2,
        }
        assert "has 2 films (test, fractured, hand, lateral)" in finding.message

    def test_says_nothing_where_neither_body_part_nor_view_is_known(self):
        assert found("smallest_cell", manifest_of([{}] * 4)) == []


class TestSensitivityWidth:
    def test_fifty_positives_give_fourteen_points(self):
        rows = [{"split": "test", "label": 1}] * 50 + [{"split": "train", "label": n % 2} for n in range(20)]
        (finding,) = found("sensitivity_width", manifest_of(rows))
        assert finding.message.startswith("With 50 positives in test, your sensitivity is known to ±14 points")
        assert finding.evidence["half_width"] == pytest.approx(0.1386, abs=1e-4)

    def test_copies_add_no_certainty(self):
        rows = [{"split": "test", "label": 1}] * 50
        (finding,) = found("sensitivity_width", manifest_of(rows), Copies(np.arange(50) // 5 * 5))
        assert "With 50 positives that show 10 distinct radiographs in test" in finding.message
        assert finding.evidence["half_width"] == half_width(10)

    def test_validation_films_speak_where_there_is_no_test(self):
        (finding,) = found("sensitivity_width", manifest_of([{"split": "val", "label": 1}] * 10))
        assert finding.evidence["split"] == "val"

    def test_enough_is_enough(self):
        assert found("sensitivity_width", manifest_of([{"split": "test", "label": 1}] * 400)) == []

    def test_one_positive_tells_next_to_nothing(self):
        assert half_width(0) is None
        assert half_width(1) == pytest.approx(0.98)


NUMBERED = [
    {"body_part": ("hand", "leg")[n // 4 % 2], "path": f"films/IMG{n:04}.png", "label": n // 4 % 2} for n in range(60)
]


class TestPatients:
    def test_nothing_is_known_and_nothing_can_be_inferred(self):
        (finding,) = found("unknown_patients", manifest_of([{}] * 4))
        assert finding.evidence["used_instead"] == "equal bytes only"
        (finding,) = found("unknown_patients", manifest_of([{}] * 4), Copies(np.arange(4)))
        assert finding.evidence["used_instead"] == "copies only"

    def test_exams_are_inferred_where_nothing_is_known(self):
        (finding,) = found("unknown_patients", manifest_of(NUMBERED))
        assert "exams inferred from equal bytes and neighbouring image numbers" in finding.message
        (exams,) = found("inferred_exams", manifest_of(NUMBERED))
        assert exams.evidence == {"inferred_groups": 15, "agreement": None}

    def test_inferred_exams_are_compared_with_given_groups(self):
        rows = [row | {"group": f"g{n // 4}"} for n, row in enumerate(NUMBERED)]
        assert found("unknown_patients", manifest_of(rows)) == []
        (finding,) = found("inferred_exams", manifest_of(rows))
        assert finding.evidence["agreement"]["adjusted_rand"] == 1.0
        assert "Of the 60 films whose group is given, 100.0 % are in exactly the same group" in finding.message

    def test_inferred_exams_on_two_sides(self):
        rows = [row | {"split": "test" if n % 8 == 3 else "train"} for n, row in enumerate(NUMBERED)]
        (finding,) = found("groups_across_splits", manifest_of(rows))
        assert finding.evidence["known_from"] == "inferred"
        assert finding.evidence["share"] == 1.0
        assert "probably one exam" in finding.message
