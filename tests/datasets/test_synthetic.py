"""Synthetic films: physics worked by hand, truth boxes, determinism, and a label that shows nowhere else."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lucency.datasets.bone_phantom import Bone, Grid, bone_map
from lucency.datasets.film_exposure import Exposure, expose
from lucency.datasets.synthetic import SyntheticFilm, draw_film, write_dataset
from lucency.errors import DatasetError

KINDS = ("transverse", "oblique", "spiral", "comminuted")

BARE = Exposure(
    photons=1e6,
    scatter=0.0,
    heel=(0.0, 0.0),
    read_noise=0.0,
    banding=0.0,
    low=0.0,
    high=2.0,
    gamma=1.0,
    toe=0.0,
    sharpening=0.0,
    blur=0.0,
    border="none",
    window=(0.0, 0.0, 1.0, 1.0),
    edge=1.0,
    marker="L",
    marker_at=(0.15, 0.15),
    marker_size=8.0,
    marker_turn=0.0,
    marker_lead=0.0,
)


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "dataset.csv").open(encoding="utf-8") as table:
        return list(csv.DictReader(table))


def inside(film: SyntheticFilm, margin: int = 0) -> np.ndarray:
    mask = np.zeros(film.pixels.shape, dtype=bool)
    for x, y, w, h in film.boxes:
        mask[max(0, y - margin) : y + h + margin, max(0, x - margin) : x + w + margin] = True
    return mask


def auroc(positive: list[float], negative: list[float]) -> float:
    wins = np.sign(np.subtract.outer(positive, negative))
    return float((wins.mean() + 1) / 2)


# Physics


def test_a_shaft_attenuates_by_the_chord_through_its_cortex_and_marrow():
    bone = Bone(radius=10.0, start=-500.0, end=500.0, cortex=4.0, ripple=(0.0, 60.0, 0.0), flare=(0.0, 0.0))
    grid = Grid(s_first=-0.5, u_first=-0.5, rows=1, columns=1, step=1.0)
    # On the axis the beam passes 2 x 4 mm of cortex (0.074 per mm over soft tissue) and 12 mm of nearly empty marrow.
    assert bone_map(bone, grid)[0, 0] == pytest.approx(8 * 0.074 + 12 * 0.030 * 0.04, rel=0.1)


def test_the_cortex_is_brightest_where_the_beam_grazes_the_canal():
    bone = Bone(radius=10.0, start=-500.0, end=500.0, cortex=4.0, ripple=(0.0, 60.0, 0.0), flare=(0.0, 0.0))
    grid = Grid(s_first=-40.0, u_first=-12.0, rows=80, columns=240, step=0.1)
    profile = bone_map(bone, grid).mean(axis=0)
    # The longest chord in cortex is at 10 - 4 = 6 mm from the axis: 2 sqrt(10^2 - 6^2) = 16 mm.
    assert abs(grid.u[0][int(profile.argmax())]) == pytest.approx(6.0, abs=0.25)
    assert profile.max() == pytest.approx(16 * 0.074, rel=0.04)
    assert profile[:15].max() == 0.0


def test_a_film_is_linear_in_attenuation_between_its_two_ends():
    steps = np.repeat(np.array([[0.0, 0.5, 1.0, 2.0]], np.float32), 16, axis=0).repeat(16, axis=1)
    shown = expose(steps, BARE, np.random.default_rng(0))
    # Beer and Lambert: -log(exp(-a)) = a, shown on 0..2 as 0..255.
    assert [int(np.median(shown[:, 16 * i : 16 * i + 16])) for i in range(4)] == pytest.approx(
        [0, 63.75, 127.5, 255], abs=1
    )


def test_noise_falls_with_the_root_of_the_photons():
    flat = np.full((64, 64), 1.0, np.float32)
    few, many = (
        float(expose(flat, replace(BARE, photons=photons), np.random.default_rng(1)).std())
        for photons in (1000.0, 16000.0)
    )
    assert few / many == pytest.approx(4.0, rel=0.1)


def test_scatter_washes_out_contrast():
    strip = np.zeros((64, 64), np.float32)
    strip[:, 30:34] = 2.0

    def contrast(scatter: float) -> float:
        shown = expose(strip, replace(BARE, scatter=scatter, low=-1.0), np.random.default_rng(2)).astype(float)
        return float(shown[:, 31:33].mean() - shown[:, :16].mean())

    assert contrast(0.4) < 0.95 * contrast(0.0)


@pytest.mark.parametrize(("border", "grey"), [("unexposed", 255), ("shutter", 0)])
def test_outside_the_collimator_a_film_is_white_or_black(border, grey):
    shown = expose(
        np.full((60, 60), 1.0, np.float32),
        replace(BARE, border=border, window=(0.2, 0.0, 1.0, 1.0), photons=1e4),
        np.random.default_rng(3),
    )
    assert (shown[:, :9] == grey).all()
    assert shown[:, 20:].mean() == pytest.approx(128, abs=2)


def test_the_letters_of_the_marker_differ_and_are_lead():
    plain = expose(np.zeros((80, 80), np.float32), BARE, np.random.default_rng(4))
    left, right = (
        expose(np.zeros((80, 80), np.float32), replace(BARE, marker=m, marker_lead=3.0), np.random.default_rng(4))
        for m in "LR"
    )
    assert plain.max() < 5
    assert left[:30, :30].max() == right[:30, :30].max() == 255
    assert (left != right).any()
    assert left[30:, 30:].max() < 5


# Films


def test_the_same_arguments_give_the_same_film_in_any_order():
    first = [draw_film(seed, fractured=seed % 2 == 0, size=96) for seed in (1, 2, 3, 4)]
    again = [draw_film(seed, fractured=seed % 2 == 0, size=96) for seed in (4, 2, 1, 3)]
    for film, other in zip(first, [again[2], again[1], again[3], again[0]], strict=True):
        assert film.pixels.tobytes() == other.pixels.tobytes()
        assert film.boxes == other.boxes
    assert first[0].pixels.shape != first[1].pixels.shape or (first[0].pixels != first[1].pixels).any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_fracture_changes_the_film_inside_its_boxes_most(kind):
    ratios = []
    for seed in range(8):
        broken = draw_film(seed, fractured=True, kind=kind, gap=3.0, displacement=2.0, size=160)
        whole = draw_film(seed, fractured=False, size=160)
        assert broken.kind == kind
        change = np.abs(broken.pixels.astype(float) - whole.pixels.astype(float))
        ratios.append(change[inside(broken)].mean() / (change[~inside(broken, 4)].mean() + 1e-9))
    assert np.median(ratios) > 3


def test_a_whole_film_has_no_boxes_and_a_broken_one_has_boxes_on_the_film():
    for seed in range(60):
        whole, broken = (draw_film(seed, fractured=fractured, size=96) for fractured in (False, True))
        assert (whole.boxes, whole.kind, whole.gap, whole.displacement) == ((), "", 0.0, 0.0)
        assert broken.kind in KINDS
        assert 1 <= len(broken.boxes) <= 2
        height, width = broken.pixels.shape
        for x, y, w, h in broken.boxes:
            assert 0 <= x < x + w <= width
            assert 0 <= y < y + h <= height
            assert w * h >= 20


def test_a_gap_lets_the_beam_through_where_it_was_asked_for():
    darker = []
    for seed in range(12):
        film = draw_film(seed, fractured=True, kind="transverse", gap=6.0, displacement=0.0, size=192)
        whole = draw_film(seed, fractured=False, size=192)
        assert film.gap == 6.0
        assert film.displacement == 0.0
        box = inside(film)
        darker.append(float((film.pixels[box].astype(float) - whole.pixels[box]).mean()))
    assert np.median(darker) < -6


def test_wider_gaps_and_larger_shifts_change_more():
    def change(**how: float) -> float:
        total = 0.0
        for seed in range(10):
            broken = draw_film(seed, fractured=True, kind="transverse", size=128, **how)
            whole = draw_film(seed, fractured=False, size=128)
            total += float(np.abs(broken.pixels.astype(float) - whole.pixels)[inside(broken)].mean())
        return total

    assert change(gap=0.5, displacement=0.0) < change(gap=4.0, displacement=0.0)
    assert change(gap=0.5, displacement=0.0) < change(gap=0.5, displacement=6.0)


def test_easier_films_have_wider_gaps():
    hard, easy = (
        np.mean([draw_film(seed, fractured=True, size=48, difficulty=d).gap for seed in range(40)]) for d in (1.0, 0.0)
    )
    assert easy > 3 * hard


def test_the_label_changes_neither_shape_nor_border_nor_brightness():
    means: dict[bool, list[float]] = {False: [], True: []}
    for seed in range(60):
        whole, broken = (draw_film(seed, fractured=fractured, size=96) for fractured in (False, True))
        assert whole.pixels.shape == broken.pixels.shape
        assert (whole.view, whole.body_part, whole.mm_per_pixel) == (broken.view, broken.body_part, broken.mm_per_pixel)
        for film in (whole, broken):
            means[film.fractured].append(float(film.pixels.mean()))
        assert abs(means[True][-1] - means[False][-1]) < 12
    assert abs(auroc(means[True], means[False]) - 0.5) < 0.06


def test_films_of_one_patient_share_the_anatomy_and_nothing_else():
    films = [draw_film(seed, fractured=False, patient=7, size=96) for seed in (1, 2)]
    assert films[0].body_part == films[1].body_part
    assert films[0].mm_per_pixel != films[1].mm_per_pixel
    assert {draw_film(seed, fractured=False, size=48).body_part for seed in range(40)} == {
        "forearm",
        "leg",
        "femur",
        "humerus",
    }


def test_size_is_the_longer_side_or_both():
    shapes = {draw_film(seed, fractured=False, size=64).pixels.shape for seed in range(12)}
    assert all(max(shape) == 64 for shape in shapes)
    assert len(shapes) > 3
    assert draw_film(0, fractured=True, size=(40, 90)).pixels.shape == (40, 90)
    assert draw_film(0, fractured=True, size=1400).pixels.max() > 100


def test_films_use_the_grey_scale():
    for seed in range(20):
        pixels = draw_film(seed, fractured=False, size=96).pixels
        assert pixels.dtype == np.uint8
        assert np.percentile(pixels, 98) - np.percentile(pixels, 2) > 60


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"size": 20}, "too small"),
        ({"size": (200, 10)}, "too small"),
        ({"kind": "greenstick"}, "greenstick"),
        ({"difficulty": 1.5}, "outside 0..1"),
        ({"seed": -1}, "negative"),
    ],
)
def test_wrong_values_are_refused(wrong, says):
    given = {"seed": 0, **wrong}
    with pytest.raises(DatasetError, match=says):
        draw_film(given.pop("seed"), fractured=True, **given)


# Data sets


@pytest.fixture(scope="module")
def split_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(
        tmp_path_factory.mktemp("split"), films=60, seed=3, size=48, split=(0.6, 0.2, 0.2), fractured_share=0.3
    )


def test_every_film_lies_where_the_table_says(split_set):
    rows = rows_of(split_set)
    assert len(rows) == 60
    assert len({row["image_id"] for row in rows}) == 60
    for row in rows:
        folder = "Fractured" if row["label"] == "1" else "Not_fractured"
        assert row["path"] == f"{row['split']}/{folder}/{row['image_id']}.jpg"
        with Image.open(split_set / row["path"]) as film:
            assert (film.mode, max(film.size)) == ("L", 48)
        assert bool(json.loads(row["boxes"])) == (row["label"] == "1") == bool(row["kind"])
    assert len(list(split_set.rglob("*.jpg"))) == 60


def test_no_patient_stands_on_two_sides(split_set):
    sides = defaultdict(set)
    for row in rows_of(split_set):
        sides[row["group"]].add(row["split"])
    assert all(len(side) == 1 for side in sides.values())
    assert {len(side) for side in sides.values()} == {1}
    assert len(sides) < 45


def test_the_shares_are_kept_in_every_split(split_set):
    for split in ("train", "val", "test"):
        labels = [int(row["label"]) for row in rows_of(split_set) if row["split"] == split]
        assert abs(sum(labels) - 0.3 * len(labels)) <= 0.5
    counts = [sum(row["split"] == split for row in rows_of(split_set)) for split in ("train", "val", "test")]
    assert counts == pytest.approx([36, 12, 12], abs=3)


def test_some_patient_has_films_of_both_labels(split_set):
    labels = defaultdict(set)
    for row in rows_of(split_set):
        labels[row["group"]].add(row["label"])
    assert {"0", "1"} in labels.values()


def test_names_and_places_in_the_table_do_not_give_the_label_away(tmp_path):
    rows = rows_of(write_dataset(tmp_path, films=200, seed=1, size=32))
    for value in (lambda row: int(row["image_id"][1:]), rows.index):
        positive, negative = ([float(value(row)) for row in rows if row["label"] == label] for label in "10")
        assert abs(auroc(positive, negative) - 0.5) < 0.13


def test_the_same_seed_writes_the_same_bytes_with_any_number_of_workers(tmp_path):
    calls: list[tuple[int, int]] = []
    one = write_dataset(tmp_path / "one", films=8, seed=9, size=48, workers=1, suffix=".png")
    two = write_dataset(
        tmp_path / "two", films=8, seed=9, size=48, workers=3, suffix=".png", progress=lambda *at: calls.append(at)
    )
    files = sorted(path.relative_to(one) for path in one.rglob("*.*"))
    assert files == sorted(path.relative_to(two) for path in two.rglob("*.*"))
    assert len(files) == 9
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in files)
    assert calls == [(done, 8) for done in range(1, 9)]
    other = write_dataset(tmp_path / "other", films=8, seed=10, size=48, suffix=".png")
    assert (one / "dataset.csv").read_bytes() != (other / "dataset.csv").read_bytes()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"films": 0}, "no data set"),
        ({"fractured_share": 1.2}, "outside 0..1"),
        ({"split": (0.5, 0.2, 0.2)}, "add up to 1"),
        ({"suffix": ".bmp"}, "bmp"),
        ({"size": 8}, "too small"),
    ],
)
def test_a_data_set_that_cannot_be_is_refused_before_anything_is_written(tmp_path, wrong, says):
    with pytest.raises(DatasetError, match=says):
        write_dataset(tmp_path / "films", **{"films": 4, **wrong})
    assert not (tmp_path / "films").exists()


def test_one_nearest_neighbour_on_small_pixels_learns_nothing(tmp_path):
    rows = rows_of(folder := write_dataset(tmp_path, films=240, seed=2, size=64))
    small = np.stack(
        [np.asarray(Image.open(folder / row["path"]).resize((16, 16)), np.float32).ravel() for row in rows]
    )
    labels = np.array([int(row["label"]) for row in rows])
    groups = np.array([row["group"] for row in rows])
    distance = ((small[:, None] - small[None]) ** 2).sum(axis=-1)
    distance[groups[:, None] == groups[None]] = np.inf
    right = labels[distance.argmin(axis=1)] == labels
    assert right.mean() < 0.62
