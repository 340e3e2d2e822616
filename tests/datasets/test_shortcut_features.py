from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest

from lucency.datasets.audit import shortcut_tables
from lucency.datasets.audit.film_facts import FilmFacts
from lucency.datasets.audit.probe_features import MOST_WORDS, categories, gathered
from lucency.datasets.audit.shortcut_features import PROBES, probed_films, shortcut_features
from lucency.datasets.audit.shortcut_markers import markers
from lucency.datasets.audit.shortcut_pixels import border, no_bone, thumbnail
from lucency.datasets.audit.survey import THUMB, Survey
from lucency.datasets.manifest import Manifest
from lucency.datasets.manifest_file import MANIFEST_COLUMNS
from lucency.datasets.synthetic import draw_film
from lucency.imaging.geometry import to_input


def manifest_of(names: list[str], **columns: list[str]) -> Manifest:
    rows = {name: [""] * len(names) for name in MANIFEST_COLUMNS} | {"image_id": names, "path": names} | columns
    return Manifest(pd.DataFrame(rows).assign(label=0), "test")


def survey_of(films: list[np.ndarray], **facts: list) -> Survey:
    """Films of any size, and facts where the test wants others than those of a film."""
    thumbs = [to_input(film.astype(np.float32), THUMB)[0][..., 0] for film in films]
    known = [
        FilmFacts(height=film.shape[0], width=film.shape[1], **{name: cells[i] for name, cells in facts.items()})
        for i, film in enumerate(films)
    ]
    return Survey(tuple(known), np.stack(thumbs), np.arange(len(films)))


@pytest.fixture(scope="module")
def drawn() -> tuple[Manifest, Survey]:
    films = [draw_film(seed, fractured=bool(seed % 2), size=120).pixels for seed in range(12)]
    manifest = manifest_of([f"film{i}.jpg" for i in range(12)], body_part=["hand", "leg"] * 6, view=["AP"] * 12)
    return manifest, survey_of(films, size=[1000 + i for i in range(12)], format=["JPEG"] * 12)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_every_probe(probe, drawn):
    manifest, survey = drawn
    found, again = probe.features(manifest, survey), probe.features(manifest, survey)
    assert found is not None
    assert found.values.shape == (12, len(found.names))
    assert found.values.dtype == np.float64
    assert not np.isinf(found.values).any()
    assert len(set(found.names)) == len(found.names)
    np.testing.assert_array_equal(found.values, again.values)
    assert all((probe.title, probe.meaning, probe.action))
    assert not probe.action.endswith(".")


def test_probes_are_distinct():
    assert len({probe.name for probe in PROBES}) == len({probe.title for probe in PROBES}) == len(PROBES)


def test_without_a_survey_names_and_columns_are_left(drawn):
    known = {name for name, found in shortcut_features(drawn[0], None).items() if found is not None}
    assert known == {"file_name", "columns"}


def test_films_that_are_all_alike_have_no_features():
    manifest = manifest_of(["a.png"] * 3)
    survey = survey_of([np.full((40, 40), 90)] * 3)
    assert set(shortcut_features(manifest, survey).values()) == {None}


def test_some_films_and_their_facts_stay_in_step(drawn):
    manifest, survey = drawn
    few, few_survey = probed_films(manifest, survey, np.array([7, 2]))
    assert list(few.table["image_id"]) == ["film7.jpg", "film2.jpg"]
    assert [fact.size for fact in few_survey.facts] == [1007, 1002]
    assert few_survey.rows.tolist() == [7, 2]


def test_a_folder_is_no_part_of_the_name():
    assert shortcut_tables.file_name(manifest_of(["fractured/1.png", "normal/1.png"]), None) is None


def test_numbers_and_words_of_names():
    names = ["IMG20190312104512.jpg", "IMG20190312104513.jpg", "wrist_3-rotated2.PNG", "scan.jpg"]
    found = shortcut_tables.file_name(manifest_of(names), None)
    table = dict(zip(found.names, found.values.T.tolist(), strict=True))
    # One apart: float32 would make them equal.
    assert table["number in the file name"][:3] == [20190312104512, 20190312104513, 3]
    assert np.isnan(table["number in the file name"][3])
    assert table["last number in the file name"][2] == 2
    assert table["first word of the file name = wrist"] == [0, 0, 1, 0]
    assert "suffix = .PNG" not in table  # says no more than "wrist"
    assert table["suffix = .jpg"] == [1, 1, 0, 1]


