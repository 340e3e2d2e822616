"""The audit report: counts, tables and JSON, also of data sets in which nothing is as it should be."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from lucency.datasets.audit import Evidence, audit
from lucency.datasets.audit.copies import Copies, CopyLink
from lucency.datasets.audit.film_facts import FilmFacts
from lucency.datasets.audit.film_tables import CLUSTER_COLUMNS, clusters_table
from lucency.datasets.audit.joined_copies import joined_copies
from lucency.datasets.audit.random_split import split_at_random
from lucency.datasets.audit.report import AuditReport, build_report
from lucency.datasets.audit.survey import Survey
from lucency.datasets.manifest import Manifest
from lucency.datasets.manifest_file import MANIFEST_COLUMNS


def manifest_of(rows: list[dict[str, object]]) -> Manifest:
    blank = dict.fromkeys(MANIFEST_COLUMNS, "")
    films = [blank | {"image_id": f"i{n}", "sha256": f"{n:064x}", "label": n % 2} | row for n, row in enumerate(rows)]
    return Manifest(pd.DataFrame(films, columns=list(MANIFEST_COLUMNS)).astype({"label": "int64"}), source="test")


def survey_of(broken: list[bool]) -> Survey:
    sound = FilmFacts(sha256="0", size=9000, format="PNG", height=200, width=150, mean=90.0, high=200.0)
    lost = FilmFacts(sha256="1", size=80, format="JPEG", code="truncated", what="the file ends early")
    read = ~np.array(broken, dtype=bool)
    return Survey(
        tuple(lost if bad else sound for bad in broken),
        np.zeros((int(read.sum()), 160, 160), np.uint8),
        np.where(read, np.cumsum(read) - 1, -1),
    )


def report_of(evidence: Evidence, **given: object) -> AuditReport:
    empty = {"splits_are": "given", "look_up": {}, "shortcuts": [], "label_errors": None, "version": "1.0"}
    findings = audit(evidence.manifest, evidence.survey, evidence.copies)
    return build_report(evidence, **(empty | {"findings": findings} | given))


SPLITS = ("train", "train", "train", "test", "test", "val", "test", "test")
LEAKING = manifest_of([{"split": split} for split in SPLITS])
LINKS = (
    CopyLink(0, 3, "near", 0.97, turned=30.0, scale=0.8),
    CopyLink(2, 4, "near", 0.9),
    CopyLink(0, 2, "near", 0.93, turned=90.0, mirrored=True),
    CopyLink(1, 6, "bytes"),
)
COPIES = Copies(np.array([0, 1, 0, 0, 0, 5, 1, 7]), LINKS)
SURVEY = survey_of([False] * 7 + [True])


class TestCounts:
    report = report_of(Evidence(LEAKING, SURVEY, COPIES))
    plain = report.to_json()

    def test_films_and_classes(self):
        assert (self.plain["films"], self.plain["readable"], self.plain["distinct_radiographs"]) == (8, 7, 3)
        assert self.plain["classes"] == {
            "fractured": {"films": 4, "readable": 3, "distinct_radiographs": 3},
            "not_fractured": {"films": 4, "readable": 4, "distinct_radiographs": 2},
        }

    def test_splits(self):
        assert self.plain["splits"]["test"] == {
            "films": 4,
            "fractured": 2,
            "not_fractured": 2,
            "distinct_radiographs": 2,
            "distinct_fractured": 1,
            "distinct_not_fractured": 2,
        }

    def test_leakage(self):
        assert self.plain["leakage"]["test"] == {
            "films": 3,
            "with_copy_in_train": 3,
            "share_with_copy_in_train": 1.0,
            "by_class": {
                "fractured": {"films": 1, "with_copy_in_train": 1, "share_with_copy_in_train": 1.0},
                "not_fractured": {"films": 2, "with_copy_in_train": 2, "share_with_copy_in_train": 1.0},
            },
            "groups_in_train": None,
            "share_of_group_in_train": None,
            "groups_known_from": None,
        }
        assert self.plain["leakage"]["val"]["share_with_copy_in_train"] == 0.0
        assert self.plain["leakage"]["val"]["by_class"]["not_fractured"]["share_with_copy_in_train"] is None

    def test_duplicates(self):
        assert self.plain["duplicates"] == {
            "clusters": 2,
            "films_in_clusters": 6,
            "redundant": 4,
            "largest": 4,
            "by_kind": {"bytes": 1, "pixels": 0, "near": 3},
            "searched": "pixels",
        }

    def test_balance(self):
        balance = self.plain["balance"]
        assert sum(cell["films"] for cell in balance["cells"]) == 7
        assert balance["smallest_cell"]["films"] == 1
        assert balance["sensitivity"]["test"] == {
            "positives": 1,
            "distinct_positives": 1,
            "half_width": pytest.approx(0.98),
        }
        assert balance["sensitivity"]["val"]["half_width"] == pytest.approx(0.98)
        assert balance["patients"] == {"known": False, "used_instead": "copies only"}
        assert balance["exams"] is None

    def test_what_classifiers_told_is_passed_on(self):
        look_up = {
            "test": {"as_split": {"accuracy": 1.0, "auroc": 1.0, "majority_accuracy": 0.6}, "copies_grouped": None}
        }
        probe = {"probe": "border", "title": "The border", "auroc": 0.5, "severity": "note"}
        plain = report_of(
            Evidence(LEAKING, SURVEY, COPIES), look_up=look_up, shortcuts=[probe], label_errors={"films": 2}
        ).to_json()
        assert plain["look_up"] == {"val": None} | look_up
        assert plain["shortcuts"] == [probe]
        assert plain["label_errors"] == {"films": 2}
        assert (plain["schema"], plain["lucency"], plain["source"]) == (1, "1.0", "test")

    def test_findings_table(self):
        table = self.report.findings_table
        assert list(table["check"]) == [finding.check for finding in self.report.findings]
        assert table["films"][0] == len(table["image_ids"][0])


class TestTables:
    def test_films(self):
        films = report_of(Evidence(LEAKING, SURVEY, COPIES)).films
        assert list(films.columns) == [
            "image_id", "path", "label", "split", "cluster", "bytes", "format", "height", "width", "bits", "channels",
            "frames", "orientation", "quality", "mean", "deviation", "low", "high", "code", "what",
        ]  # fmt: skip
        assert list(films["cluster"]) == ["i0", "i1", "i0", "i0", "i0", "", "i1", ""]
        assert list(films["bytes"]) == [9000] * 7 + [80]
        assert films["code"][7] == "truncated"

    def test_films_that_nobody_decoded(self):
        films = report_of(Evidence(LEAKING)).films
        assert films["height"].isna().all()
        assert (films["cluster"] == "").all()

    def test_clusters_tell_how_each_film_joined(self):
        table = clusters_table(Evidence(LEAKING, SURVEY, COPIES))
        assert list(table.columns) == list(CLUSTER_COLUMNS)
        assert list(table["image_id"]) == ["i0", "i3", "i2", "i4", "i1", "i6"]
        assert list(table["cluster"]) == ["i0"] * 4 + ["i1"] * 2
        assert list(table["like"]) == ["", "i0", "i0", "i2", "", "i1"]
        assert list(table["kind"]) == ["", "near", "near", "near", "", "bytes"]
        assert list(table["turned"].fillna(-1)) == [-1, 30.0, 90.0, 0.0, -1, 0.0]
        assert list(table["split"][:2]) == ["train", "test"]

    def test_no_copies_give_an_empty_table(self):
        assert list(clusters_table(Evidence(LEAKING)).columns) == list(CLUSTER_COLUMNS)


class TestJoinedCopies:
    def test_a_link_is_told_from_the_film_that_was_there_before(self):
        links = (CopyLink(1, 2, "near", 0.9, turned=30.0, scale=0.5), CopyLink(0, 2, "near", 0.95))
        first, second = joined_copies(Copies(np.zeros(3, np.int64), links))
        assert (first.row, first.like, second.row, second.like) == (2, 0, 1, 2)
        assert (second.turned, second.scale) == (330.0, 2.0)

    def test_mirroring_undoes_itself(self):
        links = (CopyLink(1, 2, "near", 0.9, turned=30.0, mirrored=True), CopyLink(0, 2, "near", 0.95))
        joined = joined_copies(Copies(np.zeros(3, np.int64), links))[1]
        assert (joined.turned, joined.mirrored) == (30.0, True)

    def test_the_surest_link_counts(self):
        links = (CopyLink(0, 1, "near", 0.99), CopyLink(0, 1, "pixels"), CopyLink(0, 1, "pixels"))
        assert [copy.kind for copy in joined_copies(Copies(np.zeros(2, np.int64), links))] == ["pixels"]

    def test_films_that_no_link_reaches_are_not_lost(self):
        (copy,) = joined_copies(Copies(np.zeros(2, np.int64)))
        assert (copy.row, copy.like, copy.kind, copy.score) == (1, 0, "near", 0.0)


NUMBERED = [
    {"body_part": ("hand", "leg")[n // 4 % 2], "path": f"films/IMG{n:04}.png", "patient_id": f"p{n // 8}"}
    for n in range(64)
]

BROKEN = {
    "no films": Evidence(manifest_of([])),
    "no films, surveyed": Evidence(manifest_of([]), survey_of([]), Copies(np.zeros(0, np.int64))),
    "one film": Evidence(manifest_of([{}]), survey_of([False]), Copies(np.zeros(1, np.int64))),
    "one film that cannot be read": Evidence(manifest_of([{}]), survey_of([True]), Copies(np.zeros(1, np.int64))),
    "one class": Evidence(manifest_of([{"label": 1, "split": split} for split in SPLITS]), SURVEY, COPIES),
    "nothing readable": Evidence(LEAKING, survey_of([True] * 8), Copies(np.arange(8))),
    "nothing readable in train": Evidence(LEAKING, survey_of([True] * 3 + [False] * 5), Copies(np.arange(8))),
    "only test": Evidence(manifest_of([{"split": "test"}] * 8), SURVEY, COPIES),
    "only train": Evidence(manifest_of([{"split": "train"}] * 8), SURVEY, COPIES),
    "no val": Evidence(manifest_of([{"split": s.replace("val", "train")} for s in SPLITS]), SURVEY, COPIES),
    "half split": Evidence(manifest_of([{"split": s.replace("val", "")} for s in SPLITS]), SURVEY, COPIES),
    "at random": Evidence(split_at_random(manifest_of([{}] * 8)), SURVEY, COPIES),
    "all of them copies": Evidence(LEAKING, SURVEY, Copies(np.zeros(8, np.int64))),
    "nothing surveyed": Evidence(LEAKING),
    "exams": Evidence(split_at_random(manifest_of(NUMBERED))),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_report_of_anything_is_plain_json(name):
    evidence = BROKEN[name]
    report = report_of(evidence, splits_are="random" if name in ("at random", "exams") else "given")
    plain = report.to_json()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["films"] == len(report.films) == len(evidence.manifest)
    assert plain["distinct_radiographs"] <= plain["readable"] <= plain["films"]
    assert report.verdict.endswith(".")
    assert sum(counts["films"] for counts in plain["classes"].values()) == plain["films"]
    assert json.loads(report.films.to_json(orient="records")) is not None


def test_a_split_that_is_not_there_is_null():
    plain = report_of(BROKEN["no val"]).to_json()
    assert plain["splits"]["val"] is None
    assert plain["leakage"]["val"] is None
    assert plain["leakage"]["test"]["with_copy_in_train"] == 3
    assert report_of(BROKEN["nothing readable in train"]).to_json()["leakage"] == {"val": None, "test": None}


def test_exams_are_compared_with_given_patients():
    exams = report_of(BROKEN["exams"], splits_are="random").to_json()["balance"]["exams"]
    assert exams["inferred_groups"] == 16
    assert exams["agreement"]["pair_precision"] == 1.0
    assert exams["agreement"]["pair_recall"] == pytest.approx(2 * 6 / 28)


def test_damage_that_tells_the_class_is_the_verdict():
    rows = [{"split": ("train", "test")[n % 2], "label": int(n < 40)} for n in range(80)]
    evidence = Evidence(manifest_of(rows), survey_of([n < 12 for n in range(80)]), Copies(np.arange(80)))
    (damage,) = [finding for finding in audit(evidence.manifest, evidence.survey) if "chance" in finding.evidence]
    assert report_of(evidence).verdict == damage.message
