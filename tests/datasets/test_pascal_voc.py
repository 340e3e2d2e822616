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
        (BOMB, "declares a document type"),
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


def test_entities_are_refused_in_every_encoding(voc):
    text = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE annotation [<!ENTITY f "fracture">]>' + annotation(
        "a.png", one("&f;")
    )
    (voc / "Annotations/a.xml").write_bytes(text.encode("utf-16"))
    with pytest.raises(DatasetError, match=r"Annotations/a\.xml: it declares a document type"):
        scan(voc)


def test_names_with_dots_keep_their_own_labels(film, tmp_path):
    (tmp_path / "Annotations").mkdir()
    for number, (name, objects) in enumerate((("wrist", ""), ("wrist.1", one()))):
        film(f"JPEGImages/{name}.png", number)
        (tmp_path / f"Annotations/{name}.xml").write_text(annotation(f"{name}.png", objects))
    manifest = scan(tmp_path)
    assert dict(zip(manifest.table["image_id"], manifest.table["label"], strict=True)) == {
        "JPEGImages/wrist.png": 0,
        "JPEGImages/wrist.1.png": 1,
    }
    assert not any("ignored" in note for note in manifest.notes)


@pytest.mark.parametrize("folder", ["Annotations", "JPEGImages"])
def test_the_file_of_an_absent_film_does_not_label_that_of_another_site(film, tmp_path, folder):
    for number, (name, objects) in enumerate((("siteA/{}/1", ""), ("siteB/{}/1", ""), ("siteB/{}/2", one()))):
        film(f"{name.format('JPEGImages')}.png", number)
        target = tmp_path / f"{name.format(folder)}.xml"
        target.parent.mkdir(exist_ok=True)
        target.write_text(annotation(f"{name[-1]}.png", objects))
    (tmp_path / f"siteA/{folder}/2.xml").write_text(annotation("2.png"))
    manifest = scan(tmp_path)
    assert list(manifest.table["label"]) == [0, 0, 1]
    assert "1 annotation file without a film here" in manifest.notes


def test_a_file_called_like_a_film_counts_before_one_that_names_it(voc):
    # a.xml, read first, names b.png; b.xml is that film's own.
    (voc / "JPEGImages/a.png").unlink()
    (voc / "Annotations/a.xml").write_text(annotation("b.png", one()))
    assert list(scan(voc).table["label"]) == [0, 1]


def test_lists_of_two_sites_and_a_film_in_two_of_them(film, tmp_path):
    for number, (site, split) in enumerate((("siteA", "train"), ("siteB", "test"))):
        for folder in ("Annotations", "ImageSets/Main"):
            (tmp_path / site / folder).mkdir(parents=True)
        for name, objects in (("1", ""), ("2", one())):
            film(f"{site}/JPEGImages/{name}.png", 10 * number + int(name))
            (tmp_path / site / f"Annotations/{name}.xml").write_text(annotation(f"{name}.png", objects))
        (tmp_path / site / f"ImageSets/Main/{split}.txt").write_text("1\n2\n")
    assert list(scan(tmp_path).table["split"]) == ["train", "train", "test", "test"]
    (tmp_path / "siteA/ImageSets/Main/val.txt").write_text("2\n")
    with pytest.raises(DatasetError, match=r"1 film is in more than one split: siteA/JPEGImages/2.png \(train by"):
        scan(tmp_path)
