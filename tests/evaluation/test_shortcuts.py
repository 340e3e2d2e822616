from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from lucency.datasets.audit.film_facts import FilmFacts
from lucency.datasets.audit.probe_features import ProbeFeatures
from lucency.datasets.audit.shortcut_features import PROBES, probed_films, shortcut_features
from lucency.datasets.audit.survey import THUMB, Survey
from lucency.datasets.manifest import Manifest
from lucency.datasets.manifest_file import MANIFEST_COLUMNS
from lucency.datasets.synthetic import draw_film
from lucency.evaluation.shortcuts import WARN_ABOVE, Shortcuts, find_shortcuts, probe_shortcuts, shortcut_findings
from lucency.imaging.geometry import place

FILMS = 400


def collection(films: list[np.ndarray], labels: np.ndarray) -> tuple[Manifest, Survey, list[str]]:
    """Films of 160 pixels with nothing but bone to tell the label, two of each patient."""
    rng = np.random.default_rng(11)
    count = len(films)
    numbers = rng.permutation(count)
    table = {name: [""] * count for name in MANIFEST_COLUMNS} | {
        "image_id": [f"film{number:04d}" for number in numbers],
        "path": [f"films/film{number:04d}.jpg" for number in numbers],
        "body_part": rng.choice(["hand", "leg"], count),
        "view": rng.choice(["AP", "lateral"], count),
    }
    sizes = rng.normal(9000, 900, count).astype(int)
    facts = [
        FilmFacts(size=int(size), height=film.shape[0], width=film.shape[1], format="JPEG", quality=90)
        for film, size in zip(films, sizes, strict=True)
    ]
    thumbs = np.zeros((count, 160, 160), np.uint8)
    for thumb, film in zip(thumbs, films, strict=True):
        spot = place(*film.shape, THUMB)
        thumb[spot.top : spot.top + spot.height, spot.left : spot.left + spot.width] = film
    manifest = Manifest(pd.DataFrame(table).assign(label=labels), "drawn")
    return manifest, Survey(tuple(facts), thumbs, np.arange(count)), [f"p{row // 2}" for row in range(count)]


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return np.random.default_rng(5).permutation(np.arange(FILMS) % 3 == 0).astype(np.int64)


