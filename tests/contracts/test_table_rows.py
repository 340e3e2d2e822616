"""What must hold of every row of every table; a new row that does not keep it fails here."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lucency.datasets.layouts import LAYOUTS, Layout, scan
from lucency.evaluation.metrics import METRICS, Metric, measure
from lucency.learning.backend import choose_backend
from lucency.learning.recipe import load_recipe, parse_recipe, recipe_names
from lucency.learning.recipe_sections import AugmentationSection

choose_backend()
import keras  # noqa: E402

from lucency.learning.augment import AUGMENTATIONS  # noqa: E402
from lucency.learning.backbones import BACKBONES, CONVENTIONS  # noqa: E402
from lucency.learning.classifier import build_classifier  # noqa: E402


class TestRecipes:
    @pytest.mark.parametrize("name", recipe_names())
    def test_parameters_are_those_of_the_model_at_its_own_input(self, name: str) -> None:
        recipe = load_recipe(name, ["model.weights=none"])
        assert build_classifier(recipe).count_params() == recipe.parameters

    @pytest.mark.parametrize("name", recipe_names())
    def test_it_says_what_it_is_and_where_it_comes_from(self, name: str) -> None:
        recipe = load_recipe(name)
        assert recipe.name == name
        assert recipe.title
        assert recipe.source
        assert recipe.model.architecture in BACKBONES

    @pytest.mark.parametrize("name", recipe_names())
    def test_every_value_survives_toml(self, name: str, tmp_path: Path) -> None:
        recipe = load_recipe(name, ['title=a "quoted" \\ title', "training.unfreeze=7", "seed=3"])
        (tmp_path / "again.toml").write_text(recipe.to_toml(), "utf-8")
        assert load_recipe(tmp_path / "again.toml") == recipe

    def test_each_file_of_the_folder_is_listed(self) -> None:
        folder = Path(str(resources.files("lucency.learning"))) / "recipes"
        assert sorted(path.stem for path in folder.iterdir()) == recipe_names()


@pytest.mark.parametrize("name", BACKBONES)
class TestBackbones:
    def test_its_map_is_worth_a_heat_map(self, name: str) -> None:
        row = BACKBONES[name]
        side = row.smallest_side
        features = row.factory((side, side + 32, 3))
        batch, height, width, channels = features.output_shape
        assert batch is None
        assert 1 <= height <= width < side + 32
        assert channels > 1
        assert features(np.zeros((2, side, side + 32, 3), np.float32), training=False).shape == (
            2,
            *features.output_shape[1:],
        )

    def test_a_classifier_of_it_gives_one_finite_logit_a_film(self, name: str) -> None:
        side = BACKBONES[name].smallest_side
        recipe = parse_recipe({"name": "x", "input": {"height": side, "width": side}, "model": {"architecture": name}})
        films = np.random.default_rng(0).integers(0, 256, (3, side, side, 1), dtype=np.uint8)
        logits = keras.ops.convert_to_numpy(build_classifier(recipe)(films, training=False))
        assert logits.shape == (3, 1)
        assert np.isfinite(logits).all()

    def test_its_convention_is_known_and_its_weights_have_a_licence(self, name: str) -> None:
        row = BACKBONES[name]
        assert row.convention in CONVENTIONS
        assert row.pooling in ("average", "flatten")
        assert (row.weights_url is None) == (row.weights_licence is None)
        assert row.weights_url is None or row.weights_url.startswith("https://")


class TestAugmentations:
    def test_recipes_can_ask_for_each_row_and_for_nothing_else(self) -> None:
        assert list(AUGMENTATIONS) == list(AugmentationSection.model_fields)

    @pytest.mark.parametrize("name", AUGMENTATIONS)
    def test_a_recipe_has_it_switched_off_unless_asked(self, name: str) -> None:
        assert getattr(AugmentationSection(), name) == 0
        assert AUGMENTATIONS[name].meaning


@pytest.mark.parametrize("name", METRICS)
class TestMetrics:
    def test_its_direction_is_true(self, name: str) -> None:
        if METRICS[name].better in ("one", "zero"):
            random = np.random.default_rng(0)
            odds = random.normal(size=4000)
            labels = (random.random(4000) < 1 / (1 + np.exp(-odds))).astype(int)
            said = [1 / (1 + np.exp(-line)) for line in (odds, 3 * odds + 1)]
            ideal = {"one": 1.0, "zero": 0.0}[METRICS[name].better]
            near, far = (abs(measure(labels, p, p >= 0.5, names=[name])[name][0] - ideal) for p in said)
            assert near < 0.15 < far
            return
        labels = np.repeat([0, 1], 50)
        right = np.where(labels == 1, 0.98, 0.02)
        (good,), (bad,) = (measure(labels, scores, scores >= 0.5, names=[name])[name] for scores in (right, 1 - right))
        assert (good > bad) == (METRICS[name].better == "higher")

    def test_it_explains_itself(self, name: str) -> None:
        row: Metric = METRICS[name]
        assert row.title
        assert row.undefined
        assert not row.undefined.endswith(".")
        assert [other.title for other in METRICS.values()].count(row.title) == 1


def _class_folders(root: Path, film: Callable[[str], None]) -> None:
    film("fractured/a.png")
    film("not_fractured/b.png")


def _split_folders(root: Path, film: Callable[[str], None]) -> None:
    for split in ("train", "val", "test"):
        film(f"{split}/fractured/{split}1.png")
        film(f"{split}/not_fractured/{split}0.png")


def _table(root: Path, film: Callable[[str], None]) -> None:
    film("all/a.png")
    film("all/b.png")
    (root / "dataset.csv").write_text("image_id,path,label\na,all/a.png,1\nb,all/b.png,0\n", "utf-8")


def _fracatlas(root: Path, film: Callable[[str], None]) -> None:
    film("images/Fractured/IMG0000001.jpg")
    film("images/Non_fractured/IMG0000002.jpg")
    parts = "hand,leg,hip,shoulder,mixed,hardware,multiscan"
    views = "frontal,lateral,oblique"
    (root / "dataset.csv").write_text(
        f"image_id,{parts},fractured,fracture_count,{views}\n"
        "IMG0000001.jpg,1,0,0,0,0,0,0,1,1,1,0,0\nIMG0000002.jpg,0,1,0,0,0,0,0,0,0,0,1,0\n",
        "utf-8",
    )


def _dicom_table(root: Path, film: Callable[[str], None]) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    root.mkdir()
    for number in (1, 2):
        one = Dataset()
        one.file_meta = FileMetaDataset()
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one.SOPClassUID, one.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", f"1.2.3.{number}"
        one.save_as(root / f"{number}.dcm", enforce_file_format=True)
    (root / "labels.csv").write_text("SOPInstanceUID,label\n1.2.3.1,1\n1.2.3.2,0\n", "utf-8")


def _mura(root: Path, film: Callable[[str], None]) -> None:
    film("train/XR_WRIST/patient00001/study1_positive/image1.png")
    film("valid/XR_ELBOW/patient00002/study1_negative/image11.png")


def _yolo(root: Path, film: Callable[[str], None]) -> None:
    for name, text in (("a", "0 0.5 0.5 0.2 0.2\n"), ("bb", "")):
        film(f"train/images/{name}.png")
        (root / "train/labels").mkdir(exist_ok=True)
        (root / f"train/labels/{name}.txt").write_text(text, "utf-8")
    (root / "data.yaml").write_text("names: [fracture]\n", "utf-8")


def _coco(root: Path, film: Callable[[str], None]) -> None:
    film("train/a.png")
    film("train/bb.png")
    (root / "train/_annotations.coco.json").write_text(
        '{"images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "bb.png"}],'
        ' "categories": [{"id": 0, "name": "fracture"}],'
        ' "annotations": [{"id": 1, "image_id": 1, "category_id": 0, "bbox": [1, 2, 3, 4]}]}',
        "utf-8",
    )


def _pascal_voc(root: Path, film: Callable[[str], None]) -> None:
    one = "<object><name>fracture</name></object>"
    for name, content in (("a", one), ("bb", "")):
        film(f"JPEGImages/{name}.png")
        (root / "Annotations").mkdir(exist_ok=True)
        (root / f"Annotations/{name}.xml").write_text(f"<annotation>{content}</annotation>", "utf-8")


FOLDERS = {
    "FracAtlas": _fracatlas,
    "DICOM with a table": _dicom_table,
    "MURA": _mura,
    "YOLO": _yolo,
    "COCO": _coco,
    "Pascal VOC": _pascal_voc,
    "folder with a table": _table,
    "split folders": _split_folders,
    "class folders": _class_folders,
}
"""A small folder for each row of `LAYOUTS`."""


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
class TestLayouts:
    @pytest.fixture
    def folder(self, layout: Layout, tmp_path: Path) -> Path:
        root = tmp_path / "films"

        def film(name: str) -> None:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (40, 40), len(name)).save(path)

        FOLDERS[layout.name](root, film)
        return root

    def test_it_is_the_row_that_reads_such_a_folder(self, layout: Layout, folder: Path) -> None:
        manifest = scan(folder)
        assert manifest.source.endswith(f"({layout.name})")
        assert set(manifest.table["label"]) == {0, 1}
        assert all(Path(path).is_absolute() and Path(path).is_file() for path in manifest.table["path"])
        assert not manifest.table["image_id"].duplicated().any()

    def test_where_the_folder_lies_does_not_matter(self, layout: Layout, folder: Path, tmp_path: Path) -> None:
        before = scan(folder)
        shutil.move(folder, tmp_path / "another place (2)")
        after = scan(tmp_path / "another place (2)")
        for column in ("image_id", "label", "split", "sha256"):
            assert list(before.table[column]) == list(after.table[column])

    def test_an_error_can_say_what_it_is_known_by(self, layout: Layout, folder: Path) -> None:
        assert layout.looks_like
