from __future__ import annotations

import json

import pytest

from lucency.datasets.layouts import scan
from lucency.errors import DatasetError

KAGGLE = "names: ['elbow positive', 'forearm fracture', 'humerus', 'wrist positive']\nnc: 4\ntrain: ../train/images\n"


@pytest.fixture
def labelled(film, tmp_path):
    """Writes a film of 30 x 20 pixels with its label file; None leaves the label file out."""

    def write(name: str, text: str | None, seed: int = 0, labels: str = "labels"):
        path = film(name, seed)
        if text is not None:
            target = tmp_path / name.replace("images", labels)
            target = target.with_suffix(".txt")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        return path

    return write


@pytest.fixture
def roboflow(labelled, tmp_path):
    """A set as Roboflow exports it, one folder down."""
    labelled("set/train/images/a_jpg.rf.0123456789abcdef.jpg", "1 0.5 0.5 0.2 0.4\n", 1)
    labelled("set/train/images/a_jpg.rf.fedcba9876543210.jpg", "3 0.1 0.1 0.2 0.2\n0 0.9 0.9 0.2 0.2\n", 2)
    labelled("set/train/images/b_jpg.rf.0123456789abcdef.jpg", "", 3)
    labelled("set/valid/images/a_jpg.rf.00112233445566aa.jpg", "0 0.1 0.2 0.3 0.2 0.3 0.6\n", 4)
    labelled("set/valid/images/c_jpg.rf.00112233445566aa.jpg", "\n", 5)
    labelled("set/test/images/d_jpg.rf.00112233445566aa.jpg", "0 0.5 0.5 1 1", 6)
    labelled("set/test/images/e_jpg.rf.00112233445566aa.jpg", "", 7)
    (tmp_path / "set/data.yaml").write_text(KAGGLE)
    return tmp_path


def by_name(manifest, column):
    return {
        i.rpartition("/")[2][:5]: value
        for i, value in zip(manifest.table.image_id, manifest.table[column], strict=True)
    }


def test_a_roboflow_export(roboflow):
    manifest = scan(roboflow)
    assert manifest.source.endswith("(YOLO)")
    assert list(manifest.table["label"]) == [1, 0, 1, 1, 0, 1, 0]
    assert list(manifest.table["split"]) == ["test", "test", "train", "train", "train", "val", "val"]
    # 30 x 20: the centre 0.5, 0.5 of a box of 0.2 x 0.4 puts its corner at 0.4 x 30 and 0.3 x 20.
    assert [json.loads(cell) for cell in manifest.table["boxes"]] == [
        [[0, 0, 30, 20]], [], [[12, 6, 6, 8]], [[0, 0, 6, 4], [24, 16, 6, 4]], [], [[3, 4, 6, 8]], [],
    ]  # fmt: skip
    assert list(manifest.table["kind"])[3] == "elbow positive+wrist positive"
    group = manifest.table["group"]
    assert list(group) == ["d_jpg", "e_jpg", "a_jpg", "a_jpg", "b_jpg", "a_jpg", "c_jpg"]
    assert any("7 films exported by Roboflow come from 5 originals" in note for note in manifest.notes)


def test_one_split_of_it_alone_finds_the_names_above(roboflow):
    assert list(scan(roboflow / "set" / "valid").table["label"]) == [1, 0]


def test_splits_below_images_and_a_list_of_names(labelled, tmp_path):
    labelled("images/train/a.png", "0 0.5 0.5 0.5 0.5", 1)
    labelled("images/val/b.png", "", 2)
    (tmp_path / "classes.txt").write_text("fracture\n")
    manifest = scan(tmp_path)
    assert list(manifest.table["label"]) == [1, 0]
    assert list(manifest.table["split"]) == ["train", "val"]


def test_labels_beside_films_as_darknet_has_them(labelled, tmp_path):
    labelled("obj_train_data/a.png", "1 0.5 0.5 0.5 0.5\n0 0.2 0.2 0.1 0.1", 1)
    labelled("obj_train_data/b.png", "1 0.5 0.5 0.5 0.5", 2)
    (tmp_path / "obj.names").write_text("fracture\nmetal\n")
    (tmp_path / "obj.data").write_text("classes = 2\n")
    manifest = scan(tmp_path)
    assert manifest.source.endswith("(YOLO)")
    assert list(manifest.table["label"]) == [1, 0]
    assert list(manifest.table["boxes"]) == ["[[4.5,3.0,3.0,2.0]]", "[]"]


def test_labels_in_a_folder_elsewhere_are_found_by_their_stem(film, labelled, tmp_path):
    labelled("images/0.png", "0 0.5 0.5 0.5 0.5", 0)
    film("part1/a.png", 1)
    film("part2/b.png", 2)
    (tmp_path / "labels/a.txt").write_text("0 0.5 0.5 0.5 0.5")
    (tmp_path / "labels/b.txt").write_text("")
    (tmp_path / "data.yaml").write_text("names: {0: fracture}")
    assert by_name(scan(tmp_path), "label") == {"0.png": 1, "a.png": 1, "b.png": 0}