def test_only_the_commonest_words_get_a_column():
    cells = [f"w{i}" for i in range(40)] + ["often"] * 3
    columns = categories("word", cells)
    assert len(columns) == MOST_WORDS
    assert columns["word = often"].sum() == 3


def test_columns_that_say_nothing_new_are_left_out():
    found = gathered(
        {"a": [1, 2, 3], "same": [1, 2, 3], "flat": [5, 5, 5], "unknown": [np.nan] * 3, "b": [1, np.nan, 1]}
    )
    assert found.names == ("a", "b")


def test_hardware_is_looked_at_where_it_is_known():
    manifest = manifest_of(["a", "b"])
    assert shortcut_tables.known_columns(manifest, None) is None
    with_metal = Manifest(manifest.table.assign(hardware=["1", ""]), "test")
    assert shortcut_tables.known_columns(with_metal, None).names == ("hardware = 1", "hardware = unknown")


def test_padding_is_no_part_of_the_film():
    wide = np.full((50, 200), 120)
    dark, bright = (
        thumbnail(manifest_of(["a", "b"]), survey_of([wide, np.full((200, 50), grey)])) for grey in (120, 130)
    )
    assert dark is None
    assert bright.values[0].tolist() == [120.0] * bright.values.shape[1]


def test_the_border_probe_sees_the_frame_alone():
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 255, (160, 160))
    inside = frame.copy()
    inside[12:-12, 12:-12] = rng.integers(0, 255, (136, 136))
    assert border(manifest_of(["a", "b"]), survey_of([frame, inside])) is None
    at_the_edge = frame.copy()
    at_the_edge[:4] = 255
    assert border(manifest_of(["a", "b"]), survey_of([frame, at_the_edge])) is not None


def limb(grey: float, left: int, wide: int) -> np.ndarray:
    """Soft tissue of one grey with a bone in it."""
    film = np.full((160, 160), 40.0)
    film[:, left : left + wide] = grey
    return film


def test_without_bone_neither_its_grey_nor_its_place_is_told():
    films = [limb(200, 70, 20), limb(250, 70, 20), limb(200, 20, 20), limb(200, 60, 44), limb(200, 70, 20) + 5]
    found = no_bone(manifest_of(list("abcde")), survey_of(films))
    alike = found.values[:4]
    assert np.abs(alike - alike[0]).max() < 0.01
    assert np.allclose(found.values[4, :64] - alike[0, :64], 5, atol=0.01)


def test_a_letter_near_the_edge_is_a_marker_and_bone_is_not():
    bare = np.full((160, 130), 20, np.uint8)
    bare[:, 55:75] = 170
    lettered = bare.copy()
    cv2.putText(lettered, "R", (105, 25), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 240, 1, cv2.LINE_AA)
    inner = bare.copy()
    cv2.putText(inner, "R", (80, 84), cv2.FONT_HERSHEY_SIMPLEX, 0.3, 240, 1, cv2.LINE_AA)
    framed = bare.copy()
    framed[0:5, 0:5] = 255
    survey = survey_of([bare, lettered, inner, framed])
    found = markers(manifest_of(list("abcd")), survey)
    table = dict(zip(found.names, found.values.T.tolist(), strict=True))
    assert table["markers"] == [0, 1, 0, 0]
    assert "markers at the upper right" not in table  # the same column as "markers"
    assert "markers at the lower left" not in table
    assert 0.8 < table["distance from the left of marker 1"][1] < 0.95
    assert 0.05 < table["distance from the top of marker 1"][1] < 0.2


@pytest.mark.parametrize("shape", [(3000, 3), (3, 3000), (1, 1), (40, 2000)])
def test_films_of_any_shape(shape):
    film = np.random.default_rng(1).integers(0, 255, shape)
    survey = survey_of([film, 255 - film])
    for found in shortcut_features(manifest_of(["a", "b"]), survey).values():
        assert found is None or not np.isinf(found.values).any()
