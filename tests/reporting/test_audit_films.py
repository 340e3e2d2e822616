"""What the page of an audit takes from its tables."""

from __future__ import annotations

from typing import Any

import pytest

from lucency.reporting.audit_films import CopySet, class_of, copy_sets, films_of, how_changed, random_films

NOTHING = {"kind": "", "score": None, "turned": None, "mirrored": None, "inverted": None, "scale": None}
NEAR = {"kind": "near", "score": 0.97, "turned": 0.0, "mirrored": False, "inverted": False, "scale": 1.0}


def member(cluster: str, image_id: str, label: int, split: str, **how: Any) -> dict[str, Any]:
    return {"cluster": cluster, "image_id": image_id, "label": label, "split": split} | NEAR | how


def film_row(image_id: str, **changes: Any) -> dict[str, Any]:
    row = {"image_id": image_id, "path": f"{image_id}.jpg", "label": 1, "split": "train", "cluster": ""}
    facts = {"height": 40, "width": 60, "bytes": 900, "mean": 90.5, "deviation": 20.0, "code": "", "what": ""}
    return row | facts | changes


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (NOTHING, "first of the set"),
        ({"kind": float("nan")}, "first of the set"),
        ({"kind": "bytes"}, "the same file, byte for byte"),
        ({"kind": "pixels"}, "the same pixels in another file"),
        ({"turned": 37.0, "mirrored": True}, "turned 37 degrees left, mirrored"),
        ({"turned": 323.0}, "turned 37 degrees right"),
        ({"turned": 1.2}, "turned 1 degree left"),
        ({"turned": 359.8, "inverted": True, "scale": 0.8}, "inverted, 0.80 times as large"),
        ({"turned": "90.0", "mirrored": "True", "scale": ""}, "turned 90 degrees left, mirrored"),
        ({}, "same pose, other pixels"),
        ({"score": 0.0}, "how it differs is not known"),
    ],
)
def test_how_a_copy_was_changed(how: dict[str, Any], words: str) -> None:
    assert how_changed(NEAR | how) == words


def test_contradictions_come_first_then_torn_sets_then_large_ones() -> None:
    rows = [
        *(member("large", f"l{n}", 1, "train") for n in range(5)),
        *(member("torn", f"t{n}", 0, split) for n, split in enumerate(("test", "train"))),
        *(member("wrong", f"w{n}", n, "train") for n in range(2)),
        *(member("small", f"s{n}", 1, "val") for n in range(2)),
    ]
    found = copy_sets(rows, most=3, each=4)
    assert [one.shown[0].image_id for one in found] == ["w0", "t0", "l0"]
    assert found[0].contradictory
    assert not found[0].torn
    assert found[1].torn
    assert found[1].splits == ("train", "test")
    assert (found[2].films, len(found[2].shown)) == (5, 4)


def test_a_large_set_shows_what_is_odd_about_it() -> None:
    rows = [member("c", f"c{n}", 1, "train") for n in range(30)]
    rows += [member("c", "odd", 0, "train"), member("c", "far", 1, "test")]
    (found,) = copy_sets(rows, most=10, each=4)
    assert [film.image_id for film in found.shown] == ["c0", "c1", "odd", "far"]


def test_no_rows_give_no_sets() -> None:
    assert copy_sets([], most=5, each=5) == []
    assert not CopySet(2, (), ("fractured",), ("train",)).contradictory


def test_films_without_facts() -> None:
    blank = dict.fromkeys(("height", "width", "bytes", "mean", "deviation", "code", "what"))
    given, unread = films_of([film_row("a"), film_row("b", label="0", cluster=float("nan")) | blank])
    assert given.measured
    assert given.label == "fractured"
    assert not unread.measured
    assert (unread.label, unread.cluster, unread.code) == ("not_fractured", "", "")


@pytest.mark.parametrize(
    ("label", "key"), [(1, "fractured"), ("1", "fractured"), (0, "not_fractured"), ("0", "not_fractured")]
)
def test_labels_are_numbers_or_text(label: Any, key: str) -> None:
    assert class_of(label) == key


def test_random_films_are_of_different_radiographs_and_the_same_again() -> None:
    rows = [film_row(f"a{n}", cluster="a0") for n in range(50)]
    rows += [film_row(f"b{n}") for n in range(4)] + [film_row("n", label=0), film_row("bad", code="truncated")]
    drawn = random_films(films_of(rows), "fractured", count=12, seed=3)
    assert len(drawn) == 5
    assert sum(film.cluster == "a0" for film in drawn) == 1
    assert all(film.label == "fractured" and not film.code for film in drawn)
    assert drawn == random_films(films_of(rows), "fractured", count=12, seed=3)
    assert len(random_films(films_of(rows), "fractured", count=2, seed=3)) == 2