def test_grazpedwri_as_it_is_published(film, tmp_path):
    for number, name in enumerate(("0001_1_01_WRI-L1_M014", "0001_1_01_WRI-L2_M014", "0002_2_01_WRI-R1_F009")):
        film(f"images_part{1 + number // 2}/{name}.png", number)
        target = tmp_path / f"folder_structure/yolov5/labels/{name}.txt"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(("3 0.5 0.5 0.5 0.5\n8 0.1 0.1 0.1 0.1", "8 0.1 0.1 0.1 0.1", "")[number])
    names = ["boneanomaly", "bonelesion", "foreignbody", "fracture", "metal"]
    names += ["periostealreaction", "pronatorsign", "softtissue", "text"]
    (tmp_path / "folder_structure/yolov5/meta.yaml").write_text(json.dumps({"nc": 9, "names": names}))
    (tmp_path / "dataset.csv").write_text(
        "filestem,patient_id,fracture_visible\n0001_1_01_WRI-L1_M014,1,1\n0001_1_01_WRI-L2_M014,1,\n0002_2_01_WRI-R1_F009,2,\n"
    )
    manifest = scan(tmp_path, groups=tmp_path / "dataset.csv")
    assert manifest.source.endswith("(YOLO)")
    assert list(manifest.table["label"]) == [1, 0, 0]
    assert list(manifest.table["group"]) == ["1", "1", "2"]


def test_splits_of_data_yaml_by_list_and_by_folder(labelled, tmp_path):
    for number in range(4):
        labelled(f"images/part{number // 2}/{number}.png", "0 0.5 0.5 0.5 0.5" if number % 2 else "", number)
    (tmp_path / "held_out.txt").write_text("./images/part0/0.png\n./images/part0/1.png\n")
    (tmp_path / "data.yaml").write_text("names: [fracture]\ntrain: images/part1\nval: held_out.txt\n")
    assert list(scan(tmp_path).table["split"]) == ["val", "val", "train", "train"]


def test_key_points_after_a_box(labelled, tmp_path):
    labelled("images/a.png", "0 0.5 0.5 0.2 0.4 0.1 0.1 2 0.9 0.9 2", 1)
    labelled("images/b.png", "", 2)
    (tmp_path / "data.yaml").write_text("names: [fracture]\nkpt_shape: [2, 3]\n")
    assert scan(tmp_path).table["boxes"][0] == "[[12.0,6.0,6.0,8.0]]"


def test_a_film_without_label_file_is_no_negative(roboflow, labelled):
    labelled("set/train/images/z.jpg", None, 9)
    manifest = scan(roboflow)
    assert "set/train/images/z.jpg" not in set(manifest.table["image_id"])
    (note,) = [note for note in manifest.notes if "label file" in note]
    assert note.startswith("1 film without a label file (set/train/images/z.jpg) left out")
    asked = scan(roboflow, labels={"no label": 0})
    row = asked.table.set_index("image_id").loc["set/train/images/z.jpg"]
    assert (row["label"], row["boxes"]) == (0, "")


def test_no_empty_label_file_at_all_says_what_was_left_out(labelled, tmp_path):
    labelled("images/a.png", "0 0.5 0.5 0.5 0.5", 1)
    labelled("images/b.png", None, 2)
    (tmp_path / "classes.txt").write_text("fracture\n")
    with pytest.raises(DatasetError, match=r"no films of the class not fractured.*") as error:
        scan(tmp_path)
    assert '--label "no label=0"' in str(error.value)


def test_a_class_that_is_not_known_is_asked_for(roboflow, labelled):
    labelled("set/train/images/h.jpg", "2 0.5 0.5 0.1 0.1", 8)
    with pytest.raises(DatasetError, match=r"humerus \(1 film\).*known: elbow positive = 1") as error:
        scan(roboflow)
    assert '--label "humerus=1"' in str(error.value)
    labels = by_name(scan(roboflow, labels={"Humerus": 0}), "label")
    assert labels["h.jpg"] == 0


