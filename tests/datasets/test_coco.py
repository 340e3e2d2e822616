from __future__ import annotations

import json

import pytest

from lucency.datasets.layouts import scan
from lucency.errors import DatasetError

CATEGORIES = [{"id": 0, "name": "bones", "supercategory": "none"}, {"id": 1, "name": "wrist fracture"}]


def content(names, boxes, *, categories=CATEGORIES, **extra):
    """One image of 30 x 20 for each name; `boxes` are (place of the image, category, bbox)."""
    return {
        "info": {},
        "images": [{"id": i, "file_name": name, "width": 30, "height": 20, **extra} for i, name in enumerate(names)],
        "categories": categories,
        "annotations": [
            {"id": i, "image_id": image, "category_id": category, "bbox": box}
            for i, (image, category, box) in enumerate(boxes)
        ],
    }


@pytest.fixture
def roboflow(film, tmp_path):
    """A set as Roboflow exports it: equal names in two splits mean different films."""
    for number, split in enumerate(("train", "valid")):
        for name in ("a", "b"):
            film(f"{split}/{name}.png", 10 * number + ord(name))
        text = content(["a.png", "b.png"], [(number, 1, [1, 2, 3.5, 4])])
        (tmp_path / split / "_annotations.coco.json").write_text(json.dumps(text))
    return tmp_path


def test_a_roboflow_export(roboflow):
    manifest = scan(roboflow)
    assert manifest.source.endswith("(COCO)")
    assert list(manifest.table["image_id"]) == ["train/a.png", "train/b.png", "valid/a.png", "valid/b.png"]
    assert list(manifest.table["label"]) == [1, 0, 0, 1]
    assert list(manifest.table["boxes"]) == ["[[1.0,2.0,3.5,4.0]]", "[]", "[]", "[[1.0,2.0,3.5,4.0]]"]
    assert list(manifest.table["split"]) == ["train", "train", "val", "val"]
    assert manifest.table["kind"][0] == "wrist fracture"


def test_annotations_apart_from_the_films(film, tmp_path):
    for name in ("a", "b", "c"):
        film(f"images/{name}.png", ord(name))
    (tmp_path / "annotations").mkdir()
    for split, names in (("train", ["C:\\films\\a.png", "b.png"]), ("val", ["images/c.png"])):
        text = json.dumps(content(names, [(0, 1, [1, 2, 3, 4])]))
        (tmp_path / f"annotations/instances_{split}2017.json").write_text(text)
    manifest = scan(tmp_path)
    assert list(manifest.table["label"]) == [1, 0, 1]
    assert list(manifest.table["split"]) == ["train", "train", "val"]


def test_films_that_are_not_listed_or_not_here_are_said(roboflow, film):
    film("train/new.png", 99)
    (roboflow / "train/b.png").unlink()
    manifest = scan(roboflow, labels={"no label": 0})
    assert set(manifest.table["image_id"]) == {"train/a.png", "train/new.png", "valid/a.png", "valid/b.png"}
    assert "1 film of _annotations.coco.json not here, or not to be told from others by name" in manifest.notes
    (note,) = [note for note in scan(roboflow).notes if "left out" in note]
    assert note.startswith("1 film not listed in the annotations (train/new.png) left out")


def test_a_polygon_without_a_box_and_a_fracture_without_either(film, tmp_path):
    for name in ("a", "b", "c"):
        film(f"{name}.png", ord(name))
    text = content(["a.png", "b.png", "c.png"], [(0, 1, []), (1, 1, [])])
    text["annotations"][0]["segmentation"] = [[3, 4, 9, 4, 6, 10]]
    (tmp_path / "annotations.json").write_text(json.dumps(text))
    assert list(scan(tmp_path).table["boxes"]) == ["[[3.0,4.0,6.0,6.0]]", "", "[]"]


def test_a_category_that_is_not_known_is_asked_for_where_it_is_used(roboflow):
    path = roboflow / "train/_annotations.coco.json"
    path.write_text(json.dumps(content(["a.png", "b.png"], [(0, 0, [1, 2, 3, 4])])))
    with pytest.raises(DatasetError, match=r'bones \(1 film\).*--label "bones=1"'):
        scan(roboflow)
    assert list(scan(roboflow, labels={"bones": 0}).table["label"]) == [0, 0, 0, 1]


def test_boxes_of_another_size_and_of_another_shape(roboflow):
    path = roboflow / "train/_annotations.coco.json"
    text = content(["a.png", "b.png"], [(0, 1, [10, 20, 30, 40]), (1, 1, [1, 2, 3, 4])])
    text["images"][0] |= {"width": 300, "height": 200}
    text["images"][1] |= {"width": 20, "height": 20}
    path.write_text(json.dumps(text))
    manifest = scan(roboflow)
    assert list(manifest.table["boxes"])[:2] == ["[[1.0,2.0,3.0,4.0]]", ""]
    assert any("of another size than the label file says" in note for note in manifest.notes)
    assert any("of another shape than the label file says" in note for note in manifest.notes)


