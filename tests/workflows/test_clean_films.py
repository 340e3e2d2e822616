"""What follows an audit: a cleaned table, training that keeps copies together, quarantine."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from heard import Heard

from lucency.datasets.audit import Evidence
from lucency.datasets.audit.copies import Copies, CopyLink
from lucency.datasets.audit.film_facts import FilmFacts
from lucency.datasets.audit.survey import Survey
from lucency.datasets.manifest import Manifest
from lucency.datasets.manifest_file import MANIFEST_COLUMNS
from lucency.errors import DatasetError, StrictError
from lucency.workflows import clean_films as clean_films_module
from lucency.workflows.audit import Audited
from lucency.workflows.audit import audit_films as audit_whole
from lucency.workflows.audit_films import decode_once, films_to_audit
from lucency.workflows.clean_films import clean_films
from lucency.workflows.group_copies import group_copies
from lucency.workflows.put_aside import put_aside
from lucency.workflows.quarantine import restore
from lucency.workflows.scan import read_films
from lucency.workflows.teller import Teller
from lucency.workflows.train import train

SMALL = ("input.height=64", "input.width=64", "training.epochs=1", "training.batch_size=32")


def test_cleaned_films_are_free_of_leakage_and_can_be_trained_on(audited: Audited, tmp_path: Path) -> None:
    folder = audited.folder.with_name("cleaned")
    before = {path: Path(path).read_bytes() for path in audited.given.table["path"]}
    cleaned = clean_films(audited.given, audited.evidence, folder)
    table, left = cleaned.table, cleaned.left
    assert {path: Path(path).read_bytes() for path in before} == before
    reasons = {film.image_id: film.reason for film in left}
    for number in range(3):
        assert reasons[f"train/not_fractured/cut{number}.jpg"] == "unreadable"
    assert reasons["train/fractured/both.jpg"] == "contradictory"
    twice = [film for film in left if film.reason == "copy"]
    assert all(film.like and film.like[0] not in reasons for film in twice)
    assert any("twice_" in name for film in twice for name in (film.image_id, *film.like))
    record = json.loads((folder / "cleaned.json").read_text("utf-8"))
    assert record["kept"] + len(record["left_out"]) == record["films"] == len(audited.given)
    assert [film["image_id"] for film in record["left_out"]] == [film.image_id for film in left]

    again = audit_whole(table, out=folder.with_name("again"), shortcuts=False)
    again.refuse("error")
    assert not [one for one in again.report.findings if one.check in ("leakage", "labels") and one.severity != "note"]
    assert {split: leak["with_copy_in_train"] for split, leak in again.report.leakage.items() if leak} == {
        "val": 0,
        "test": 0,
    }
    result = train(table, recipe="tiny-vgg", overrides=SMALL, out=folder.parents[1] / "first", through="trained")
    findings = json.loads((result.run / "findings.json").read_text("utf-8"))
    assert findings[0]["check"] == "leakage"
    assert findings[0]["severity"] == "note"


def test_training_keeps_copies_together_and_opens_with_leakage(leaky: Path, audited: Audited, tmp_path: Path) -> None:
    runs = audited.folder.parents[1]
    heard = Heard()
    free = Manifest(audited.given.table.assign(split="").astype({"split": "str"}), audited.given.source)
    free.write(tmp_path / "free.csv")
    result = train(
        tmp_path / "free.csv", recipe="tiny-vgg", overrides=SMALL, out=runs / "free", through="trained", teller=heard
    )
    table = Manifest.read(result.run / "manifest.csv").table.set_index("image_id")
    for name in table.index[table.index.str.contains("turned_")]:
        twin = name.replace("train", "test").replace("turned_", "")
        assert table.loc[name, "split"] == table.loc[twin, "split"]
        assert table.loc[name, "group"] == table.loc[twin, "group"] != ""
    assert any("kept together" in line for line in heard.lines)
    findings = json.loads((result.run / "findings.json").read_text("utf-8"))
    first = next(one for one in findings if one["check"] == "leakage")
    assert first["severity"] == "note"
    assert first == next(one for one in findings if one["severity"] == "note")
    assert "No copy was found on two sides" in first["message"]

    with pytest.raises(StrictError):
        train(leaky, recipe="tiny-vgg", overrides=SMALL, out=runs / "strict", strict=True)
    findings = json.loads((runs / "strict" / "findings.json").read_text("utf-8"))
    assert next(one for one in findings if one["severity"] == "warning")["check"] == "leakage"


def test_groups_say_only_what_copies_add(drawn_films: Path) -> None:
    films = read_films(drawn_films)
    none = Copies(np.arange(len(films)))
    assert group_copies(films, none) == (films, "")
    table = films.table.assign(group=["a", "a", *[""] * (len(films) - 2)], patient_id="", study_id="")
    given = Manifest(table.astype({"group": "str"}), films.source)
    cluster = np.arange(len(films))
    cluster[[5, 6]] = [1, 5]
    cluster[6] = 5
    cluster[5] = 5
    cluster[2] = 1
    grown, note = group_copies(given, Copies(cluster))
    groups = list(grown.table["group"])
    assert groups[0] == groups[1] == groups[2] != ""
    assert groups[5] == groups[6] != ""
    assert groups[5] != groups[0]
    assert groups[3] == groups[4] == groups[7] == ""
    assert "5 films are kept together in 2 groups" in note
    assert note in grown.notes


def linked_films(films: int, *links: CopyLink) -> tuple[Manifest, Evidence]:
    """Sound films without files, labelled in turn, of which some are linked as copies."""
    blank = dict.fromkeys(MANIFEST_COLUMNS, "")
    rows = [blank | {"image_id": f"i{n:02}", "sha256": f"{n:064x}", "label": n % 2} for n in range(films)]
    manifest = Manifest(pd.DataFrame(rows).astype({"label": "int64"}), "films (table)")
    facts = tuple(FilmFacts(sha256=f"{n:064x}", pixel_sha256=f"{n:x}") for n in range(films))
    cluster = np.arange(films)
    for link in links:
        cluster[cluster == cluster[link.second]] = cluster[link.first]
    survey = Survey(facts, np.zeros((films, 160, 160), np.uint8), np.arange(films))
    return manifest, Evidence(manifest, survey, Copies(cluster, links))


def test_only_sure_copies_under_both_labels_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    links = [CopyLink(0, 1, "near", 0.9), CopyLink(2, 3, "near", 0.89), CopyLink(4, 5, "pixels")]
    films, evidence = linked_films(40, *links, CopyLink(6, 8, "near", 0.95), CopyLink(8, 9, "near", 0.85))

    def compared(films: Manifest, *_: object, **__: object) -> Copies:
        row_of = {name: row for row, name in enumerate(films.table["image_id"])}
        cluster = np.arange(len(films))
        for some in (("i02", "i03"), ("i06", "i08", "i09")):
            cluster[[row_of[name] for name in some]] = row_of[some[0]]
        return Copies(cluster)

    monkeypatch.setattr(clean_films_module, "compare_films", compared)
    cleaned = clean_films(films, evidence, tmp_path)
    assert {film.image_id: film.reason for film in cleaned.left} == dict.fromkeys(
        ("i00", "i01", "i04", "i05"), "contradictory"
    )
    (finding,) = cleaned.findings
    assert finding.severity == "warning"
    assert finding.message.startswith("2 radiographs may stand under both labels")
    assert finding.image_ids == ("i02", "i03", "i06", "i08", "i09")
    assert json.loads((tmp_path / "cleaned.json").read_text("utf-8"))["findings"] == [finding.to_json()]
    table = pd.read_csv(tmp_path / "cleaned.csv", keep_default_na=False).set_index("image_id")
    for some in (["i02", "i03"], ["i06", "i08", "i09"]):
        assert len(set(table.loc[some, "group"]) - {""}) == 1
        assert len(set(table.loc[some, "split"])) == 1


def test_a_cleaning_that_comes_to_no_end_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    films, evidence = linked_films(60)
    looks = []

    def compared(films: Manifest, *_: object, **__: object) -> Copies:
        looks.append(len(films))
        cluster = np.arange(len(films))
        cluster[1] = 0
        return Copies(cluster, (CopyLink(0, 1, "near", 0.99),))

    monkeypatch.setattr(clean_films_module, "compare_films", compared)
    cleaned = clean_films(films, replace(evidence, copies=compared(films)), tmp_path)
    assert looks == [60, 58, 56, 54, 52, 50]
    assert len(cleaned.left) == 10
    (finding,) = cleaned.findings
    assert "Copies were looked for 6 times" in finding.message
    assert finding.image_ids == ("i10", "i11")
    table = pd.read_csv(tmp_path / "cleaned.csv", keep_default_na=False)
    assert set(table["group"][:2]) == {"with i10"}


def test_damaged_films_are_put_aside_and_come_back(leaky: Path, tmp_path: Path) -> None:
    films = Path(shutil.copytree(leaky, tmp_path / "films"))
    before = {path.relative_to(films): path.read_bytes() for path in films.rglob("*.jpg")}
    whole = audit_whole(films, out=tmp_path / "a", shortcuts=False)
    with pytest.raises(DatasetError, match="among the films"):
        put_aside(films, whole.evidence, films / "bad")
    done, stay = put_aside(films, whole.evidence, tmp_path / "bad")
    assert done is not None
    assert {Path(name).name for name in done.moved} == {"cut0.jpg", "cut1.jpg", "cut2.jpg"}
    assert stay == []
    assert len(films_to_audit(films)) == len(before) - 3
    assert all(outcome.back for outcome in restore(tmp_path / "bad"))
    assert {path.relative_to(films): path.read_bytes() for path in films.rglob("*.jpg")} == before


def test_films_that_another_day_may_read_are_not_put_aside(drawn_films: Path, tmp_path: Path) -> None:
    films = read_films(drawn_films)
    survey = decode_once(films, tmp_path, workers=None, teller=Teller())
    facts = (replace(survey.facts[0], code="missing_extra", what="needs pydicom"), *survey.facts[1:])
    done, stay = put_aside(drawn_films, Evidence(films, replace(survey, facts=facts)), tmp_path / "bad")
    assert (done, stay) == (None, [films.table["image_id"].iloc[0]])
    assert not (tmp_path / "bad").exists()
