from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lucency.datasets.layouts import LAYOUTS, scan
from lucency.errors import DatasetError


def names(manifest):
    return dict(zip(manifest.table["image_id"], manifest.table["label"], strict=True))


@pytest.mark.parametrize(
    ("positive", "negative"),
    [
        ("Fractured", "Not_fractured"),
        ("fractured", "not fractured"),
        ("FRACTURED", "Non_fractured"),
        ("Broken", "unfractured"),
        ("positive", "Negative"),
        ("abnormal", "normal"),
        ("fracture", "no-fracture"),
        ("1", "0"),
        ("fractured", "nonfractured"),
        ("fractured", "Healthy"),
    ],
)
def test_names_of_classes(film, tmp_path, positive, negative):
    film(f"{positive}/a.png", 1)
    film(f"{negative}/b.png", 2)
    assert names(scan(tmp_path)) == {f"{positive}/a.png": 1, f"{negative}/b.png": 0}


def test_splits_however_deep(film, tmp_path):
    for split in ("train", "Validation", "testing"):
        film(f"archive (6)/set/{split}/fractured/a.png", 1)
        film(f"archive (6)/set/{split}/not fractured/exam 3/b.png", 2)
    manifest = scan(tmp_path)
    assert manifest.source.endswith("(split folders)")
    assert list(manifest.table["split"]) == ["val", "val", "test", "test", "train", "train"]
    assert list(manifest.table["label"]) == [1, 0] * 3


def test_digits_number_patients_where_a_word_names_the_class(film, tmp_path):
    film("fractured/0/a.png", 1)
    film("normal/1/b.png", 2)
    assert list(scan(tmp_path).table["label"]) == [1, 0]


def test_own_words_count_first(film, tmp_path):
    film("Bruch/a.png", 1)
    film("heil/b.png", 2)
    film("normal/c.png", 3)
    manifest = scan(tmp_path, labels={"bruch": 1, "HEIL": 0, "normal": 1})
    assert names(manifest) == {"Bruch/a.png": 1, "heil/b.png": 0, "normal/c.png": 1}
    with pytest.raises(DatasetError, match="not 0 or 1"):
        scan(tmp_path, labels={"bruch": 2})


def test_an_unknown_folder_is_listed_with_its_count(film, tmp_path):
    film("train/fractured/a.png", 1)
    for i in range(3):
        film(f"train/hairline/{i}.png", i + 2)
    film("loose.png", 9)
    with pytest.raises(DatasetError) as error:
        scan(tmp_path)
    message = str(error.value)
    assert "hairline (3 films)" in message
    assert ". (1 film" in message
    assert "fractured = 1 (1 film" in message
    assert '--label "hairline=1"' in message


def test_folders_that_name_both_classes(film, tmp_path):
    film("normal/fractured/a.png", 1)
    with pytest.raises(DatasetError, match="both classes"):
        scan(tmp_path)


@pytest.mark.parametrize("empty", ["", "notes.txt"])
def test_nothing_to_find(tmp_path, empty):
    if empty:
        (tmp_path / empty).write_text("no film")
    with pytest.raises(DatasetError) as error:
        scan(tmp_path)
    assert "no films found" in str(error.value)
    assert ".jpg" in str(error.value)
    assert "class folders" in str(error.value)
    assert ("1 .txt" in str(error.value)) == bool(empty)


def test_no_such_place(tmp_path, film):
    with pytest.raises(DatasetError, match="no such folder"):
        scan(tmp_path / "absent")
    with pytest.raises(DatasetError, match="not a folder"):
        scan(film("a.png"))


def test_a_class_without_films_is_named(film, tmp_path):
    film("fractured/a.png", 1)
    (tmp_path / "normal").mkdir()
    with pytest.raises(DatasetError, match=r"no films of the class not fractured \(0\)"):
        scan(tmp_path)


