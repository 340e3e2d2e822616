from __future__ import annotations

from pathlib import Path

import pytest

from lucency.datasets.film_index import FilmIndex
from lucency.datasets.film_tree import FilmTree

TREE = FilmTree(
    Path("/data"),
    (
        ("deep", "one", "x.png"),
        ("deep", "two", "x.png"),
        ("lone.JPG",),
        ("train", "a.png"),
        ("train", "only.png"),
        ("valid", "a.png"),
    ),
)


@pytest.mark.parametrize(
    ("name", "near", "split", "expected"),
    [
        ("lone.jpg", (), "", ("lone.JPG",)),
        ("lone", (), "", ("lone.JPG",)),
        ("C:\\films\\lone.jpg", (), "", ("lone.JPG",)),
        ("/elsewhere/two/x.png", (), "", ("deep", "two", "x.png")),
        ("./train/a.png", (), "", ("train", "a.png")),
        ("a.png", ("valid",), "", ("valid", "a.png")),
        ("a.png", (), "val", ("valid", "a.png")),
        ("x.png", ("deep", "one", "labels"), "", ("deep", "one", "x.png")),
        # Two films of that name, and nothing tells which is meant.
        ("a.png", (), "", None),
        ("x.png", (), "", None),
        # The file of a validation label is not the training film that happens to bear its name.
        ("only.png", ("valid",), "", None),
        ("only.png", (), "val", None),
        ("valid/only.png", (), "", None),
        ("absent.png", (), "", None),
        ("", (), "", None),
    ],
)
def test_which_film_is_meant(name, near, split, expected):
    assert FilmIndex(TREE).find(name, near, split=split) == expected
