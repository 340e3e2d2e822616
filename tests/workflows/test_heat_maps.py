from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_detectors import marked_films, tiny_detector

from lucency.evaluation.heat_map_rows import HEAT_MAP_COLUMNS
from lucency.predictor import Predictor
from lucency.workflows.heat_maps import heat_map_section, pooled_heat_map_section
from lucency.workflows.run_folder import read_rows, write_rows
from lucency.workflows.split_films import SplitFilms
from lucency.workflows.teller import Teller

Films = tuple[SplitFilms, np.ndarray]  # type: ignore[type-arg]


@pytest.fixture(scope="module")
def predictors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Predictor]:
    folder = tmp_path_factory.mktemp("detectors")
    kinds = ("right", "wrong", "blind", "without map")
    return {kind: Predictor(tiny_detector(folder / kind, kind), threads=1) for kind in kinds}


@pytest.fixture(scope="module")
def films() -> Films:
    return marked_films(fractured=24, whole=6)


def section_of(predictor: Predictor, films: Films, **changes: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    settings: dict[str, Any] = {
        "maps": None,
        "decisions": ["fractured" if place % 3 else "not_fractured" for place in range(len(films[0].rows))],
        "resamples": 200,
        "seed": 0,
        "teller": Teller(),
    }
    section, rows = heat_map_section(predictor, *films, **(settings | changes))
    # Plain numbers, and none that JSON does not know.
    json.dumps(section, allow_nan=False)
    assert all(set(row) <= set(HEAT_MAP_COLUMNS) for row in rows)
    return section, rows


def with_boxes(films: Films, boxes: list[Any], labels: list[int] | None = None) -> Films:
    changes: dict[str, Any] = {"boxes": boxes} | ({} if labels is None else {"labels": np.array(labels)})
    return dataclasses.replace(films[0], **changes), films[1]


def test_a_map_that_is_right_is_found_right(predictors: dict[str, Predictor], films: Films) -> None:
    section, rows = section_of(predictors["right"], films)
    everything, called = section["sets"][:2]
    assert section["reason"] is None
    assert (section["films"], section["groups"], section["fractured"], section["cells"]) == (24, 12, 24, [8, 8])
    assert everything["maps"]["model"]["pointing"]["value"] == 1
    assert everything["maps"]["model"]["heat_share"]["value"] > 3 * everything["area_share"]["value"]
    assert everything["differences"]["centre"]["pointing"]["low"] > 0
    assert "more often than position alone" in section["verdict"]
    assert called["films"] == 16
    assert sum(part["films"] for part in section["sets"][2:]) == 24
    assert len(rows) == 24
    pooled = section["precision_recall"]
    assert pooled["average_precision"]["value"] > 5 * pooled["base_rate"]


def test_no_map_beats_the_best_of_its_cells(predictors: dict[str, Predictor], films: Films) -> None:
    _, rows = section_of(predictors["right"], films, shuffled=False)
    for row in rows:
        for name in ("model", "flat", "centre", "elsewhere"):
            for score in ("heat_share", "average_precision"):
                assert row[f"{name}_{score}"] <= row[f"best_{score}"] + 1e-9


def test_shuffled_weights_change_a_map_that_was_learned(predictors: dict[str, Predictor], films: Films) -> None:
    test = section_of(predictors["right"], films)[0]["randomisation"]
    assert (test["films"], test["kernels"], test["reason"]) == (24, 2, None)
    assert test["changes"] is True
    assert test["pointing"]["value"] == 1
    assert test["steps"][-1]["name"] == "all weights"
    assert test["steps"][-1]["pointing"]["value"] < 0.5


def test_a_map_blind_to_its_weights_is_not_trusted(predictors: dict[str, Predictor], films: Films) -> None:
    test = section_of(predictors["blind"], films)[0]["randomisation"]
    assert test["changes"] is False
    assert test["steps"][-1]["correlation"]["value"] == pytest.approx(1)
    assert "do not trust it" in test["verdict"]


def test_a_map_that_is_wrong_is_found_wrong(predictors: dict[str, Predictor], films: Films) -> None:
    section, _ = section_of(predictors["wrong"], films)
    everything = section["sets"][0]
    assert everything["maps"]["model"]["pointing"]["value"] == 0
    assert everything["maps"]["model"]["heat_share"]["value"] < everything["area_share"]["value"] / 2
    assert "does not show where the fracture is" in section["verdict"]
    # The corner is padding on every other film, which is 120 wide and 160 high.
    assert everything["padding_share"]["value"] > everything["padding_area"]["value"]


def test_maps_that_were_made_before_give_the_same(predictors: dict[str, Predictor], films: Films) -> None:
    maps = predictors["right"].score(films[0].images[..., None])["heatmap"]
    assert section_of(predictors["right"], films, maps=maps) == section_of(predictors["right"], films)


def test_occlusion_agrees_with_a_right_map_only(predictors: dict[str, Predictor], films: Films) -> None:
    found = {kind: section_of(predictors[kind], films, occluded=4, shuffled=False) for kind in ("right", "wrong")}
    for section, rows in found.values():
        assert section["occlusion"]["films"] == 4
        assert section["occlusion"]["pointing"]["value"] == 1
        assert sum("occlusion_pointing" in row for row in rows) == 4
    assert found["right"][0]["occlusion"]["heat_map_pointing"]["value"] == 1
    assert found["wrong"][0]["occlusion"]["heat_map_pointing"]["value"] == 0


def test_without_a_heat_map_occlusion_serves(predictors: dict[str, Predictor], films: Films) -> None:
    silent, rows = section_of(predictors["without map"], films)
    assert "This model has no heat map" in silent["reason"]
    assert (silent["films"], silent["sets"], silent["verdict"]) == (0, [], None)
    assert {row["left_out"] for row in rows} == {"the model has no heat map"}

    section, _ = section_of(predictors["without map"], films, occluded=5)
    assert (section["films"], section["source"], section["cells"]) == (5, "occlusion", [10, 10])
    assert section["sets"][0]["maps"]["model"]["pointing"]["value"] == 1
    assert "Occlusion" in section["randomisation"]["reason"]
    assert any("19 films" in note and "not occluded" in note for note in section["notes"])
    assert "5 films are few" in section["verdict"]


def test_films_without_boxes_give_a_sentence_and_no_figure(predictors: dict[str, Predictor], films: Films) -> None:
    section, rows = section_of(predictors["right"], with_boxes(films, [[]] * 30))
    assert section["reason"].startswith("No fractured film has a box")
    assert (section["films"], section["sets"], section["precision_recall"]) == (0, [], None)
    assert section["randomisation"] is None
    assert len(rows) == 24


def test_boxes_outside_of_the_image_give_a_sentence_and_no_figure(
    predictors: dict[str, Predictor], films: Films
) -> None:
    # Drawn on images four times as large, and two that are no boxes at all.
    boxes: list[Any] = [[(x * 4 + 500, y * 4 + 500, w, h) for x, y, w, h in of_film] for of_film in films[0].boxes]
    boxes[0], boxes[1] = [(5, 5, 0, 9)], [(math.nan, 5, 4, 9)]
    section, _ = section_of(predictors["right"], with_boxes(films, boxes))
    assert section["reason"].startswith("All boxes lie outside of their image or have no area (24 films")
    assert "images of this size" in section["reason"]
    assert (section["sets"], section["verdict"]) == ([], None)


def test_what_is_left_out_is_counted(predictors: dict[str, Predictor], films: Films) -> None:
    boxes = [list(of_film) for of_film in films[0].boxes]
    boxes[0], boxes[1] = [(900, 5, 4, 4)], []
    boxes[2].append((-50, -50, 20, 20))
    boxes[4].append((films[1][4, 1] - 8, 10, 40, 12))
    boxes[28] = [(10, 10, 20, 20)]
    section, rows = section_of(predictors["right"], with_boxes(films, boxes))
    assert section["films"] == 22
    assert section["fractured"] == 24
    notes = section["notes"]
    assert any(note.startswith("2 boxes on 2 films (film 00, film 02) outside of the image") for note in notes)
    assert any(note.startswith("1 box on 1 film (film 04) over the edge of the image") for note in notes)
    assert any(note.startswith("1 film (film 01) fractured, but without boxes") for note in notes)
    assert any(note.startswith("1 film (film 00) fractured, but without a box that can be used") for note in notes)
    assert any(note.startswith("1 film (film 28) labelled not fractured, but with boxes") for note in notes)
    assert not any("another size" in note for note in notes)
    assert sum(bool(row["left_out"]) for row in rows) == 3

    for place in range(3, 12):
        boxes[place].append((900, 900, 4, 4))
    notes = section_of(predictors["right"], with_boxes(films, boxes), shuffled=False)[0]["notes"]
    assert any("another size: check before you believe" in note for note in notes)


def test_boxes_on_films_that_are_not_fractured_alone(predictors: dict[str, Predictor], films: Films) -> None:
    section, _ = section_of(predictors["right"], with_boxes(films, films[0].boxes, [0] * 30))
    assert "Boxes stand on 24 films labelled not fractured" in section["reason"]
    section, _ = section_of(predictors["right"], with_boxes(films, [[]] * 30, [0] * 30))
    assert section["reason"].startswith("No film is fractured")


def test_maps_that_are_no_numbers_are_left_out(predictors: dict[str, Predictor], films: Films) -> None:
    maps = predictors["right"].score(films[0].images[..., None])["heatmap"].copy()
    maps[3, 2, 2] = np.nan
    section, _ = section_of(predictors["right"], films, maps=maps, shuffled=False)
    assert section["films"] == 23
    assert any("film 03" in note and "not numbers" in note for note in section["notes"])
    section, _ = section_of(predictors["right"], films, maps=maps * np.nan, shuffled=False)
    assert "not numbers" in section["reason"]


def test_maps_without_evidence_are_missed_and_counted(predictors: dict[str, Predictor], films: Films) -> None:
    maps = np.full((30, 8, 8), -1, np.float32)
    section, _ = section_of(predictors["right"], films, maps=maps, shuffled=False)
    assert section["sets"][0]["maps"]["model"]["pointing"]["value"] == 0
    assert section["sets"][0]["without_evidence"] == 24
    assert any("without any evidence" in note for note in section["notes"])


def test_a_missing_package_costs_the_randomisation_test_alone(
    predictors: dict[str, Predictor], films: Films, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    section, _ = section_of(predictors["right"], films)
    assert section["sets"][0]["maps"]["model"]["pointing"]["value"] == 1
    assert 'pip install "lucency[train]"' in section["randomisation"]["reason"]


def test_rows_of_folds_give_the_same_section_through_a_file(
    predictors: dict[str, Predictor], films: Films, tmp_path: Path
) -> None:
    section, rows = section_of(predictors["right"], films, occluded=3)
    write_rows(tmp_path / "heat_maps.csv", HEAT_MAP_COLUMNS, rows)
    read = read_rows(tmp_path / "heat_maps.csv")
    pooled = pooled_heat_map_section([read[:10], read[10:]], resamples=200, seed=0)
    json.dumps(pooled, allow_nan=False)
    for key in ("films", "groups", "fractured", "notes", "verdict", "sets", "occlusion"):
        assert pooled[key] == section[key]
    assert [fold["films"] for fold in pooled["folds"]] == [10, 14]
    assert [fold["pointing"] for fold in pooled["folds"]] == [1, 1]
    assert (pooled["randomisation"], pooled["precision_recall"]) == (None, None)


def test_a_film_that_two_models_answered_is_one_group(predictors: dict[str, Predictor], films: Films) -> None:
    alone = dataclasses.replace(films[0], groups=None)
    _, rows = section_of(predictors["right"], (alone, films[1]), shuffled=False)
    pooled = pooled_heat_map_section([rows, rows], resamples=50, seed=0)
    assert (pooled["films"], pooled["groups"]) == (48, 24)


def test_folds_without_any_film_to_score(predictors: dict[str, Predictor], films: Films) -> None:
    _, rows = section_of(predictors["without map"], films)
    pooled = pooled_heat_map_section([rows, rows], resamples=50, seed=0)
    assert "no heat map" in pooled["reason"]
    assert pooled["folds"][0] == {"films": 0, "pointing": None, "heat_share": None, "average_precision": None}
    assert pooled_heat_map_section([], resamples=50, seed=0)["reason"].startswith("No film is fractured")
