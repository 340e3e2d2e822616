from __future__ import annotations

import functools
from pathlib import Path

import pytest

from lucency.datasets.audit import audit
from lucency.datasets.film_groups import film_groups
from lucency.datasets.layouts import scan
from lucency.datasets.prepared import prepare
from lucency.datasets.split import assign_split
from lucency.imaging import InputSpec

pytestmark = pytest.mark.realdata


once = functools.cache(scan)


@pytest.fixture
def atlas(real_data: Path):
    return once(real_data / "fracatlas")


def test_scan(atlas):
    table = atlas.table
    assert len(table) == 3479
    assert int(table["label"].sum()) == 596
    # 596 films carry a mask in the COCO file, and all of them lie in the folder of the fractured.
    assert (table.loc[table["label"] == 1, "boxes"].str.startswith("[[")).all()
    assert set(table.loc[table["label"] == 0, "boxes"]) == {"[]"}
    assert set(table["body_part"]) == {"hand", "leg", "hip", "shoulder", "mixed"}
    assert (table["hardware"] == "1").sum() == 83
    assert table["group"].nunique() == 1118  # 1,117 groups, and "none" read as no group
    assert (table["group"] == "").sum() == 53
    row = table.set_index("image_id").loc["IMG0000019.jpg"]
    assert row["boxes"] == "[[441.71,330.35,97.16,52.38]]"


def test_the_film_that_dataset_csv_calls_normal_is_found(atlas):
    (finding,) = [finding for finding in audit(atlas) if finding.check == "labels"]
    assert finding.image_ids == ("IMG0003298.jpg",)


@pytest.mark.parametrize("seed", [0, 7])
def test_no_group_on_two_sides(atlas, seed):
    split = assign_split(atlas, seed=seed)
    table = split.table.assign(linked=film_groups(split))
    assert table.groupby("linked")["split"].nunique().max() == 1
    assert [finding for finding in audit(split) if finding.check == "leakage"] == []
    sizes = table.groupby("split")["label"].agg(["size", "sum"])
    for side, share in {"train": 0.7, "val": 0.15, "test": 0.15}.items():
        assert abs(sizes["size"][side] / 3479 - share) < 0.02
        assert abs(sizes["sum"][side] / 596 - share) < 0.02


def test_the_truncated_films_are_left_out(atlas, tmp_path):
    result = prepare(atlas, InputSpec(64, 64), tmp_path)
    (finding,) = [finding for finding in result.findings if finding.severity == "error"]
    assert finding.evidence["code"] == "truncated"
    assert (finding.evidence["fractured"], finding.evidence["not_fractured"]) == (0, 59)
    assert len(result.manifest) == 3420
    assert len(set(result.rows.tolist())) == result.manifest.table["sha256"].nunique()
