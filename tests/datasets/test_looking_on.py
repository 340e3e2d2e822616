"""Which films are laid on each other, and in which order: candidates and comparisons are played as written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lucency.datasets.audit import near_copies
from lucency.datasets.audit.candidates import NEAREST, UNKNOWN, Candidate, Near
from lucency.datasets.audit.copies import Copies
from lucency.datasets.audit.film_patterns import Patterns, describe
from lucency.datasets.audit.laid_pair import PairCheck
from lucency.datasets.audit.near_copies import find_copies

from .copied_films import manifest_of, survey_of

Asked = list[tuple[list[int], list[int]]]


def played(
    monkeypatch: pytest.MonkeyPatch, found: list[dict[int, Near]], answers: dict[Candidate, PairCheck]
) -> tuple[Asked, list[Candidate]]:
    """Has candidates and comparisons played as written: what is asked of the search, and what is compared."""
    asked: Asked = []
    compared: list[Candidate] = []

    def find(patterns: Patterns, *, owner, sets, searchers, workers):
        asked.append((sets.tolist(), searchers.tolist()))
        now = found[len(asked) - 1] if len(asked) <= len(found) else {}
        return [now.get(film, Near([], [])) for film in searchers.tolist()]

    def check(pool, jobs):
        for one in (one for job in jobs for one in job):
            compared.append(one)
            yield one, answers.get(one, PairCheck(0.0, False, np.eye(2, 3), False))

    monkeypatch.setattr(near_copies, "find_near", find)
    monkeypatch.setattr(near_copies.PairPool, "check", check)
    # As if there were films enough for axes.
    monkeypatch.setattr(near_copies, "describe", lambda *args, **more: replace(describe(*args, **more), judged=True))
    return asked, compared


COPY = PairCheck(0.95, True, np.eye(2, 3), False)


def near(film: int, *others: int) -> dict[int, Near]:
    """A film that is alike to others, less and less; one face each."""
    return {film: Near([Candidate(0.9 - 0.01 * place, film, other) for place, other in enumerate(others)], [])}


def of_noise(films: int) -> Copies:
    chance = np.random.default_rng(8)
    # Nothing that could be taken for a ground: one face each.
    survey = survey_of([chance.integers(0, 256, (60, 60), dtype=np.uint8) for _ in range(films)])
    return find_copies(manifest_of(survey), survey)


def test_films_that_met_nothing_but_copies_are_laid_on_the_next_of_other_sets(monkeypatch):
    met = near(0, 1, 2, 4, 3) | near(5, 4, 3)
    first, second, other, weaker = met[0].by_views
    asked, compared = played(monkeypatch, [met], dict.fromkeys([first, second, weaker], COPY))
    copies = of_noise(6)
    assert asked == [(list(range(6)), list(range(6)))]
    # Film 3 is a copy too, so film 0 looks on once more, and finds nothing.
    assert set(compared) == {first, second, other, weaker, *met[5].by_views}
    assert compared.index(weaker) > compared.index(second)
    assert sorted(map(len, copies.sets())) == [4]


def test_films_among_whose_nearest_are_only_copies_search_again_among_other_sets(monkeypatch):
    crowd = near(0, *range(1, NEAREST + 1))
    weaker = near(0, 9)
    views = crowd[0].by_views
    links = [Candidate(0.95, film, film + 1) for film in range(1, NEAREST)]
    met = crowd | {one.searcher: Near([one], []) for one in links}
    answers = dict.fromkeys([*views, *links, weaker[0].by_views[0]], COPY)
    asked, compared = played(monkeypatch, [met, weaker], answers)
    copies = of_noise(11)
    sets, searchers = asked[1]
    assert (len(set(sets)), len(set(sets[: NEAREST + 1]))) == (3, 1)
    # Films 1 to 3 met but one film, a copy: they search too, and more of a set do not.
    assert searchers == [0, 1, 2, 3]
    assert compared[-1] == weaker[0].by_views[0]
    # What was found then is a copy too, so film 0 searches once more, and finds nothing.
    assert [searching for _, searching in asked[2:]] == [[0]]
    assert sorted(map(len, copies.sets())) == [NEAREST + 2]


def test_films_that_met_copies_by_their_keypoints_look_on_by_the_next_of_these(monkeypatch):
    found = [Candidate(UNKNOWN, 0, other) for other in (1, 2, 3, 4)]
    met = {0: Near([], found)}
    _, compared = played(monkeypatch, [met], {found[0]: COPY})
    copies = of_noise(6)
    # Two of them at first, then one of another set at a time, for as long as the last was a copy.
    assert compared == found[:2]
    assert sorted(map(len, copies.sets())) == [2]
    _, compared = played(monkeypatch, [met], dict.fromkeys(found[:3], COPY))
    assert sorted(map(len, of_noise(6).sets())) == [4]
    assert compared == found


def test_films_that_look_on_are_laid_on_films_that_are_alike_enough(monkeypatch):
    met = near(0, 1, 2, 3)
    first, _, last = met[0].by_views
    faint = replace(last, likeness=0.59)
    met[0].by_views[2] = faint
    _, compared = played(monkeypatch, [met], {first: COPY})
    of_noise(6)
    assert faint not in compared
    assert first in compared


def test_pages_that_are_let_go_come_again(tmp_path):
    kept = np.random.default_rng(3).integers(0, 256, (4, 300, 300), dtype=np.uint8)
    kept.tofile(tmp_path / "thumbs")
    mapped = np.memmap(tmp_path / "thumbs", np.uint8, mode="r", shape=kept.shape)
    part = mapped[1, 20:40]
    near_copies._let_go(mapped)
    assert np.array_equal(part, kept[1, 20:40])
    # An array in memory stays as it is.
    near_copies._let_go(kept)
    assert np.array_equal(mapped, kept)