def test_what_is_no_film_is_ignored_and_counted(two_classes):
    before = list(scan(two_classes).table["image_id"])
    (two_classes / "fractured" / "Thumbs.db").write_bytes(b"x")
    (two_classes / "fractured" / "._f0.png").write_bytes(b"x")
    (two_classes / "fractured" / "report.pdf").write_bytes(b"x")
    (two_classes / "fractured" / "README").write_bytes(b"x")
    for hidden in ("__MACOSX", ".cache"):
        (two_classes / hidden / "fractured").mkdir(parents=True)
        (two_classes / hidden / "fractured" / "f9.png").write_bytes(b"x")
    manifest = scan(two_classes)
    assert list(manifest.table["image_id"]) == before
    assert manifest.notes == ("4 files that are no films ignored: 1 .pdf, 1 hidden, 1 thumbs.db, 1 without suffix",)


def test_broken_films_are_still_listed(two_classes):
    (two_classes / "fractured" / "zero.JPG").write_bytes(b"")
    (two_classes / "fractured" / "text.jpg").write_text("not a film")
    (two_classes / "fractured" / "IM000001").write_bytes(bytes(128) + b"DICM" + b"rest")
    (two_classes / "fractured" / "1.2.840.113").write_bytes(bytes(128) + b"DICM" + b"rest")
    listed = set(scan(two_classes).table["image_id"])
    assert {f"fractured/{name}" for name in ("zero.JPG", "text.jpg", "IM000001", "1.2.840.113")} <= listed


def test_a_film_that_cannot_be_opened_has_no_hash(two_classes, monkeypatch):
    import builtins

    real = builtins.open

    def refuse(path, *args, **kwargs):
        if str(path).endswith("f0.png"):
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", refuse)
    table = scan(two_classes).table.set_index("image_id")
    assert table["sha256"]["fractured/f0.png"] == ""
    assert len(table["sha256"]["fractured/f1.png"]) == 64


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links")
def test_links_are_followed_but_not_round_in_circles(two_classes, tmp_path):
    (two_classes / "fractured" / "again").symlink_to(two_classes, target_is_directory=True)
    (two_classes / "fractured" / "gone.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "elsewhere").mkdir()
    (two_classes / "fractured" / "f5.png").rename(tmp_path / "elsewhere" / "f5.png")
    (two_classes / "fractured" / "linked").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    manifest = scan(two_classes)
    assert len(manifest) == 12
    assert "fractured/linked/f5.png" in set(manifest.table["image_id"])
    assert "1 broken link" in manifest.notes[0]


def test_a_folder_with_a_table(two_classes):
    (two_classes / "dataset.csv").write_text(
        "image_id,path,label,group,body_part,view,boxes,kind\n"
        'a,fractured/f0.png,1,g1,forearm,ap,"[[1,2,3,4]]",oblique\n'
        "b,not fractured/n0.png,0,g2,forearm,ap,[],\n"
    )
    manifest = scan(two_classes)
    assert manifest.source.endswith("(folder with a table)")
    assert list(manifest.table["image_id"]) == ["a", "b"]
    assert list(manifest.table["kind"]) == ["oblique", ""]
    assert manifest.notes == ("10 films of the folder not in dataset.csv, ignored",)
    assert list(scan(two_classes / "dataset.csv").table["group"]) == ["g1", "g2"]


def test_a_table_about_something_else_is_no_manifest(two_classes):
    (two_classes / "dataset.csv").write_text("patient,age\n1,40\n")
    assert len(scan(two_classes)) == 12


def test_a_table_with_words_of_the_user(two_classes):
    path = two_classes / "films.csv"
    path.write_text("file,class\nfractured/f0.png,Bruch\nnot fractured/n0.png,heil\n")
    assert list(scan(path, labels={"bruch": 1, "heil": 0}).table["label"]) == [1, 0]


def test_groups_by_name_of_file_or_image_id(two_classes, film):
    film("data/fractured/exam/f0.png", 50)
    groups = two_classes.parent / "groups.csv"
    groups.write_text("image_id,group\nf1.png,g1\nnot fractured/n0.png,g1\nn1.png,none\nf0.png,g2\nother.png,g3\n")
    manifest = scan(two_classes, groups=groups)
    group = dict(zip(manifest.table["image_id"], manifest.table["group"], strict=True))
    assert group["fractured/f1.png"] == group["not fractured/n0.png"] == "g1"
    assert group["not fractured/n1.png"] == ""
    assert group["fractured/f0.png"] == group["fractured/exam/f0.png"] == ""
    assert "groups of 3 of 13 films from groups.csv; the other 10 keep theirs" in manifest.notes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image_id,group\nx.png,g1\n", "none of its 1 films"),
        ("film,cluster_id\nf1.png,g1\n", "need the columns image_id and group; found film, cluster_id"),
        ("image_id,group\nf1.png,g1\nf1.png,g2\n", "row 3 puts f1.png in a second group"),
    ],
)
def test_groups_that_do_not_fit(two_classes, text, message):
    groups = two_classes.parent / "groups.csv"
    groups.write_text(text)
    with pytest.raises(DatasetError, match=message):
        scan(two_classes, groups=groups)