@pytest.fixture(scope="module")
def films(labels) -> list[np.ndarray]:
    return [
        draw_film(row, patient=row // 2, fractured=bool(label), size=160).pixels for row, label in enumerate(labels)
    ]


def plant_number(manifest, survey, labels):
    order = np.argsort(-labels, kind="stable")
    names = np.empty(len(labels), object)
    names[order] = [f"films/film{number:04d}.jpg" for number in range(len(labels))]
    return Manifest(manifest.table.assign(path=names), "planted"), survey


def plant_word(manifest, survey, labels):
    names = [f"{'broken' if label else 'whole'}{row}.jpg" for row, label in enumerate(labels)]
    return Manifest(manifest.table.assign(path=names), "planted"), survey


def plant_size(manifest, survey, labels):
    facts = [replace(fact, size=int(fact.size * (1 + label))) for fact, label in zip(survey.facts, labels, strict=True)]
    return manifest, replace(survey, facts=tuple(facts))


def plant_tables(manifest, survey, labels):
    facts = [replace(fact, quantisation=f"{label:012d}") for fact, label in zip(survey.facts, labels, strict=True)]
    return manifest, replace(survey, facts=tuple(facts))


def plant_view(manifest, survey, labels):
    return Manifest(manifest.table.assign(view=np.where(labels == 1, "AP", "lateral")), "planted"), survey


def painted(survey, labels, paint):
    thumbs = survey.thumbs.copy()
    for row in np.flatnonzero(labels):
        spot = place(survey.facts[row].height, survey.facts[row].width, THUMB)
        paint(thumbs[row, spot.top : spot.top + spot.height, spot.left : spot.left + spot.width])
    return replace(survey, thumbs=thumbs)


def plant_frame(manifest, survey, labels):
    def paint(film):
        film[:5] = film[-5:] = 110

    return manifest, painted(survey, labels, paint)


def plant_marker(manifest, survey, labels):
    def paint(film):
        corner = np.ascontiguousarray(film[2:18, -20:-2] // 3)
        cv2.putText(corner, "R", (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 250, 1, cv2.LINE_AA)
        film[2:18, -20:-2] = corner

    return manifest, painted(survey, labels, paint)


def plant_exposure(manifest, survey, labels):
    def paint(film):
        film[:] = np.clip(film.astype(int) + 60, 0, 255)

    return manifest, painted(survey, labels, paint)


def plant_background(manifest, survey, labels):
    def paint(film):
        film[:] = np.maximum(film, 100)

    return manifest, painted(survey, labels, paint)


def by_name(shortcuts: Shortcuts):
    return {shortcut.probe: shortcut for shortcut in shortcuts.probes}


@pytest.fixture(scope="module")
def clean(films, labels):
    return collection(films, labels)


def test_clean_films_give_no_warning(clean):
    found = find_shortcuts(*clean)
    assert [shortcut.probe for shortcut in found.probes] == [probe.name for probe in PROBES]
    for shortcut in found.probes:
        assert shortcut.auroc < WARN_ABOVE, shortcut
        assert shortcut.low < shortcut.auroc < shortcut.high
        assert (shortcut.severity, shortcut.action) == ("note", "")
        assert (shortcut.films, shortcut.groups) == (FILMS, FILMS // 2)
    assert shortcut_findings(found) == []


@pytest.mark.parametrize(
    ("plant", "probe"),
    [
        (plant_number, "file_name"),
        (plant_word, "file_name"),
        (plant_size, "file_format"),
        (plant_tables, "file_format"),
        (plant_view, "columns"),
        (plant_frame, "border"),
        (plant_marker, "markers"),
        (plant_exposure, "thumbnail"),
        (plant_background, "no_bone"),
    ],
)
def test_a_planted_shortcut_is_found_by_its_probe(clean, labels, plant, probe):
    manifest, survey, groups = clean
    features = shortcut_features(*plant(manifest, survey, labels))[probe]
    (shortcut,) = probe_shortcuts({probe: features}, labels, groups)
    assert shortcut.auroc > 0.9
    assert shortcut.severity == "warning"
    assert shortcut.action
    (finding,) = shortcut_findings(Shortcuts((shortcut,)))
    assert (finding.check, finding.severity) == ("shortcuts", "warning")
    assert finding.evidence["probe"] == probe
    assert finding.evidence["meaning"]


def test_the_pattern_is_told_in_words(clean, labels):
    manifest, survey, groups = clean
    shortcut = by_name(find_shortcuts(plant_number(manifest, survey, labels)[0], None, groups))["file_name"]
    assert shortcut.pattern.low == 0
    assert abs(shortcut.pattern.high - labels.sum()) < 15
    assert "Number in the file name from 0 to 1" in shortcut.detail
    assert "fractured, against 34% of all." in shortcut.detail


def test_json(clean):
    manifest, _, groups = clean
    shortcut = find_shortcuts(manifest, None, groups).probes[0]
    stated = {"probe", "title", "auroc", "low", "high", "films", "groups", "severity", "detail", "action"}
    content = json.loads(json.dumps(shortcut.to_json()))
    assert stated | {"within_body_part_and_view", "pattern"} == set(content)


def test_without_a_survey_the_notes_say_what_is_missing(clean):
    manifest, _, groups = clean
    found = find_shortcuts(manifest, None, groups)
    assert {shortcut.probe for shortcut in found.probes} == {"file_name", "columns"}
    (note,) = shortcut_findings(found)
    assert note.severity == "note"
    assert "8 x 8 thumbnail" in note.message


def test_unreadable_films_take_no_part(clean, labels):
    manifest, survey = probed_films(*clean[:2], np.arange(120))
    facts, rows = list(survey.facts), survey.rows.copy()
    for row in np.flatnonzero(labels[:120] == 0)[:30]:
        facts[row], rows[row] = FilmFacts(size=7, code="truncated", what="cut short"), -1
    found = find_shortcuts(manifest, Survey(tuple(facts), survey.thumbs, rows), clean[2][:120], most_films=90)
    assert found.notes == ()
    assert {shortcut.films for shortcut in found.probes} == {90}


def test_many_films_are_drawn_evenly_from_the_groups(clean):
    manifest, _, groups = clean
    uneven = ["one"] * 150 + list(groups[150:])
    others = len(set(groups[150:]))
    found = find_shortcuts(manifest, None, uneven, most_films=2 * (others + 1) - 1)
    # Two films of each group but one, of which there was room for one only.
    assert {(shortcut.films, shortcut.groups) for shortcut in found.probes} == {(2 * others + 1, others + 1)}
    assert f"on {2 * others + 1} of 400 films, drawn evenly from the groups" in found.notes[0]
    few = find_shortcuts(manifest, None, groups, most_films=60)
    assert {(shortcut.films, shortcut.groups) for shortcut in few.probes} == {(60, 60)}
    one_group = find_shortcuts(manifest, None, ["all"] * FILMS, most_films=201)
    assert one_group.probes == ()


@pytest.mark.parametrize(
    ("label_of", "group_of", "words"),
    [
        (lambda row: row < 19, lambda row: str(row), "19 films in 19 groups are fractured"),
        (
            lambda row: row < 40,
            lambda row: str(row % 4) if row < 40 else str(row),
            "40 films in 4 groups are fractured",
        ),
        (lambda row: row > 0, lambda row: "", "1 film in 1 group is not fractured"),
    ],
)
def test_too_few_films_are_not_probed(clean, label_of, group_of, words):
    manifest = Manifest(clean[0].table.assign(label=[int(label_of(row)) for row in range(FILMS)]), "few")
    found = find_shortcuts(manifest, None, [group_of(row) for row in range(FILMS)])
    assert found.probes == ()
    assert words in found.notes[0]
    (note,) = shortcut_findings(found)
    assert note.severity == "note"


def test_what_may_be_chance_is_no_warning():
    labels = np.repeat([0, 1], 25)
    # A sign that is right for 18 of 25 films of each class.
    sign = np.concatenate([np.arange(25) >= 18, np.arange(25) < 18]).astype(float)
    (found,) = probe_shortcuts({"file_name": ProbeFeatures(("number",), sign[:, None])}, labels, [""] * 50)
    assert found.auroc > WARN_ABOVE
    assert found.low < 0.5
    assert found.severity == "note"
    assert "may be chance" in found.detail
    (finding,) = shortcut_findings(Shortcuts((found,)))
    assert finding.severity == "note"


def test_what_body_part_explains_is_gone_within_body_parts():
    rng = np.random.default_rng(4)
    part = rng.integers(0, 2, 600)
    labels = (rng.random(600) < np.where(part == 1, 0.8, 0.2)).astype(int)
    grey = part * 50 + rng.normal(0, 5, 600)
    features = {"thumbnail": ProbeFeatures(("mean grey",), grey[:, None])}
    (found,) = probe_shortcuts(features, labels, [""] * 600, strata=[f"part {p}" for p in part])
    assert found.auroc > 0.75
    assert found.within == pytest.approx(0.5, abs=0.06)
    assert "among films of one body part and view" in found.detail
    (alone,) = probe_shortcuts(features, labels, [""] * 600, strata=["one"] * 600)
    assert alone.within is None


def test_groups_stay_together():
    # Each group has a number and a label of its own: told apart only by a model that has seen the group.
    rng = np.random.default_rng(8)
    of_film = np.repeat(np.arange(60), 10)
    labels = rng.integers(0, 2, 60)[of_film]
    values = (rng.permutation(60)[of_film] * 100.0 + rng.integers(0, 9, 600))[:, None]
    features = {"file_name": ProbeFeatures(("number",), values)}
    (apart,) = probe_shortcuts(features, labels, [str(row) for row in range(600)])
    (together,) = probe_shortcuts(features, labels, [str(group) for group in of_film])
    assert apart.auroc > 0.9
    assert together.auroc < 0.65
    assert together.high - together.low > 2 * (apart.high - apart.low)


@pytest.mark.realdata
def test_fracatlas(real_data: Path, tmp_path: Path):
    """FIELD_NOTES: image number 0.77 (grouped), body part, view and hardware 0.74."""
    from lucency.datasets.audit.survey_films import survey_films
    from lucency.datasets.film_groups import film_groups
    from lucency.datasets.layouts import scan

    atlas = scan(real_data / "fracatlas")
    found = by_name(find_shortcuts(atlas, survey_films(atlas, tmp_path), film_groups(atlas)))
    assert found["file_name"].auroc == pytest.approx(0.773, abs=0.05)
    assert found["columns"].auroc == pytest.approx(0.745, abs=0.05)
    assert 2300 < found["file_name"].pattern.low < 2420
    assert 2580 < found["file_name"].pattern.high < 2650
    assert found["file_name"].pattern.share > 0.9
    assert {name: shortcut.severity for name, shortcut in found.items()} == dict.fromkeys(found, "warning")
    for name, shortcut in found.items():
        print(f"{name}: {shortcut.auroc:.3f} ({shortcut.low:.3f} to {shortcut.high:.3f}), within {shortcut.within:.3f}")
