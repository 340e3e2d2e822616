from __future__ import annotations

import json
from pathlib import Path

import pytest

from lucency.datasets.layouts import scan

pytestmark = pytest.mark.realdata


@pytest.fixture
def linked(real_data: Path, tmp_path: Path) -> Path:
    """The films of FracAtlas without its table, so that only its annotations tell what they are."""
    (tmp_path / "images").symlink_to(real_data / "fracatlas" / "images", target_is_directory=True)
    return tmp_path


def expected(real_data: Path) -> dict[str, list[list[float]]]:
    table = scan(real_data / "fracatlas").table
    return {i: json.loads(boxes) for i, boxes in zip(table["image_id"], table["boxes"], strict=True)}


def worst(manifest, truth) -> float:
    pairs = [
        (truth[image_id.rpartition("/")[2]], json.loads(boxes))
        for image_id, boxes in zip(manifest.table["image_id"], manifest.table["boxes"], strict=True)
    ]
    assert all(len(one) == len(other) for one, other in pairs)
    return max(
        abs(a - b)
        for one, other in pairs
        for first, second in zip(one, other, strict=True)
        for a, b in zip(first, second, strict=True)
    )


def test_its_coco_file_read_as_coco(real_data: Path, linked: Path) -> None:
    coco = real_data / "fracatlas" / "Annotations" / "COCO JSON" / "COCO_fracture_masks.json"
    (linked / "instances.json").write_bytes(coco.read_bytes())
    manifest = scan(linked, labels={"no label": 0})
    assert manifest.source.endswith("(COCO)")
    assert int(manifest.table["label"].sum()) == 596
    listed = manifest.keep(manifest.table["boxes"].str.startswith("[["))
    assert len(listed) == 596
    # EXIF-rotated films among them: their boxes are in the upright frame already.
    assert worst(listed, expected(real_data)) <= 0.0051
    assert not any("turned" in note or "rescaled" in note or "shape" in note for note in manifest.notes)


def test_the_same_boxes_written_as_yolo(real_data: Path, linked: Path) -> None:
    from lucency.datasets.film_size import film_size

    truth = expected(real_data)
    for path in sorted((real_data / "fracatlas" / "images").glob("*/*.jpg"))[::7]:
        size = film_size(str(path))
        if size is None:
            continue
        width, height = size.upright
        rows = [
            f"0 {(x + w / 2) / width} {(y + h / 2) / height} {w / width} {h / height}"
            for x, y, w, h in truth[path.name]
        ]
        target = linked / "labels" / path.parent.name / f"{path.stem}.txt"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("\n".join(rows))
    (linked / "classes.txt").write_text("fracture\n")
    manifest = scan(linked)
    assert manifest.source.endswith("(YOLO)")
    assert len(manifest) > 480
    assert worst(manifest, truth) <= 0.0051
