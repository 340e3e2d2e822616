from __future__ import annotations

from pathlib import Path

import pytest

from lucency.datasets.film_index import FilmIndex, stem_of
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


def index_of(*names: str, root: str = "/data") -> FilmIndex:
    return FilmIndex(FilmTree(Path(root), tuple(sorted(tuple(name.split("/")) for name in names))))


def found(index: FilmIndex, *names: str, near: tuple[str, ...] = ()) -> list[str | None]:
    return ["/".join(film) if film else None for film in index.find(names, near).films]


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
    assert FilmIndex(TREE).find([name], near, split=split).films == (expected,)


@pytest.mark.parametrize(
    ("films", "names", "expected"),
    [
        # What follows the last dot is no suffix of a film.
        (("1.2.840.dcm", "1.2.841.dcm"), ("1.2.840", "1.2.840.9"), ["1.2.840.dcm", None]),
        (("1.2.840.7", "1.2.840"), ("1.2.840.7", "1.2.840", "1.2"), ["1.2.840.7", "1.2.840", None]),
        (("wrist.png", "wrist.1.png"), ("wrist", "wrist.1", "wrist.2"), ["wrist.png", "wrist.1.png", None]),
        # The suffix of an image is one, whichever the film has now.
        (("wrist.png", "hand.png"), ("wrist.jpg", "hand.DCM"), ["wrist.png", "hand.png"]),
    ],
)
def test_names_with_dots(films, names, expected):
    assert found(index_of(*films), *names) == expected


@pytest.mark.parametrize(
    ("films", "names", "expected"),
    [
        # p2 is not here: its film is not the one of p1 that bears the same name.
        (("p1/1.png", "p3/x.png"), ("p1/1.png", "p2/1.png", "p3/x.png"), ["p1/1.png", None, "p3/x.png"]),
        (("p1/1.png", "p3/x.png"), ("p2/1.png", "p3/x.png"), [None, "p3/x.png"]),
        (("p1/1.png", "p3/x.png"), ("/elsewhere/u/p2/1.png", "/elsewhere/u/P3/x.png"), [None, "p3/x.png"]),
        # The last folder agrees, but not the one above it.
        (("b/images/1.png", "b/images/2.png"), ("a/images/1.png", "b/images/2.png"), [None, "b/images/2.png"]),
        # A film at the top is none of p2 where the others begin at the top.
        (("1.png", "p1/x.png"), ("p2/1.png", "p1/x.png"), [None, "p1/x.png"]),
        (("1.png", "p1/x.png"), ("/u/set/1.png", "/u/set/p1/x.png"), ["1.png", "p1/x.png"]),
        # Whole other folders, as after a move: the name tells.
        (("films/1.png", "films/2.png"), ("C:\\old\\1.png", "C:\\old\\2.png"), ["films/1.png", "films/2.png"]),
        # Two paths are two films.
        (("films/1.png",), ("p1/1.png", "p2/1.png"), [None]),
    ],
)
def test_a_film_of_another_folder_is_not_meant(films, names, expected):
    assert found(index_of(*films), *names) == (expected * 2 if len(expected) == 1 else expected)


def test_films_that_were_moved_are_counted():
    index = index_of("films/1.png", "films/2.png")
    assert index.find(["old/1.png", "old/2.png"]).moved == 2
    assert index.find(["films/1.png", "u/films/2.png", "1.png"]).moved == 0


def test_bare_names_stay_near_their_label_file():
    index = index_of("siteA/1.png", "siteB/1.png", "siteB/2.png")
    assert found(index, "1.png", "2.png", near=("siteA",)) == ["siteA/1.png", None]
    assert found(index, "1.png", "2.png", near=("siteA", "labels")) == ["siteA/1.png", None]
    assert index.find(["2"], ("siteA",), nearness=1).films == (None,)
    # None is near it: the label file lies apart from the films.
    assert found(index, "2.png", near=("labels",)) == ["siteB/2.png"]


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a.png", "a"),
        ("a.DCM", "a"),
        ("a.txt", "a"),
        ("1.2.840", "1.2.840"),
        ("1.2.840.dcm", "1.2.840"),
        ("IM1", "IM1"),
    ],
)
def test_what_is_a_suffix(name, stem):
    assert stem_of(name) == stem