@pytest.fixture
def fracatlas(film, tmp_path) -> Path:
    """Three fractured and two normal films in the layout of FracAtlas, one folder down."""
    for i in (1, 2, 3):
        film(f"FracAtlas/images/Fractured/IMG000000{i}.jpg", i)
    for i in (4, 5):
        film(f"FracAtlas/images/Non_fractured/IMG000000{i}.jpg", i)
    film("FracAtlas/Utilities/plot.png", 9)
    base = tmp_path / "FracAtlas"
    (base / "dataset.csv").write_text(
        "image_id,hand,leg,hip,shoulder,mixed,hardware,multiscan,fractured,fracture_count,frontal,lateral,oblique\n"
        "IMG0000001.jpg,1,0,0,0,0,0,0,1,1,1,0,0\n"
        "IMG0000002.jpg,0,1,0,0,0,0,1,0,0,1,1,0\n"
        "IMG0000003.jpg,1,0,0,1,1,1,0,1,1,0,0,1\n"
        "IMG0000004.jpg,0,0,1,0,0,0,0,0,0,0,1,0\n"
        "IMG0000099.jpg,0,0,1,0,0,0,0,0,0,0,1,0\n"
    )
    (base / "groups.csv").write_text("image_id,group,note\nIMG0000001.jpg,fa1,\nIMG0000004.jpg,fa1,copy\n")
    coco = base / "Annotations" / "COCO JSON"
    coco.mkdir(parents=True)
    (coco / "COCO_fracture_masks.json").write_text(
        json.dumps(
            {
                "images": [
                    {"id": 5, "file_name": "IMG0000001.jpg"},
                    {"id": 6, "file_name": "IMG0000002.jpg"},
                ],
                "annotations": [
                    {"id": 0, "image_id": 5, "bbox": [1.5, 2, 3, 4]},
                    {"id": 1, "image_id": 6, "bbox": [5, 6, 7, 8]},
                    {"id": 2, "image_id": 5, "bbox": [9, 1, 2, 3]},
                ],
            }
        )
    )
    return tmp_path


def test_fracatlas(fracatlas):
    manifest = scan(fracatlas)
    assert manifest.source.endswith("(FracAtlas)")
    table = manifest.table.set_index("image_id")
    assert list(table.index) == [f"IMG000000{i}.jpg" for i in range(1, 6)]
    assert list(table["label"]) == [1, 1, 1, 0, 0]
    assert list(table["body_part"]) == ["hand", "leg", "mixed", "hip", ""]
    assert list(table["view"]) == ["frontal", "frontal+lateral", "oblique", "lateral", ""]
    assert list(table["boxes"]) == ["[[1.5,2,3,4],[9,1,2,3]]", "[[5,6,7,8]]", "", "[]", "[]"]
    assert list(table["hardware"]) == ["0", "0", "1", "0", ""]
    assert list(table["second_label"]) == ["1", "0", "1", "0", ""]
    assert list(table["group"]) == ["fa1", "", "", "fa1", ""]
    assert "1 film is not in dataset.csv" in manifest.notes
    assert "1 film of dataset.csv is not here" in manifest.notes


