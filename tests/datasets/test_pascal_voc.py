from __future__ import annotations

import pytest

from lucency.datasets.layouts import scan
from lucency.errors import DatasetError


def annotation(name="x.png", objects="", size="<size><width>30</width><height>20</height></size>"):
    return f"<annotation><filename>{name}</filename>{size}{objects}</annotation>"


def one(name="fracture", box=(3, 4, 13, 10)):
    sides = "".join(
        f"<{side}>{value}</{side}>" for side, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return f"<object><name>{name}</name><bndbox>{sides}</bndbox></object>"


@pytest.fixture
def voc(film, tmp_path):
    """JPEGImages, Annotations and ImageSets, as the VOC development kit has them."""
    for name, objects in (("a", one() + one("metal")), ("b", ""), ("c", one("Elbow Fracture", (1, 1, 2, 2)))):
        film(f"JPEGImages/{name}.png", ord(name))
        (tmp_path / "Annotations").mkdir(exist_ok=True)
        (tmp_path / f"Annotations/{name}.xml").write_text(annotation(f"{name}.png", objects))
    sets = tmp_path / "ImageSets/Main"
    sets.mkdir(parents=True)
    (sets / "train.txt").write_text("a\nb\n")
    (sets / "val.txt").write_text("c\n")
    (sets / "trainval.txt").write_text("a\nb\nc\n")
    (sets / "fracture_test.txt").write_text("a 1\n")
    return tmp_path


def test_the_development_kit(voc):
    manifest = scan(voc)
    assert manifest.source.endswith("(Pascal VOC)")
    assert list(manifest.table["label"]) == [1, 0, 1]
    assert list(manifest.table["boxes"]) == ["[[3.0,4.0,10.0,6.0]]", "[]", "[[1.0,1.0,1.0,1.0]]"]
    assert list(manifest.table["split"]) == ["train", "train", "val"]
    assert list(manifest.table["kind"]) == ["fracture", "", "Elbow Fracture"]


def test_files_beside_films_in_split_folders(film, tmp_path):
    for split in ("train", "valid"):
        for name, objects in (("a", one()), ("b", "")):
            film(f"{split}/{name}.png", ord(name) + len(split))
            (tmp_path / f"{split}/{name}.xml").write_text(annotation("renamed.png", objects))
    manifest = scan(tmp_path)
    assert list(manifest.table["label"]) == [1, 0, 1, 0]
    assert list(manifest.table["split"]) == ["train", "train", "val", "val"]


def test_a_film_known_by_the_name_in_the_file(film, tmp_path):
    film("films/first.png", 1)
    film("films/second.png", 2)
    (tmp_path / "xml").mkdir()
    (tmp_path / "xml/1.xml").write_text(annotation("first.png", one()))
    (tmp_path / "xml/2.xml").write_text(annotation("second.png"))
    assert list(scan(tmp_path).table["label"]) == [1, 0]


def test_what_is_missing_is_said(voc, film):
    film("JPEGImages/d.png", 50)
    (voc / "JPEGImages/c.png").unlink()
    manifest = scan(voc)
    assert list(manifest.table["image_id"]) == ["JPEGImages/a.png", "JPEGImages/b.png"]
    assert "1 annotation file without a film here" in manifest.notes
    assert any(
        note.startswith("1 film without an annotation file (JPEGImages/d.png) left out") for note in manifest.notes
    )


def test_boxes_over_the_edge_and_outside(voc):
    (voc / "Annotations/a.xml").write_text(annotation("a.png", one(box=(20, 10, 90, 90))))
    (voc / "Annotations/c.xml").write_text(annotation("c.png", one(box=(200, 10, 290, 90))))
    manifest = scan(voc)
    assert list(manifest.table["boxes"]) == ["[[20.0,10.0,10.0,10.0]]", "[]", ""]
    assert list(manifest.table["label"]) == [1, 0, 1]
    assert sum("a box" in note for note in manifest.notes) == 2


def test_a_size_of_zero_is_no_size(voc):
    zero = "<size><width>0</width><height>0</height></size>"
    (voc / "Annotations/a.xml").write_text(annotation("a.png", one(), zero))
    assert scan(voc).table["boxes"][0] == "[[3.0,4.0,10.0,6.0]]"


def test_a_class_that_is_not_known_is_asked_for(voc):
    (voc / "Annotations/a.xml").write_text(annotation("a.png", one("lesion?")))
    with pytest.raises(DatasetError, match=r'--label "lesion\?=1"'):
        scan(voc)


BOMB = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><annotation>&c;</annotation>'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<annotation><object>", "this is not XML"),
        ("", "this is not XML"),
        ("<labels></labels>", "begins with <labels>"),
        (annotation("a.png", "<object></object>"), "object 1 has no name"),
        (annotation("a.png", one(box=(3, 4, "x", 10))), "object 1: xmax is 'x'"),
        (annotation("a.png", one(box=(3, 4, "", 10))), "object 1: xmax is ''"),
        (annotation("a.png", one(box=(3, 4, "inf", 10))), "no number"),
        (annotation("a.png", one(box=(13, 4, 3, 10))), "before xmin"),
        (annotation("a.png", one(), "<size><width>wide</width></size>"), "width is 'wide'"),
        (BOMB, "declares entities"),
    ],
)
def test_broken_files_are_named(voc, text, message):
    (voc / "Annotations/a.xml").write_text(text)
    with pytest.raises(DatasetError) as error:
        scan(voc)
    assert message in str(error.value)
    assert "Annotations/a.xml" in str(error.value)


def test_xml_about_something_else_is_no_annotation(two_classes):
    (two_classes / "catalog.xml").write_text("<catalog/>")
    assert scan(two_classes).source.endswith("(class folders)")
