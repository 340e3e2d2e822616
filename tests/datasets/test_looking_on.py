"""Which films are laid on each other in which order, and again: candidates and comparisons are played as written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lucency.datasets.audit import near_copies
from lucency.datasets.audit.candidates import NEAREST, Candidate, Near
from lucency.datasets.audit.copies import Copies
from lucency.datasets.audit.film_patterns import Patterns, describe
from lucency.datasets.audit.laid_pair import PairCheck
from lucency.datasets.audit.near_copies import ALIKE, FAIRLY_ALIKE, HOPEFUL, RINGS_ALIKE, find_copies
from lucency.datasets.audit.pair_jobs import Again, First

from .copied_films import manifest_of, survey_of

Asked = list[tuple[list[int], list[int]]]


def played(
    monkeypatch: pytest.MonkeyPatch, found: list[dict[int, list[Near]]], answers: dict[Candidate, PairCheck]
) -> tuple[Asked, list[Candidate]]:
    """Has candidates and comparisons played as written: what is asked of the search, and what is compared."""
    asked: Asked = []
    compared: list[Candidate] = []

    def find(patterns: Patterns, *, owner, sets, searchers, workers):
        asked.append((sets.tolist(), searchers.tolist()))
        now = found[len(asked) - 1] if len(asked) <= len(found) else {}
        return [now.get(film, []) for film in searchers.tolist()]

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
    survey = survey_of([chance.integers(0, 256, (60, 60), dtype=np.uint8) for _ in range(films)])
    return find_copies(manifest_of(survey), survey)


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
    asked, compared = played(monkeypatch, [met, weaker], answers)
    copies = of_noise(11)
    sets, searchers = asked[1]
    assert (len(set(sets)), len(set(sets[: NEAREST + 1]))) == (3, 1)
    # Films 1 to 3 met but one film, a copy: they search too, and more of a set do not.
    assert searchers == [0, 1, 2, 3]
    assert compared[-1] == weaker[0][0].views[0]
    # What was found then is a copy too, so film 0 searches once more, and finds nothing.
    assert [searching for _, searching in asked[2:]] == [[0]]
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
def test_pairs_with_hope_are_tried_again_by_their_other_views(monkeypatch, likeness, score, rings, again):
    one, back = Candidate(likeness, 0, 1, 0, 0), Candidate(likeness, 1, 0, 0, 0)
    second, last = replace(one, search_view=3, choice=1), replace(back, search_view=4, choice=1)
    nearly = PairCheck(score, False, np.eye(2, 3), False, rings=rings)
    met = {0: [Near(1, 1.0, (one, second))], 1: [Near(0, 1.0, (back, last))]}
    _, compared = played(monkeypatch, [met], {one: nearly, second: COPY})
    copies = of_noise(3)
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
