"""Copies of a radiograph are found however they were changed, and no two different films are joined."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lucency.datasets.audit.copies import Copies
from lucency.datasets.audit.near_copies import find_copies
from lucency.datasets.audit.survey import Survey
from lucency.datasets.synthetic import draw_film

from .copied_films import (
    CHANGES,
    Grey,
    drawn,
    letterboxed,
    manifest_of,
    mirrored,
    saved_as_jpeg,
    squashed,
    survey_of,
    turned,
)

FILMS = 24

TURNED = {
    "37 degrees, black corners": (37, False),
    "37 degrees, grey corners": (37, False),
    "37 degrees, mirrored corners": (37, False),
    "37 degrees, on a larger grey frame": (37, False),
    "left to right": (0, True),
    "top to bottom": (180, True),
    "quarter turn": (90, False),
    "half turn": (180, False),
    "three quarter turns": (270, False),
}
"""Anticlockwise degrees, and whether the film is mirrored left to right before; (0, False) for other changes."""

HARD = {
    "37 degrees, black corners",
    "37 degrees, grey corners",
    "37 degrees, mirrored corners",
    "37 degrees, on a larger grey frame",
    "cropped",
    "letterboxed",
    "words",
}
"""What takes so much of a small drawn film away that some copies are missed."""


@pytest.fixture(scope="module")
def originals() -> list[Grey]:
    return drawn(range(100, 100 + FILMS))


def copies_of(films: list[Grey | None], workers: int = 1) -> Copies:
    survey = survey_of(films)
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/{number}.png" for number in range(len(films))]
        for path, film in zip(paths, films, strict=True):
            if film is not None:
                Image.fromarray(film).save(path, compress_level=0)
        return find_copies(manifest_of(survey, paths), survey, workers=workers)


def apart(one: float, two: float) -> float:
    return abs((one - two + 180) % 360 - 180)


@pytest.mark.parametrize("change", CHANGES)
def test_changed_films_are_joined_to_their_originals_and_to_nothing_else(originals, change):
    copies = copies_of([*originals, *map(CHANGES[change], originals)])
    assert all(rows[0] + FILMS == rows[1] and len(rows) == 2 for rows in copies.sets())
    assert len(copies.sets()) == len(copies.links)
    assert len(copies.links) >= (18 if change in HARD else FILMS)
    degrees, flipped = TURNED.get(change, (0, False))
    for link in copies.links:
        assert link.second == link.first + FILMS
        assert link.kind == "near"
        assert 0.6 <= link.score <= 1
        assert 0 <= link.turned <= 360
        assert link.inverted == (change == "inverted")
    wrong = [link for link in copies.links if link.mirrored != flipped or apart(link.turned, degrees) > 3]
    # A straight shaft looks nearly the same in a mirror.
    assert len(wrong) <= (2 if change in HARD else 0), wrong


@pytest.mark.parametrize(("change", "scale"), [("letterboxed", 1 / 1.3), ("cropped", 1 / 0.84)])
def test_the_link_tells_how_much_larger_the_second_shows_it(originals, change, scale):
    copies = copies_of([*originals, *map(CHANGES[change], originals)])
    assert np.median([link.scale for link in copies.links]) == pytest.approx(scale, rel=0.02)


@pytest.mark.parametrize(
    ("change", "forwards", "backwards", "flipped"),
    [
        (lambda film: turned(film, 50, 90), 50, 310, False),
        (lambda film: turned(film, -20, 90), 340, 20, False),
        (lambda film: turned(mirrored(film), 50, 90), 50, 50, True),
        (lambda film: np.rot90(mirrored(film)).copy(), 90, 90, True),
        (lambda film: squashed(turned(film, 180)), 180, 180, False),
    ],
    ids=["anticlockwise", "clockwise", "mirrored, then turned", "mirrored, then a quarter", "turned and squashed"],
)
def test_the_turn_is_the_one_of_the_first_onto_the_second(
    originals, change: Callable[[Grey], Grey], forwards, backwards, flipped
):
    changed = [change(film) for film in originals[:16]]
    for films, degrees in (([*originals[:16], *changed], forwards), ([*changed, *originals[:16]], backwards)):
        links = copies_of(films).links
        assert len(links) >= 11
        assert all(link.second == link.first + 16 for link in links)
        # A straight shaft looks nearly the same in a mirror.
        wrong = [link for link in links if link.mirrored != flipped or apart(link.turned, degrees) > 3]
        assert len(wrong) <= 2, wrong


def test_different_films_stand_alone_even_two_views_of_one_patient(originals):
    patients = [[draw_film(seed, fractured=False, patient=patient) for seed in range(500, 520)] for patient in range(6)]
    # Trabeculae are drawn from the patient, so two films of one view do show the same.
    views = [next(film for film in films if film.view == view) for films in patients for view in ("AP", "lateral")]
    films = [*originals, *(view.pixels for view in views)]
    copies = copies_of(films)
    assert copies.links == ()
    assert copies.cluster.tolist() == list(range(len(films)))


def test_several_copies_make_one_cluster_headed_by_the_first(originals):
    film = originals[3]
    films = [originals[0], film, originals[5], mirrored(film), saved_as_jpeg(film), originals[7], np.rot90(film).copy()]
    copies = copies_of(films)
    assert copies.cluster.tolist() == [0, 1, 2, 1, 1, 5, 1]
    assert copies.sets() == [[1, 3, 4, 6]]
    assert copies.distinct == 4
    assert len(copies.links) == 3


def test_equal_bytes_and_equal_pixels_are_linked_as_such(originals):
    survey = survey_of([originals[0], originals[1], originals[0], originals[1], mirrored(originals[0])])
    facts = list(survey.facts)
    facts[3] = replace(facts[3], sha256="written by another program")
    copies = find_copies(manifest_of(Survey(tuple(facts), survey.thumbs, survey.rows)), survey, workers=1)
    found = {(link.first, link.second): link for link in copies.links}
    assert {pair: link.kind for pair, link in found.items()} == {(0, 2): "bytes", (1, 3): "pixels", (0, 4): "near"}
    for pair in ((0, 2), (1, 3)):
        link = found[pair]
        assert (link.score, link.turned, link.mirrored, link.inverted, link.scale) == (1.0, 0.0, False, False, 1.0)
    assert copies.cluster.tolist() == [0, 1, 0, 1, 0]


def test_blank_films_have_copies_of_equal_pixels_only(originals):
    rng = np.random.default_rng(0)
    faint = np.rint(128 + rng.normal(0, 1, (200, 160))).astype(np.uint8)
    films = [originals[0], np.zeros((200, 160), np.uint8), np.full((200, 160), 90, np.uint8), faint, faint[::-1].copy()]
    assert copies_of(films).links == ()
    copies = copies_of([*films, films[1]])
    assert [(link.first, link.second, link.kind) for link in copies.links] == [(1, 5, "bytes")]


def test_unreadable_films_have_copies_of_equal_bytes_only(originals):
    survey = survey_of([None, originals[0], None, None, mirrored(originals[0])])
    manifest = manifest_of(survey)
    assert [(link.first, link.second) for link in find_copies(manifest, survey, workers=1).links] == [(1, 4)]
    manifest.table.loc[[0, 3], "sha256"] = "equal bytes that are no film"
    links = find_copies(manifest, survey, workers=1).links
    assert {(link.first, link.second, link.kind) for link in links} == {(0, 3, "bytes"), (1, 4, "near")}


@pytest.mark.parametrize("films", [0, 1])
def test_one_film_or_none_has_no_copies(originals, films):
    copies = copies_of(list(originals[:films]))
    assert copies.cluster.tolist() == list(range(films))
    assert copies.links == ()


def test_two_different_films_are_no_copies(originals):
    for one, two in zip(originals[:8], originals[8:16], strict=True):
        assert copies_of([one, two]).links == ()


def test_a_data_set_of_nothing_but_a_film_and_its_copy(originals):
    missed = [n for n, film in enumerate(originals) if not copies_of([film, saved_as_jpeg(film)]).links]
    assert missed == []


def test_many_copies_of_a_few_kinds_make_one_cluster(originals):
    film = originals[3]
    kinds = [film, turned(film, 37, 128), mirrored(film), 255 - film]
    changed = [saved_as_jpeg(kind, 90 - n) for kind in kinds for n in range(12)]
    copies = copies_of([*originals, *changed])
    assert copies.cluster[FILMS:].tolist() == [3] * len(changed)


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (3, 500), (500, 3), (9, 9), (20, 700), (33, 32)])
def test_films_of_odd_shapes_do_no_harm(originals, shape):
    rng = np.random.default_rng(1)
    odd = [rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(3)]
    copies = copies_of([*originals[:4], *odd, mirrored(originals[0])])
    assert copies.sets() == [[0, 7]]


def test_the_same_films_give_the_same_answer(originals):
    films = [*originals[:16], *(turned(film, 37, 128) for film in originals[:8]), *map(letterboxed, originals[8:16])]
    once, again, threads = copies_of(films), copies_of(films), copies_of(films, workers=3)
    assert len(once.links) >= 10
    assert once.links == again.links == threads.links
    assert once.cluster.tolist() == again.cluster.tolist() == threads.cluster.tolist()


def test_progress_never_goes_back_and_ends_at_the_end(originals):
    survey = survey_of([*originals, *map(mirrored, originals)])
    told: list[tuple[int, int]] = []
    find_copies(manifest_of(survey), survey, workers=1, progress=lambda done, total: told.append((done, total)))
    done = [one for one, _ in told]
    assert done == sorted(done)
    assert len({total for _, total in told}) == 1
    assert told[-1][0] == told[-1][1]