def test_a_class_without_a_name_is_asked_for_by_its_number(labelled, tmp_path):
    labelled("images/a.png", "0 0.5 0.5 0.5 0.5", 1)
    labelled("images/b.png", "", 2)
    with pytest.raises(DatasetError, match=r"names the classes 0\. .*--label 0=1"):
        scan(tmp_path)
    assert list(scan(tmp_path, labels={"0": 1}).table["label"]) == [1, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 0.5 0.5 0.2", "row 1: 4 columns; a box has 5"),
        ("0 0.5 0.5 0.2 0.2 0.97", "row 1: 6 columns"),
        ("0 0.5 0.5 0.2 0.2\n0 0.1 0.1 0.2 0.2 0.3 0.3 0.4", "row 2: 8 columns"),
        ("fracture 0.5 0.5 0.2 0.2", "not all of it is numbers"),
        ("0,0.5,0.5,0.2,0.2", "not all of it is numbers"),
        ("0 120 80 30 40", "no shares of the film"),
        ("0 nan 0.5 0.2 0.2", "no shares of the film"),
        ("0 0.5 0.5 -0.2 0.2", "negative"),
        ("4 0.5 0.5 0.2 0.2", "class 4 has no name in data.yaml, which names 0 to 3"),
        ("-1 0.5 0.5 0.2 0.2", "-1 is no number of a class"),
        ("0.5 0.5 0.5 0.2 0.2", "0.5 is no number of a class"),
    ],
)
def test_a_row_that_cannot_be_understood_is_named(roboflow, text, message):
    path = roboflow / "set/train/labels/b_jpg.rf.0123456789abcdef.txt"
    path.write_text(text)
    with pytest.raises(DatasetError) as error:
        scan(roboflow)
    assert message in str(error.value)
    assert "b_jpg.rf" in str(error.value)


def test_a_label_file_that_is_no_text(roboflow):
    (roboflow / "set/train/labels/b_jpg.rf.0123456789abcdef.txt").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(DatasetError, match="not UTF-8"):
        scan(roboflow)


def test_a_box_outside_of_the_film_is_said_and_the_label_stays(roboflow):
    (roboflow / "set/train/labels/b_jpg.rf.0123456789abcdef.txt").write_text("0 1.4 0.5 0.2 0.2")
    manifest = scan(roboflow)
    row = manifest.table[manifest.table["image_id"].str.contains("/b_jpg")].iloc[0]
    assert (row["label"], row["boxes"]) == (1, "")
    assert any("1 film with a box outside of the film" in note and "b_jpg" in note for note in manifest.notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: [a, b", "not YAML.*line"),
        ("nc: 4", "'names' is missing"),
        ("- a\n- b", "'names' is missing"),
        ("names: fracture", "neither a list nor a mapping"),
        ("names: {zero: fracture}", "no number with a name"),
        ("names: [[fracture]]", "no number with a name"),
        ("names: !!python/object/apply:os.getcwd []", "not YAML"),
    ],
)
def test_broken_names(roboflow, text, message):
    (roboflow / "set/data.yaml").write_text(text)
    with pytest.raises(DatasetError, match=message):
        scan(roboflow)


@pytest.fixture
def sites(labelled, tmp_path):
    """Two sites whose films bear the same names, told apart by lists."""
    for site in ("siteA", "siteB"):
        for number in range(2):
            labelled(
                f"{site}/images/{number}.png", "0 0.5 0.5 0.2 0.2" if number else "", number + 10 * (site > "siteA")
            )
    (tmp_path / "data.yaml").write_text("names: [fracture]\ntrain: trn.txt\ntest: tst.txt\n")
    (tmp_path / "trn.txt").write_text("siteA/images/0.png\nsiteA/images/1.png\n")
    (tmp_path / "tst.txt").write_text("/elsewhere/u/set/siteB/images/0.png\n/elsewhere/u/set/siteB/images/1.png\n")
    return tmp_path


def test_lists_of_two_sites(sites):
    assert list(scan(sites).table["split"]) == ["train", "train", "test", "test"]


def test_films_of_a_list_that_are_not_here_are_said(sites):
    for folder, suffix in (("images", "png"), ("labels", "txt")):
        (sites / f"siteA/{folder}/0.{suffix}").unlink()
    manifest = scan(sites)
    assert list(manifest.table["split"]) == ["train", "test", "test"]
    assert "1 film of trn.txt not here, or not to be told from others" in manifest.notes


@pytest.mark.parametrize("entry", ["trn.txt", "siteA/images"])
def test_a_film_in_two_splits_is_refused(sites, entry):
    (sites / "data.yaml").write_text(f"names: [fracture]\ntrain: trn.txt\nval: {entry}\n")
    with pytest.raises(
        DatasetError, match=r"2 films are in more than one split: siteA/images/0.png \(train by data.yaml"
    ):
        scan(sites)


def test_the_label_of_an_absent_film_is_not_that_of_another_site(sites):
    (sites / "siteA/images/1.png").unlink()
    (sites / "siteB/labels/1.txt").unlink()
    (sites / "siteA/labels/0.txt").write_text("0 0.5 0.5 0.2 0.2")
    manifest = scan(sites)
    assert list(manifest.table["image_id"]) == ["siteA/images/0.png", "siteB/images/0.png"]
    assert any(note.startswith("1 film without a label file (siteB/images/1.png)") for note in manifest.notes)
    assert "1 label file without a film" in manifest.notes
