"""Copies planted among 2,000 films of FracAtlas, 23 kinds of change; docs/explanation/copies.md has the figures."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.planted_copies import run

FRACATLAS = Path(__file__).resolve().parents[3] / "shared" / "data" / "fracatlas"


@pytest.mark.realdata
@pytest.mark.skipif(not FRACATLAS.is_dir(), reason="the films of FracAtlas are not here")
def test_planted_copies_are_found_and_different_films_kept_apart(tmp_path: Path) -> None:
    result = run(tmp_path, FRACATLAS / "images", base=2000, copies=40, seed=17, others=False)
    found = result["tools"]["lucency"]
    recall = found["recall"]
    print({kind: round(share, 3) for kind, share in recall.items() if share < 1}, found["false_merges"])
    assert len(recall) >= 20
    assert found["false_merges"] <= 0.005
    assert sum(recall.values()) / len(recall) >= 0.98
    assert min(recall.values()) >= 0.85
