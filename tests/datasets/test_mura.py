from __future__ import annotations

import pytest

from lucency.datasets.film_groups import film_groups
from lucency.datasets.layouts import scan
from lucency.errors import DatasetError


@pytest.fixture
def mura(film, tmp_path):
    """Five films of three patients; patient 1 has two studies of the wrist and one of the elbow."""
    for seed, name in enumerate(
        (
            "train/XR_WRIST/patient00001/study1_positive/image1.png",
            "train/XR_WRIST/patient00001/study1_positive/image2.png",
            "train/XR_WRIST/patient00001/study2_negative/image1.png",
            "train/XR_ELBOW/patient00001/study1_negative/image1.png",
            "train/XR_HAND/patient00002/study1_negative/image1.png",
            "valid/XR_HAND/patient11185/study1_positive/image1.png",
        )
    ):
        film(f"MURA-v1.1/{name}", seed)
    (tmp_path / "MURA-v1.1/train/XR_WRIST/patient00001/study1_positive/._image1.png").write_bytes(b"x")
    return tmp_path


def test_all_of_it_comes_from_the_folders(mura):
    manifest = scan(mura)
    table = manifest.table
    assert manifest.source.endswith("(MURA)")
    assert list(table["label"]) == [0, 0, 1, 1, 0, 1]
    assert list(table["body_part"]) == ["elbow", "hand", "wrist", "wrist", "wrist", "hand"]
    assert list(table["split"]) == ["train"] * 5 + ["val"]
    assert list(table["patient_id"]) == ["patient00001", "patient00002", *["patient00001"] * 3, "patient11185"]
    assert table["study_id"].nunique() == 5
    assert table["study_id"][2] == table["study_id"][3] == "wrist/patient00001/study1"
    assert len(set(film_groups(manifest))) == 3
    assert any("abnormal for any reason" in note for note in manifest.notes)


def test_the_tables_are_compared(mura):
    base = mura / "MURA-v1.1"
    (base / "train_image_paths.csv").write_text(
        "MURA-v1.1/train/XR_WRIST/patient00001/study1_positive/image1.png\n"
        "MURA-v1.1/train/XR_WRIST/patient00009/study1_positive/image1.png\n"
    )
    (base / "train_labeled_studies.csv").write_text(
        "MURA-v1.1/train/XR_WRIST/patient00001/study1_positive/,1\nMURA-v1.1/train/XR_HAND/patient00002/study1_negative/,1\n"
    )
    manifest = scan(mura)
    assert "1 film of the tables is not here" in manifest.notes
    assert "4 films are not in the tables of paths" in manifest.notes
    second = dict(zip(manifest.table["study_id"], manifest.table["second_label"], strict=True))
    assert second["wrist/patient00001/study1"] == "1"
    assert second["hand/patient00002/study1"] == "1"
    assert second["elbow/patient00001/study1"] == ""


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("train_image_paths.csv", "somewhere/image.png\n", "row 1 is no path of a film of MURA"),
        (
            "train_labeled_studies.csv",
            "x/patient00001/study1_positive/,2\n",
            "row 1 is no study of MURA with its label",
        ),
        ("train_labeled_studies.csv", "x/patient00001/study1_positive/\n", "row 1 is no study"),
    ],
)
def test_broken_tables(mura, name, text, message):
    (mura / "MURA-v1.1" / name).write_text(text)
    with pytest.raises(DatasetError, match=message):
        scan(mura)


def test_a_table_that_is_no_text(mura):
    (mura / "MURA-v1.1/train_image_paths.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match="cannot be read"):
        scan(mura)


def test_films_outside_of_studies_are_counted(mura, film):
    film("cover.png", 30)
    assert "1 image outside of study folders ignored" in scan(mura).notes
