from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw
from scipy.stats import hypergeom

from lucency.datasets.audit import damage_by_class as damage_module
from lucency.datasets.audit import file_checks
from lucency.datasets.audit.damage_by_class import damage_by_class, one_sided_chance
from lucency.datasets.audit.evidence import Evidence
from lucency.datasets.audit.film_facts import FilmFacts
from lucency.datasets.audit.survey import Survey
from lucency.datasets.audit.survey_films import survey_films
from lucency.datasets.layouts import scan
from lucency.datasets.manifest import Manifest
from lucency.datasets.manifest_file import MANIFEST_COLUMNS
from lucency.datasets.synthetic import draw_film

GOOD = FilmFacts(
    format="JPEG",
    height=400,
    width=300,
    channels=3,
    mean=80.0,
    deviation=50.0,
    low=3.0,
    high=240.0,
    flat=0.2,
    levels=250,
)
CHECKS = (
    file_checks.unreadable,
    file_checks.noticed,
    file_checks.wrong_suffix,
    file_checks.several_frames,
    file_checks.turned_by_exif,
    file_checks.deep_films,
    file_checks.lost_depth,
    file_checks.coloured,
    file_checks.blank,
    file_checks.tiny,
    file_checks.strips,
    damage_by_class,
)


def evidence_of(facts: Sequence[FilmFacts], labels: Sequence[int] | None = None, suffix: str = ".jpg") -> Evidence:
    labels = labels or [row % 2 for row in range(len(facts))]
    names = [f"{row}{suffix}" for row in range(len(facts))]
    table = pd.DataFrame({"image_id": names, "path": [f"/films/{name}" for name in names], "label": labels})
    table = table.assign(**{name: "" for name in MANIFEST_COLUMNS if name not in table.columns})
    survey = Survey(tuple(facts), np.zeros((0, 160, 160), np.uint8), np.full(len(facts), -1, np.int64))
    return Evidence(Manifest(table, "test"), survey)


def damaged(code: str) -> FilmFacts:
    return FilmFacts(code=code, what="It is broken")


@pytest.mark.parametrize("check", CHECKS)
def test_without_a_survey_and_on_good_films_nothing_is_found(check):
    assert check(evidence_of([GOOD] * 20)) == []
    assert check(replace(evidence_of([GOOD] * 20), survey=None)) == []
    assert check(evidence_of([])) == []


@pytest.mark.parametrize(
    ("check", "changes", "severity"),
    [
        ("wrong_suffix", {"format": "PNG"}, "note"),
        ("several_frames", {"frames": 4}, "note"),
        ("turned_by_exif", {"orientation": 6}, "note"),
        ("deep_films", {"bits": 16}, "note"),
        ("lost_depth", {"jumps": 0.1}, "warning"),
        ("lost_depth", {"white": 0.7, "flat": 0.7}, "note"),
        ("coloured", {"colour": 0.004}, "warning"),
        ("coloured", {"colour": 0.6}, "note"),
        ("blank", {"low": 10.0, "high": 12.0}, "warning"),
        ("blank", {"flat": 0.99}, "warning"),
        ("tiny", {"height": 40}, "note"),
        ("strips", {"width": 1700}, "note"),
        ("noticed", {"warnings": ("It was guessed.",)}, "note"),
    ],
)
def test_one_film_among_others(check, changes, severity):
    facts = [GOOD, replace(GOOD, **changes), GOOD, damaged("corrupt")]
    (finding,) = getattr(file_checks, check)(evidence_of(facts))
    assert (finding.check, finding.severity, finding.image_ids) == ("files", severity, ("1.jpg",))
    assert finding.evidence["films"] == 1
    assert finding.message.startswith("1 film")
    assert finding.action
    json.dumps(finding.to_json())
    two = getattr(file_checks, check)(evidence_of([*facts, facts[1]]))[0]
    assert two.image_ids == ("1.jpg", "4.jpg")
    assert two.message.startswith("2 films")


def test_a_picture_is_told_once_of_its_frames():
    facts = replace(GOOD, frames=3, warnings=("The file holds 3 pages; only the first was read.",))
    evidence = evidence_of([GOOD, facts])
    assert file_checks.noticed(evidence) == []
    assert "only the first" in file_checks.several_frames(evidence)[0].message


@pytest.mark.parametrize(
    ("suffix", "kind", "found"),
    [
        (".JPG", "JPEG", False),
        (".jpeg", "JPEG", False),
        ("", "DICOM", False),
        (".103", "DICOM", False),
        (".dcm", "DICOM", False),
        (".png", "JPEG", True),
        (".TIF", "PNG", True),
        (".dcm", "JPEG", True),
    ],
)
def test_suffixes(suffix, kind, found):
    findings = file_checks.wrong_suffix(evidence_of([replace(GOOD, format=kind)], suffix=suffix))
    assert bool(findings) == found
    if found:
        assert findings[0].evidence["names"] == {f"{kind} named {suffix.lower()}": 1}


