"""The audit from folder to report: leakage that was planted, what is kept, what is refused, what is cleaned."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from heard import Heard
from leaky_films import TEST, TURNED

from lucency.datasets.audit.copies import Copies, CopyLink
from lucency.datasets.manifest import Manifest
from lucency.errors import DatasetError, MissingExtraError, ResourceError, RunError
from lucency.workflows import audit_answers, audit_films
from lucency.workflows.audit import Audited, audit
from lucency.workflows.audit import audit_films as audit_whole
from lucency.workflows.audit_films import compare_films
from lucency.workflows.checked_films import check_films
from lucency.workflows.kept_copies import keep_copies, kept_copies
from lucency.workflows.scan import read_films
from lucency.workflows.teller import Teller


def test_planted_leakage_is_told_first(audited: Audited) -> None:
    report = audited.report
    leak = report.leakage["test"]
    assert leak is not None
    assert leak["films"] == 2 * TEST
    assert leak["with_copy_in_train"] >= 2 * TURNED
    planted = {name for name in report.films["image_id"] if "turned_" in name}
    clusters = report.clusters.groupby("cluster")["image_id"].agg(set)
    for name in planted:
        twin = name.replace("train", "test").replace("turned_", "")
        assert any({name, twin} <= films for films in clusters), name
    assert f"{100 * leak['share_with_copy_in_train']:.1f} % of your test films are copies" in report.verdict
    assert report.splits_are == "given"
    assert [finding.severity for finding in report.findings] == sorted(
        (finding.severity for finding in report.findings), key=("error", "warning", "note").index
    )
    codes = {finding.evidence.get("code") for finding in report.findings if finding.check == "files"}
    assert "truncated" in codes


def test_what_is_written_is_what_was_found(audited: Audited) -> None:
    import pandas as pd

    report = audited.report
    assert {path.name for path in audited.files} == {
        "audit.json",
        "films.csv",
        "clusters.csv",
        "findings.csv",
        "audit.html",
    }
    assert json.loads((audited.folder / "audit.json").read_text("utf-8")) == json.loads(json.dumps(report.to_json()))
    assert list(pd.read_csv(audited.folder / "films.csv")["image_id"]) == list(report.films["image_id"])
    assert len(pd.read_csv(audited.folder / "clusters.csv")) == len(report.clusters)
    findings = pd.read_csv(audited.folder / "findings.csv")
    assert [json.loads(cell) for cell in findings["image_ids"]] == [list(one.image_ids) for one in report.findings]
    page = (audited.folder / "audit.html").read_text("utf-8")
    assert "data:image/jpeg;base64," in page
    assert "of your test films are copies" in page
    made = page[page.index("How it was made") :]
    for package in ("opencv", "faiss-cpu", "scikit-learn", "matplotlib"):
        assert package in made, package
    for package in ("tensorflow", "keras", "onnx", "cleanlab", "pydicom"):
        assert package not in made, package
    # Where training keeps its films, too.
    assert (audited.folder.parents[1] / "prepared" / "audits").is_dir()


def test_a_second_audit_looks_at_nothing_again(audited: Audited, leaky: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("done again")

    monkeypatch.setattr("lucency.datasets.audit.survey_films.measure_film", refuse)
    monkeypatch.setitem(sys.modules, "lucency.datasets.audit.near_copies", None)
    monkeypatch.setattr(audit_answers, "_ask", refuse)
    again = audit_whole(leaky, out=audited.folder.with_name("again"))
    assert again.report.to_json() == audited.report.to_json()
    assert again.report.films.equals(audited.report.films)


def test_other_labels_are_probed_anew_but_films_are_not_compared_again(
    audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = audited.given.table
    other = Manifest(table.assign(label=1 - table["label"]), audited.given.source)
    monkeypatch.setitem(sys.modules, "lucency.datasets.audit.near_copies", None)
    asked: list[bool] = []
    ask = audit_answers._ask
    monkeypatch.setattr(audit_answers, "_ask", lambda *words: asked.append(True) or ask(*words))
    report = audit(other, out=audited.folder.with_name("other"), shortcuts=False)
    assert asked
    assert report.classes["fractured"]["films"] == audited.report.classes["not_fractured"]["films"]
    assert report.distinct_radiographs == audited.report.distinct_radiographs


def test_an_interrupted_audit_goes_on(leaky: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "runs" / "audit" / "films"
    with monkeypatch.context() as broken:
        broken.setattr("lucency.datasets.audit.near_copies.find_copies", interrupt)
        with pytest.raises(KeyboardInterrupt):
            audit(leaky, out=out, shortcuts=False)
    assert not (out / "audit.json").exists()
    monkeypatch.setattr("lucency.datasets.audit.survey_films.measure_film", interrupt)
    assert audit(leaky, out=out, shortcuts=False).distinct_radiographs > 70


def test_copies_are_kept_by_content_in_any_order(audited: Audited, tmp_path: Path) -> None:
    given, survey = audited.given, audited.evidence.survey
    assert survey is not None
    ids = list(given.table["image_id"])
    copies = audited.evidence.copies
    assert copies is not None
    one, two = (copies.sets()[0][place] for place in (0, 1))
    made = Copies(copies.cluster, (CopyLink(one, two, "near", 0.9, turned=30.0, scale=2.0), *copies.links))
    keep_copies(made, given, survey, tmp_path)
    turned = np.arange(len(given))[::-1]
    back = Manifest(given.table.iloc[turned].reset_index(drop=True), given.source)
    seen = type(survey)(tuple(survey.facts[row] for row in turned), survey.thumbs, survey.rows[turned])
    found = kept_copies(back, seen, tmp_path)
    assert found is not None
    named = {frozenset(back.table["image_id"].iloc[rows]) for rows in found.sets()}
    assert named == {frozenset(ids[row] for row in rows) for rows in copies.sets()}
    assert all(link.first < link.second for link in found.links)
    (link,) = [link for link in found.links if link.scale == 0.5]
    assert (link.turned, link.score) == (330.0, 0.9)
    # Another content is another question.
    fewer = type(survey)(survey.facts[1:], survey.thumbs, survey.rows[1:])
    assert kept_copies(given.keep(given.table["image_id"] != ids[0]), fewer, tmp_path) is None
    for file in (tmp_path / "audits").iterdir():
        file.write_text('{"cluster": [0]')
    assert kept_copies(given, survey, tmp_path) is None


@pytest.mark.parametrize(
    ("films", "verdict"),
    [
        ({"fractured": 4}, "All 4 films are fractured"),
        ({"fractured": 1}, "The only film is fractured"),
        ({"fractured": -2, "not_fractured": -2}, "None of the 4 films can be read."),
        ({"fractured": 1, "not_fractured": -1}, ""),
    ],
)
def test_what_training_refuses_is_audited(
    drawn_films: Path, tmp_path: Path, films: dict[str, int], verdict: str
) -> None:
    good = sorted((drawn_films / "Fractured").iterdir())
    for name, number in films.items():
        (tmp_path / "d" / name).mkdir(parents=True)
        for film in good[: abs(number)]:
            content = film.read_bytes()
            (tmp_path / "d" / name / film.name).write_bytes(content if number > 0 else content[:300])
    report = audit(tmp_path / "d", out=tmp_path / "a", html=True)
    assert report.verdict.startswith(verdict)
    assert len(report.films) == sum(map(abs, films.values()))
    assert report.splits_are == "random"


def test_what_is_no_data_set_is_refused(drawn_films: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "table.csv").write_text("path,label\nnowhere.jpg,1\n")
    for data in (tmp_path / "empty", tmp_path / "nowhere", tmp_path / "table.csv"):
        with pytest.raises(DatasetError):
            audit(data, out=tmp_path / "a")
    with pytest.raises(ResourceError, match="cannot be made"):
        audit(drawn_films, out=tmp_path / "file")
    with pytest.raises(DatasetError, match="read_films"):
        audit(read_films(drawn_films), labels={"x": 1}, out=tmp_path / "a")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    with pytest.raises(RunError, match="holds a run"):
        audit(drawn_films, out=tmp_path / "run")
    with pytest.raises(RunError, match=r"out_of_fold\.csv"):
        audit(drawn_films, run=tmp_path / "empty", out=tmp_path / "a")


def test_missing_packages_are_named_and_training_says_so(
    drawn_films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lucency.datasets.audit.near_copies", None)
    with pytest.raises(MissingExtraError, match=r"near copies") as raised:
        audit(drawn_films, out=tmp_path / "a")
    assert raised.value.extra == "audit"
    heard = Heard()
    films = read_films(drawn_films)
    checked = check_films(films, tmp_path / "prepared", workers=None, teller=heard)
    assert checked.copies is None
    (line,) = heard.lines
    assert line.startswith("Only equal bytes are known as copies")
    assert 'pip install "lucency[audit]"' in line
    assert checked.keep_together(films, heard) is films


def test_where_labels_may_be_wrong_a_cross_validation_tells(audited: Audited, leaky: Path, tmp_path: Path) -> None:
    table = audited.given.table
    wrong = set(table["image_id"][table["label"] == 1].iloc[:3])
    rows = [
        f"{name},{label},,{0.95 if label and name not in wrong else 0.05}"
        for name, label in zip(table["image_id"], table["label"], strict=True)
    ]
    (tmp_path / "out_of_fold.csv").write_text("image_id,label,group,probability\n" + "\n".join(rows) + "\n")
    report = audit(leaky, run=tmp_path, out=audited.folder.with_name("doubted"), shortcuts=False)
    assert report.label_errors is not None
    assert {suspect["image_id"] for suspect in report.label_errors["suspects"]} == wrong
    (tmp_path / "out_of_fold.csv").write_text("image_id,label,group,probability\nelsewhere.jpg,1,,0.5\n")
    with pytest.raises(RunError, match="answered none"):
        audit(leaky, run=tmp_path, out=audited.folder.with_name("doubted"))


def test_the_folder_of_an_audit_is_named_for_the_data(drawn_films: Path, tmp_path: Path) -> None:
    assert audit_films.audit_folder("some/films/", None) == Path("runs/audit/films")
    assert audit_films.audit_folder("labels.csv", None) == Path("runs/audit/labels")
    assert audit_films.audit_folder(read_films(drawn_films), None) == Path("runs/audit", drawn_films.name)
    assert audit_films.prepared_beside(tmp_path / "runs" / "audit" / "x") == tmp_path / "runs" / "prepared"
    assert audit_films.prepared_beside(tmp_path / "runs" / "x") == tmp_path / "runs" / "prepared"


def test_near_copies_come_with_how_they_lie(audited: Audited) -> None:
    assert audited.evidence.survey is not None
    prepared = audited.folder.parents[1] / "prepared"
    again = compare_films(audited.given, audited.evidence.survey, prepared, workers=None, teller=Teller())
    assert audited.evidence.copies is not None
    np.testing.assert_array_equal(again.cluster, audited.evidence.copies.cluster)
    rows = audited.report.clusters
    turned = rows[rows["image_id"].str.contains("turned_") | rows["like"].astype(str).str.contains("turned_")]
    near = turned[turned["kind"] == "near"]["turned"].astype(float)
    assert ((near % 90).between(0, 5) | (near % 90).between(85, 90)).mean() > 0.5


def test_folders_that_differ_after_a_dot_have_their_own_audit(tmp_path: Path) -> None:
    for name in ("set.v1", "set.v2"):
        (tmp_path / name).mkdir()
        assert audit_films.audit_folder(tmp_path / name, None).name == name
    (tmp_path / "films.csv").touch()
    assert audit_films.audit_folder(tmp_path / "films.csv", None).name == "films"


def test_a_table_does_not_hide_a_file_that_changed(audited: Audited, tmp_path: Path) -> None:
    table = audited.given.table
    kept = table["sha256"].tolist()
    stale = Manifest(table.assign(sha256=["0" * 64, *kept[1:]]).astype({"sha256": "str"}), "stale")
    stale.write(tmp_path / "films.csv")
    found = audit_films.films_to_audit(tmp_path / "films.csv")
    assert found.table["sha256"].tolist() == kept
    assert sum("1 film differs from the sha256 in the table" in note for note in found.notes) == 1
    found.write(tmp_path / "films.csv")
    assert not any("differ" in note for note in audit_films.films_to_audit(tmp_path / "films.csv").notes)


def test_answers_are_not_kept_for_films_that_became_readable(audited: Audited) -> None:
    survey = audited.evidence.survey
    assert survey is not None
    other = replace(audited.evidence, survey=replace(survey, rows=np.where(survey.rows == 0, -1, survey.rows)))
    keys = {audit_answers._key(evidence, [], False, None) for evidence in (audited.evidence, other)}
    assert len(keys) == 2


def test_the_finding_counts_radiographs_as_the_report_does(audited: Audited) -> None:
    report = audited.report
    finding = next(one for one in report.findings if one.check == "duplicates" and "distinct" in one.evidence)
    assert report.readable < len(report.films)
    assert finding.evidence["distinct"] == report.distinct_radiographs
    assert f"readable films hold {report.distinct_radiographs} distinct radiographs" in finding.message


@pytest.mark.parametrize("out", [".", "audit", "runs/audit/films", "Fractured/x", ".hidden"])
def test_an_audit_is_not_written_among_the_films(
    out: str, drawn_films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("films").symlink_to(drawn_films)
    before = sorted(drawn_films.rglob("*"))
    for data in (Path("films"), drawn_films):
        with pytest.raises(DatasetError, match=r"not written among the films\. Give --out"):
            audit(data, out=Path("films", out))
    monkeypatch.chdir(drawn_films)
    with pytest.raises(DatasetError, match="not written among the films"):
        audit(".")
    assert sorted(drawn_films.rglob("*")) == before