BROKEN = {
    "cut off": ('{"images": [{"id": 1', "not COCO annotations"),
    "a list": ("[]", "no object at the top"),
    "no categories": ('{"images": [], "annotations": []}', "'categories' is missing"),
    "no file name": ('{"images": [{"id": 1}], "annotations": [], "categories": []}', "no file_name"),
    "an image twice": (
        '{"images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}], "annotations": [], "categories": []}',
        "two images have the id 1",
    ),
    "an unknown image": (
        '{"images": [], "annotations": [{"id": 5, "image_id": 3, "category_id": 1}], "categories": []}',
        r"image 3, which is not listed \(id 5\)",
    ),
    "a category out of range": (
        json.dumps(content(["a.png"], [(0, 7, [1, 2, 3, 4])])),
        "category 7, which is not listed",
    ),
    "a box of three": (json.dumps(content(["a.png"], [(0, 1, [1, 2, 3])])), "not \\[x, y, width, height\\]"),
    "a box of words": (json.dumps(content(["a.png"], [(0, 1, [1, 2, "3", 4])])), "not \\[x, y, width, height\\]"),
    "not a number": (json.dumps(content(["a.png"], [(0, 1, [1, 2, float("nan"), 4])])), "not \\[x, y"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_annotations(roboflow, name):
    text, message = BROKEN[name]
    (roboflow / "train/_annotations.coco.json").write_text(text)
    with pytest.raises(DatasetError, match=message) as error:
        scan(roboflow)
    assert error.value.where is not None
    assert error.value.where.endswith("train/_annotations.coco.json")


def test_none_of_the_films_is_here(film, tmp_path):
    film("other.png")
    (tmp_path / "annotations.json").write_text(json.dumps(content(["a.png"], [(0, 1, [1, 2, 3, 4])])))
    with pytest.raises(DatasetError, match="all 1 film are not listed"):
        scan(tmp_path)


def test_json_about_something_else_is_no_coco(two_classes):
    (two_classes / "settings.json").write_text('{"images": 3}')
    (two_classes / "fractured" / "f0.json").write_text('{"shapes": [], "imagePath": "f0.png"}')
    assert len(scan(two_classes)) == 12


def test_an_absent_film_does_not_label_another_of_its_name(film, tmp_path):
    for number, name in enumerate(("p1/image1.png", "p3/x.png", "p3/y.png")):
        film(name, number)
    names = ["p1/image1.png", "p2/image1.png", "p3/x.png", "p3/y.png"]
    text = content(names, [(1, 1, [1, 1, 9, 9]), (3, 1, [1, 2, 3, 4])])
    (tmp_path / "annotations.json").write_text(json.dumps(text))
    manifest = scan(tmp_path)
    assert list(manifest.table["label"]) == [0, 0, 1]
    assert list(manifest.table["boxes"]) == ["[]", "[]", "[[1.0,2.0,3.0,4.0]]"]
    assert "1 film of annotations.json not here, or not to be told from others by name" in manifest.notes


def test_films_in_other_folders_than_the_file_says_are_said(film, tmp_path):
    for number, name in enumerate(("a", "b")):
        film(f"films/{name}.png", number)
    (tmp_path / "annotations.json").write_text(json.dumps(content(["old/a.png", "old/b.png"], [(0, 1, [1, 2, 3, 4])])))
    manifest = scan(tmp_path)
    assert list(manifest.table["label"]) == [1, 0]
    assert "2 films in other folders than annotations.json says, found by file name" in manifest.notes


@pytest.fixture
def two_files(film, tmp_path):
    """Writes JSON files that all list a.png, with a fracture, and b.png, without."""

    def write(*names: str):
        for name in ("a", "b"):
            film(f"images/{name}.png", ord(name))
        for name in names:
            (tmp_path / name).write_text(json.dumps(content(["a.png", "b.png"], [(0, 1, [1, 2, 3, 4])])))
        return tmp_path

    return write


def test_a_film_in_two_splits_is_refused(two_files):
    with pytest.raises(DatasetError) as error:
        scan(two_files("instances_test.json", "instances_train.json"))
    assert "2 films are in more than one split" in str(error.value)
    assert "images/a.png (test by instances_test.json, train by instances_train.json)" in str(error.value)


def test_what_two_files_repeat_counts_once(two_files):
    root = two_files("instances.json", "instances_train.json")
    manifest = scan(root)
    assert list(manifest.table["boxes"]) == ["[[1.0,2.0,3.0,4.0]]", "[]"]
    assert list(manifest.table["split"]) == ["train", "train"]
    assert any(note.startswith("2 films in more than one JSON file") for note in manifest.notes)
    # The same box on a picture of twice the size, and one of its own.
    other = content(["a.png", "b.png"], [(0, 1, [2, 4, 6, 8]), (0, 1, [20, 20, 10, 10])])
    for image in other["images"]:
        image |= {"width": 60, "height": 40}
    (root / "instances_train.json").write_text(json.dumps(other))
    assert scan(root).table["boxes"][0] == "[[1.0,2.0,3.0,4.0],[10.0,10.0,5.0,5.0]]"


@pytest.mark.parametrize("key", ["width", "bbox", "segmentation"])
def test_numbers_that_no_float_holds(roboflow, key):
    text = content(["a.png", "b.png"], [(0, 1, [1, 2, 3, 4])])
    huge = 10**400
    if key == "width":
        text["images"][0]["width"] = huge
    else:
        text["annotations"][0] |= {"bbox": [huge, 2, 3, 4]} if key == "bbox" else {"bbox": [], key: [[huge] * 6]}
    (roboflow / "train/_annotations.coco.json").write_text(json.dumps(text))
    if key == "width":
        assert scan(roboflow).table["boxes"][0] == "[[1.0,2.0,3.0,4.0]]"
    else:
        with pytest.raises(DatasetError, match=f"{key} is n"):
            scan(roboflow)