def test_unreadable_films_are_errors_one_for_each_code():
    facts = [GOOD, damaged("truncated"), damaged("truncated"), damaged("too_large"), damaged("multi_frame")]
    found = file_checks.unreadable(evidence_of(facts))
    assert [(one.severity, one.evidence["code"], one.image_ids) for one in found] == [
        ("error", "multi_frame", ("4.jpg",)),
        ("error", "too_large", ("3.jpg",)),
        ("error", "truncated", ("1.jpg", "2.jpg")),
    ]


def test_damage_of_one_class_is_a_warning_of_its_own():
    labels = [1] * 100 + [0] * 500
    facts = [GOOD] * 600
    facts[540:600] = [damaged("truncated")] * 60
    (finding,) = damage_by_class(evidence_of(facts, labels))
    assert finding.severity == "warning"
    assert finding.message.startswith("All 60 truncated films are labelled not fractured, as are 83.3% of all films")
    assert len(finding.image_ids) == 60
    assert (finding.evidence["fractured"], finding.evidence["not_fractured"]) == (0, 60)
    assert finding.evidence["chance"] < 1e-4


def test_damage_of_nearly_one_class():
    labels = [1] * 300 + [0] * 300
    facts = [GOOD] * 600
    for row in [*range(38), 301, 302]:
        facts[row] = damaged("empty_file")
    (finding,) = damage_by_class(evidence_of(facts, labels))
    assert finding.message.startswith("38 of 40 empty films are labelled fractured")
    for row in range(310, 318):
        facts[row] = damaged("empty_file")
    assert damage_by_class(evidence_of(facts, labels)) == []


def test_damage_of_both_classes_or_of_few_films_is_chance():
    labels = [1] * 100 + [0] * 500
    facts = [GOOD] * 600
    facts[95:115] = [damaged("truncated")] * 20
    assert damage_by_class(evidence_of(facts, labels)) == []
    few = [GOOD] * 600
    few[300:310] = [damaged("truncated")] * 10
    assert damage_by_class(evidence_of(few, labels)) == []
    assert damage_by_class(evidence_of([damaged("corrupt")] * 30, [0] * 30)) == []


def test_damage_of_many_kinds_is_added_up():
    codes = ("truncated", "empty_file", "corrupt", "lfs_pointer", "not_an_image")
    facts = [GOOD] * 40 + [damaged(code) for code in codes * 2]
    (finding,) = damage_by_class(evidence_of(facts, [0] * 25 + [1] * 25))
    assert finding.evidence["code"] == ""
    assert finding.message.startswith("All 10 unreadable films are labelled fractured")


@pytest.mark.parametrize(
    ("films", "of_class", "broken", "hit"), [(3479, 2883, 59, 59), (600, 300, 40, 38), (20, 10, 12, 2), (9, 9, 4, 4)]
)
def test_chance_is_that_of_scipy(films, of_class, broken, hit):
    expected = hypergeom.sf(hit - 1, films, of_class, broken)
    assert one_sided_chance(films, of_class, broken, hit) == pytest.approx(expected, rel=1e-6)
    assert 0 < damage_module.CHANCE < 1


def test_real_files_end_to_end(tmp_path):
    """Each fault in a file that was really written, surveyed and checked."""
    film = np.asarray(draw_film(4, fractured=False, size=(200, 160)).pixels)
    for folder in ("fractured", "not_fractured"):
        (tmp_path / "films" / folder).mkdir(parents=True)
    here = tmp_path / "films" / "fractured"
    Image.fromarray(film).save(tmp_path / "films" / "not_fractured" / "good.png")
    Image.fromarray(film).save(here / "jpeg.png", "JPEG")
    Image.fromarray(film[:, :20]).save(here / "strip.png")
    Image.fromarray(film[:50]).save(here / "tiny.png")
    deep = film.astype(np.uint16) * 257 + np.random.default_rng(0).integers(0, 257, film.shape, dtype=np.uint16)
    Image.fromarray(deep).save(here / "deep.png")
    Image.fromarray((deep & 255).astype(np.uint8)).save(here / "wrapped.png")
    clipped = deep.clip(0, 255).astype(np.uint8)
    clipped[:50] = film[:50] // 2
    Image.fromarray(clipped).save(here / "clipped.png")
    Image.new("L", (200, 200), 40).save(here / "blank.png")
    marked = Image.fromarray(film).convert("RGB")
    ImageDraw.Draw(marked).rectangle((20, 20, 60, 60), outline=(255, 0, 0), width=3)
    marked.save(here / "marked.png")
    manifest = scan(tmp_path / "films")
    evidence = Evidence(manifest, survey_films(manifest, tmp_path / "out"))
    found = {
        finding.image_ids: check.__name__
        for check in CHECKS
        for finding in check(evidence)
        if check.__name__ != "noticed"
    }
    assert found == {
        ("fractured/jpeg.png",): "wrong_suffix",
        ("fractured/strip.png",): "strips",
        ("fractured/strip.png", "fractured/tiny.png"): "tiny",
        ("fractured/deep.png",): "deep_films",
        ("fractured/wrapped.png",): "lost_depth",
        ("fractured/clipped.png",): "lost_depth",
        ("fractured/blank.png",): "blank",
        ("fractured/marked.png",): "coloured",
    }
