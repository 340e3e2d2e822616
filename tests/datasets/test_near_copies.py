"""Copies of a radiograph are found however they were changed, and no two different films are joined."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lucency.datasets.audit import near_copies
from lucency.datasets.audit.candidates import NEAREST, Candidate, Near
from lucency.datasets.audit.copies import Copies
from lucency.datasets.audit.film_patterns import Patterns, describe
from lucency.datasets.audit.laid_pair import PairCheck
from lucency.datasets.audit.near_copies import ALIKE, FAIRLY_ALIKE, HOPEFUL, RINGS_ALIKE, find_copies
from lucency.datasets.audit.pair_jobs import Again, First
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


Asked = list[tuple[list[int], list[int]]]


def played(
    monkeypatch: pytest.MonkeyPatch, found: list[dict[int, list[Near]]], answers: dict[Candidate, PairCheck]
) -> tuple[Asked, list[Candidate]]:
    """Has candidates and comparisons played as written: what is asked of the search, and what is compared."""
    asked: Asked = []
    compared: list[Candidate] = []

    def find(patterns: Patterns, *, owner, sets, searchers, workers):
        asked.append((sets.tolist(), searchers.tolist()))
        return [found[len(asked) - 1].get(film, []) for film in searchers.tolist()]

    def check(pool, jobs):
        for job in jobs:
            # Another try begins where the first did not.
            for one in job.candidates if isinstance(job, First) else job.candidates[1:]:
                compared.append(one)
                answer = answers.get(one, PairCheck(0.0, False, np.eye(2, 3), False))
                yield one, answer
                if answer.copies and isinstance(job, Again):
                    break

    monkeypatch.setattr(near_copies, "find_near", find)
    monkeypatch.setattr(near_copies.PairPool, "check", check)
    # As if there were films enough for axes.
    monkeypatch.setattr(
        near_copies, "describe", lambda *args, **more: replace(describe(*args, **more), projection=True)
    )
    return asked, compared


COPY = PairCheck(0.95, True, np.eye(2, 3), False)


def near(film: int, *others: int) -> dict[int, list[Near]]:
    """A film that is alike to others, less and less; one face each."""
    views = [Candidate(0.9 - 0.01 * place, film, other, 0, 0) for place, other in enumerate(others)]
    return {film: [Near(view.found, view.likeness, (view,)) for view in views]}


def of_noise(films: int) -> Copies:
    chance = np.random.default_rng(8)
    # Nothing that could be taken for a ground: one face each.
    return copies_of([chance.integers(0, 256, (60, 60), dtype=np.uint8) for _ in range(films)])


def test_films_that_met_nothing_but_copies_are_laid_on_the_next_of_other_sets(monkeypatch):
    met = near(0, 1, 2, 4, 3) | near(5, 4, 3)
    first, second, other, weaker = (one.views[0] for one in met[0])
    asked, compared = played(monkeypatch, [met], dict.fromkeys([first, second, weaker], COPY))
    copies = of_noise(6)
    assert asked == [(list(range(6)), list(range(6)))]
    # Film 3 is a copy too, so film 0 looks on once more, and finds nothing.
    assert set(compared) == {first, second, other, weaker, *(one.views[0] for one in met[5])}
    assert compared.index(weaker) > compared.index(second)
    assert sorted(map(len, copies.sets())) == [4]


def test_films_among_whose_nearest_are_only_copies_search_again_among_other_sets(monkeypatch):
    crowd = near(0, *range(1, NEAREST + 1))
    weaker = near(0, 9)
    views = [one.views[0] for one in crowd[0]]
    links = [Candidate(0.95, film, film + 1, 0, 0) for film in range(1, NEAREST)]
    met = crowd | {one.searcher: [Near(one.found, 1.0, (one,))] for one in links}
    answers = dict.fromkeys([*views, *links, weaker[0][0].views[0]], COPY)
    asked, compared = played(monkeypatch, [met, weaker, {}], answers)
    copies = of_noise(11)
    sets, searchers = asked[1]
    assert (len(set(sets)), len(set(sets[: NEAREST + 1]))) == (3, 1)
    assert searchers == [0]
    assert compared[-1] == weaker[0][0].views[0]
    assert sorted(map(len, copies.sets())) == [NEAREST + 2]


@pytest.mark.parametrize(
    ("likeness", "score", "rings", "again"),
    [
        (0.6, HOPEFUL, 0.0, True),
        (0.6, HOPEFUL - 0.01, 1.0, False),
        (ALIKE, 0.0, 0.0, True),
        (FAIRLY_ALIKE, 0.0, RINGS_ALIKE, True),
        (FAIRLY_ALIKE, 0.0, RINGS_ALIKE - 0.01, False),
    ],
)
def test_pairs_with_hope_are_tried_again_by_their_other_views(originals, monkeypatch, likeness, score, rings, again):
    one, back = Candidate(likeness, 0, 1, 0, 0), Candidate(likeness, 1, 0, 0, 0)
    second, last = replace(one, search_view=3, choice=1), replace(back, search_view=4, choice=1)
    nearly = PairCheck(score, False, np.eye(2, 3), False, rings=rings)
    met = {0: [Near(1, 1.0, (one, second))], 1: [Near(0, 1.0, (back, last))]}
    _, compared = played(monkeypatch, [met], {one: nearly, second: COPY})
    copies = copies_of(originals[:3])
    assert compared == ([one, back, second] if again else [one])
    assert len(copies.sets()) == again


def test_films_that_look_on_are_laid_on_films_that_are_alike_enough(monkeypatch):
    met = near(0, 1, 2, 3)
    first = met[0][0].views[0]
    faint = replace(met[0][2].views[0], likeness=0.59)
    met[0][2] = replace(met[0][2], views=(faint,))
    _, compared = played(monkeypatch, [met], {first: COPY})
    of_noise(6)
    assert faint not in compared
    assert first in compared


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
