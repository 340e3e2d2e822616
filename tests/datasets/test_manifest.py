from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pytest

from lucency.datasets.manifest import TEST_IS_VAL, Manifest
from lucency.datasets.manifest_file import MANIFEST_COLUMNS, read_table
from lucency.errors import DatasetError


def csv(folder: Path, text: str, name: str = "films.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def three(film, tmp_path):
    for i in range(3):
        film(f"{i}.png", i)
    return tmp_path


def test_path_and_label_are_enough(three):
    manifest = Manifest.read(csv(three, "path,label\n0.png,1\n1.png,0\n"))
    assert tuple(manifest.table.columns) == MANIFEST_COLUMNS
    assert list(manifest.table["image_id"]) == ["0.png", "1.png"]
    assert list(manifest.table["label"]) == [1, 0]
    assert manifest.table["path"][0] == str(three / "0.png")
    assert manifest.table["sha256"][0] == hashlib.sha256((three / "0.png").read_bytes()).hexdigest()
    assert (manifest.table[["group", "split", "boxes"]] == "").all(axis=None)


@pytest.mark.parametrize("path_name", ["file", "filename", "Image", "image_path"])
@pytest.mark.parametrize("label_name", ["fractured", "target", "Class", "y"])
def test_names_of_columns(three, path_name, label_name):
    manifest = Manifest.read(csv(three, f"{label_name},{path_name}\n1,0.png\n0,1.png\n"))
    assert list(manifest.table["label"]) == [1, 0]


@pytest.mark.parametrize(
    ("cell", "label"),
    [("1", 1), ("0.0", 0), ("Fractured", 1), ("non-fractured", 0), ("NORMAL", 0), ("True", 1), ("no", 0)],
)
def test_words_for_labels(three, cell, label):
    assert list(Manifest.read(csv(three, f"path,label\n0.png,{cell}\n")).table["label"]) == [label]


@pytest.mark.parametrize(
    ("cell", "split"),
    [
        ("Training", "train"),
        ("valid", "val"),
        ("validation", "val"),
        ("dev", "val"),
        ("testing", "test"),
        ("", ""),
    ],
)
def test_words_for_splits(three, cell, split):
    assert list(Manifest.read(csv(three, f"path,label,split\n0.png,1,{cell}\n")).table["split"]) == [split]


def test_semicolons_and_byte_order_mark(three):
    path = three / "excel.csv"
    path.write_bytes("﻿path;label\n0.png;1\n".encode())
    assert len(Manifest.read(path)) == 1


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("path,label\n0.png,1\n1.png,2\n", ["row 3", "1.png", "'2'", "column label"]),
        ("path,label\n0.png,maybe\n", ["row 2", "'maybe'", "--label"]),
        ("path,label\n0.png,\n", ["row 2", "not a label"]),
        ("path,label\n,1\n", ["row 2", "empty cell"]),
        ("path,label,image_id\n0.png,1,a\n1.png,0,a\n", ["image_id a", "row 2", "row 3"]),
        ("path,label\n0.png,1\n0.png,1\n", ["0.png", "row 2", "row 3"]),
        ("path,label,split\n0.png,1,holdout\n", ["row 2", "'holdout'", "train, val and test"]),
        ("film,label\n0.png,1\n", ["no column with the path", "film, label"]),
        ("path,diagnosis\n0.png,1\n", ["no column with the label", "path, diagnosis"]),
        ("path,label,boxes\n0.png,1,10 20 30 40\n", ["row 2", "column boxes", "JSON"]),
        ('path,label,boxes\n0.png,1,"[[1,2,3]]"\n', ["column boxes"]),
        ('path,label,boxes\n0.png,1,"[[1,2,0,4]]"\n', ["column boxes"]),
        ('path,label,boxes\n0.png,1,"[[1,2,3,NaN]]"\n', ["column boxes"]),
        ('path,label,boxes\n0.png,1,"{}"\n', ["column boxes"]),
        ("path,label,sha256\n0.png,1,abc\n", ["row 2", "column sha256"]),
        ("path,label\n0.png,1\n7.png,1\n8.png,0\n9.png,0\n10.png,0\n", ["4 of 5", "7.png", "and 1 more"]),
        ("path,label\n", ["no rows"]),
        ("", ["cannot be read"]),
        ("path,label\n0.png,1,x,y\n", ["cannot be read"]),
    ],
)
def test_bad_tables_say_what_and_where(three, text, parts):
    with pytest.raises(DatasetError) as error:
        Manifest.read(csv(three, text))
    assert "films.csv" in str(error.value)
    for part in parts:
        assert part in str(error.value)