def test_fracatlas_without_annotations(fracatlas):
    (fracatlas / "FracAtlas/Annotations/COCO JSON/COCO_fracture_masks.json").unlink()
    manifest = scan(fracatlas)
    assert set(manifest.table["boxes"]) == {""}
    assert "no COCO annotations: boxes are unknown" in manifest.notes


@pytest.mark.parametrize("text", ["{", "[]", '{"images": [], "annotations": [{"image_id": 3}]}'])
def test_fracatlas_with_broken_annotations(fracatlas, text):
    (fracatlas / "FracAtlas/Annotations/COCO JSON/COCO_fracture_masks.json").write_text(text)
    with pytest.raises(DatasetError, match="COCO"):
        scan(fracatlas)


def test_every_layout_has_a_name_of_its_own():
    assert len({layout.name for layout in LAYOUTS}) == len(LAYOUTS)
    assert all(layout.looks_like for layout in LAYOUTS)


def misname(folder: Path, name: bytes) -> None:
    """Writes a film whose name is not valid UTF-8, where the file system lets us."""
    try:
        with open(os.fsencode(folder) + b"/" + name, "wb") as file:
            file.write(b"no matter what")
    except OSError:
        pytest.skip("the file system wants names in UTF-8")


def test_a_film_whose_name_is_no_text_is_left_out_and_told(two_classes, tmp_path):
    before = list(scan(two_classes).table["image_id"])
    misname(two_classes / "fractured", b"caf\xe9.png")
    os.mkdir(os.fsencode(two_classes) + b"/normal-\xff")
    misname(two_classes / "fractured" / "..", b"normal-\xff/a.png")
    manifest = scan(two_classes)
    assert list(manifest.table["image_id"]) == before
    assert manifest.misnamed == ("fractured/caf\\xe9.png", "normal-\\xff/a.png")
    (note,) = manifest.notes
    assert note == (
        "2 films left out, since their names are not valid UTF-8; rename them:"
        " fractured/caf\\xe9.png, normal-\\xff/a.png"
    )
    for suffix in (".csv", ".parquet"):
        manifest.write(tmp_path / f"films{suffix}")
        assert list(scan(tmp_path / f"films{suffix}").table["image_id"]) == before
    (two_classes / "fractured").rename(tmp_path / "gone")
    (two_classes / "not fractured").rename(tmp_path / "gone too")
    with pytest.raises(DatasetError, match=r"no films found: .*; 1 film left out, since its name is not valid UTF-8"):
        scan(two_classes)


def test_a_folder_whose_path_is_no_text_is_refused(two_classes, tmp_path):
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    try:
        os.rename(two_classes, odd)
    except OSError:
        pytest.skip("the file system wants names in UTF-8")
    (Path(odd) / "films.csv").write_text("path,label\nfractured/f0.png,1\n")
    for place in (odd, os.path.join(odd, "films.csv")):
        with pytest.raises(DatasetError, match=r"caf\\xe9.*its path is not valid UTF-8"):
            scan(place)


def test_what_nothing_can_be_trained_on_is_kept_where_that_is_wanted(film, tmp_path, monkeypatch):
    film("set/fractured/a.png", 1)
    (tmp_path / "set" / "dataset.csv").write_text("path,label\nfractured/a.png,1\nfractured/b.png,1\n")
    for place in ("set", "set/dataset.csv"):
        with pytest.raises(DatasetError, match=r"1 of 2 films are not there: .*b\.png") as refused:
            scan(tmp_path / place)
        assert refused.value.where == str(tmp_path / "set" / "dataset.csv")
        manifest = scan(tmp_path / place, trainable=False)
        assert list(manifest.table["sha256"] == "") == [False, True]
        assert manifest.notes[-1].startswith("no films of the class not fractured (0) among 2 films: nothing could be")
    monkeypatch.chdir(tmp_path)
    assert scan("set", trainable=False).source == "set (folder with a table)"
    assert scan(os.path.join("set", "dataset.csv"), trainable=False).source.endswith("dataset.csv (table)")