def test_bad_files(three):
    with pytest.raises(DatasetError, match="no such table"):
        Manifest.read(three / "absent.csv")
    with pytest.raises(DatasetError, match=r"\.csv or \.parquet"):
        Manifest.read(three / "0.png")
    (three / "latin.csv").write_bytes(b"path,label\nr\xf6ntgen.png,1\n")
    with pytest.raises(DatasetError, match="UTF-8"):
        Manifest.read(three / "latin.csv")
    (three / "broken.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DatasetError, match="cannot be read"):
        Manifest.read(three / "broken.parquet")


def test_group_falls_back_to_patient_then_study_and_unknown_is_no_group(three):
    text = "path,label,group,patient_id,study_id\n0.png,1,,p1,s1\n1.png,0,none,,s2\n2.png,0,g,NaN,\n"
    assert list(Manifest.read(csv(three, text)).table["group"]) == ["p1", "s2", "g"]


def test_hardware_is_kept_where_a_table_has_it(three):
    manifest = Manifest.read(csv(three, "path,label,Metal\n0.png,1,1\n1.png,0,\n"))
    assert list(manifest.table["hardware"]) == ["1", ""]
    manifest.write(three / "again.csv")
    assert list(Manifest.read(three / "again.csv").table["hardware"]) == ["1", ""]


@pytest.mark.parametrize("name", ["out/m.csv", "out/m.parquet"])
def test_written_and_read_again(three, name):
    text = 'path,label,split,boxes,patient_id\n0.png,1,val,"[[1, 2, 3.5, 4]]",007\n1.png,0,train,[],\n'
    manifest = Manifest.read(csv(three, text))
    manifest.write(three / name)
    again = Manifest.read(three / name)
    pd.testing.assert_frame_equal(
        again.table[list(manifest.table.columns)].assign(image_id=manifest.table["image_id"]), manifest.table
    )
    assert again.table["patient_id"][0] == "007"
    assert again.table["boxes"][0] == "[[1,2,3.5,4]]"
    assert again.content_hash() == manifest.content_hash()
    assert [path.name for path in (three / "out").iterdir()] == [Path(name).name]


def test_written_paths_move_with_their_folder(three):
    Manifest.read(csv(three, "path,label\n0.png,1\n1.png,0\n")).write(three / "portable.csv")
    assert "\n0.png,0.png," in (three / "portable.csv").read_text()
    moved = three.with_name("moved")
    three.rename(moved)
    assert Manifest.read(moved / "portable.csv").table["path"][1] == str(moved / "1.png")


def test_content_hash_ignores_order_and_place_but_not_labels(three):
    one = Manifest.read(csv(three, "path,label\n0.png,1\n1.png,0\n"))
    other = Manifest.read(csv(three, "path,label,image_id\n1.png,0,b\n0.png,1,a\n"))
    third = Manifest.read(csv(three, "path,label\n0.png,0\n1.png,1\n"))
    assert one.content_hash() == other.content_hash() != third.content_hash()


def test_subset(three):
    manifest = Manifest.read(csv(three, "path,label,split\n0.png,1,train\n1.png,0,val\n2.png,0,train\n"))
    assert list(manifest.subset("train").table["image_id"]) == ["0.png", "2.png"]
    assert list(manifest.subset("train").table.index) == [0, 1]
    assert len(manifest.subset("test")) == 0
    assert list(manifest.noting(TEST_IS_VAL).subset("test").table["image_id"]) == ["1.png"]
    with pytest.raises(DatasetError, match="holdout"):
        manifest.subset("holdout")


def test_folders_named_for_the_other_class_are_a_second_label(film, tmp_path):
    for place in ("fracture/site 1/normal/0/a.png", "fracture/site 1/Broken/1/b.png", "fracture/site 2/c.png"):
        film(place, len(place))
    cells = [f"fracture/site 1/{name}" for name in ("normal/0/a.png", "Broken/1/b.png", "../site 2/c.png")]

    def second(*labels):
        rows = [f"{cell},{label}" for cell, label in zip(cells, labels, strict=True)]
        (tmp_path / "films.csv").write_text("\n".join(["path,label", *rows]))
        table = read_table(tmp_path / "films.csv")
        return list(table["second_label"]) if "second_label" in table else None

    assert second(0, 1, 1) is None
    assert second(1, 1, 0) == ["0", "1", ""]
    assert list(read_table(tmp_path / "films.csv", {"normal": 1, "broken": 1}).columns).count("second_label") == 0
