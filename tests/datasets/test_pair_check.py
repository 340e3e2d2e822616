"""What decides whether two films that were laid on each other are copies."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from lucency.datasets.audit import matched_points, pair_check
from lucency.datasets.audit.candidates import Candidate
from lucency.datasets.audit.film_frame import faces_of
from lucency.datasets.audit.film_patterns import describe
from lucency.datasets.audit.films_again import FilmsAgain
from lucency.datasets.audit.laid_pair import RARE_COUNTS, RARE_LIKENESS, PairCheck, credit
from lucency.datasets.audit.pair_check import SURE, Searcher
from lucency.datasets.audit.pair_jobs import answers_to
from lucency.datasets.audit.second_look import second_look

from .copied_films import Grey, survey_of

HEIGHT, WIDTH = 240, 200


@pytest.fixture(scope="module")
def texture() -> Grey:
    noise = cv2.GaussianBlur(np.random.default_rng(5).normal(0, 1, (2 * HEIGHT, WIDTH)), (0, 0), 3)
    return np.rint(255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)


def laid(texture: Grey, lower: int) -> PairCheck:
    """A window of the texture, and one that begins so many rows lower, told where they have a place in common."""
    survey = survey_of([texture[:HEIGHT], texture[lower : lower + HEIGHT]])
    contents = [faces_of(thumb, HEIGHT, WIDTH)[0].content for thumb in survey.thumbs]
    patterns = describe(contents, workers=1)
    scale, middle = 160 / HEIGHT, (lower + HEIGHT) / 2
    radius = scale * (HEIGHT - lower) / 2
    for film, row in enumerate((middle, middle - lower)):
        patterns.views[film, 0] = scale * WIDTH / 2, scale * row, radius, radius
    return Searcher(patterns, 0, contents).check(Candidate(0.95, 0, 1, search_view=0, own_view=0))


def test_films_that_share_most_of_what_they_show_are_copies(texture):
    found = laid(texture, HEIGHT // 4)
    assert found.copies
    assert found.onto == pytest.approx(np.array([[1, 0, 0], [0, 1, -160 / 4]]), abs=1)


def test_films_that_share_a_third_agree_there_and_are_no_copies(texture):
    found = laid(texture, 2 * HEIGHT // 3)
    assert found.score > SURE
    assert not found.copies


def noise(seed: int, height: int, width: int, soft: float) -> np.ndarray:
    plane = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, (height, width)), (0, 0), soft)
    return plane / plane.std()


def grey(plane: np.ndarray) -> Grey:
    return np.rint(np.clip(128 + 30 * plane, 0, 255)).astype(np.uint8)


def compared(films: list[Grey], folder: Path | None, likeness: float = 0.6, *, gone: bool = False) -> PairCheck:
    """Two films of one place, by their thumbnails, or by their files too."""
    survey = survey_of(films)
    faces = [faces_of(thumb, *film.shape)[0] for thumb, film in zip(survey.thumbs, films, strict=True)]
    contents = [face.content for face in faces]
    again = None
    if folder:
        paths = [folder / f"{number}.png" for number in range(len(films))]
        for path, film in zip(paths, films, strict=True):
            Image.fromarray(film).save(path)
        sha256s = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
        again = FilmsAgain.of([str(path) for path in paths], sha256s, faces)
        if gone:
            for path in paths:
                path.unlink()
    patterns = describe(contents, workers=1)
    candidate = Candidate(likeness, 0, 1, search_view=0, own_view=0)
    checked = Searcher(patterns, 0, contents).check(candidate)
    return second_look(candidate, checked, again) if again else checked


def takes(size: int, differ: float) -> list[Grey]:
    """Two films that share all but what is finer than a thumbnail shows well."""
    scale = size / 640
    shared = noise(1, size, size, 7 * scale) + 0.5 * noise(2, size, size, 4 * scale)
    return [grey(shared + differ * noise(seed, size, size, 2.5 * scale)) for seed in (3, 4)]


@pytest.mark.parametrize(
    ("likeness", "more"),
    [(0.5, -0.02), (0.6, 0), (0.7, 0.06), (RARE_LIKENESS, 0.162), (0.9, 0.18 + RARE_COUNTS * 0.03)],
)
def test_likeness_speaks_for_a_copy_and_less_against_one(likeness, more):
    assert credit(likeness, (0.6, 0.2)) == pytest.approx(more)
    assert credit(np.float32(likeness), (0.6, 0.2)) == pytest.approx(more, abs=1e-6)


def test_films_that_show_different_things_are_no_copies_however_alike_their_fingerprints(tmp_path):
    films = [grey(noise(seed, 640, 640, 7)) for seed in (1, 2)]
    assert not compared(films, None, 1.0).copies
    assert not compared(films, tmp_path, 1.0).copies


def test_films_that_differ_in_what_only_the_large_film_shows_are_no_copies(tmp_path):
    films = takes(640, 0.4)
    assert compared(films, None).copies
    assert not compared(films, tmp_path).copies


def test_films_that_agree_better_than_their_thumbnails_are_copies(tmp_path, monkeypatch):
    films = takes(640, 0.2)
    monkeypatch.setattr(pair_check, "SURE", 0.97)
    monkeypatch.setattr("lucency.datasets.audit.second_look.BEYOND_DOUBT", 0.97)
    assert not compared(films, None).copies
    assert compared(films, tmp_path).copies


def test_films_as_small_as_their_thumbnails_are_not_judged_twice(tmp_path):
    films = takes(160, 0.4)
    alone, again = compared(films, None), compared(films, tmp_path)
    assert (alone.score, alone.copies) == (again.score, again.copies)


def test_files_that_are_gone_leave_the_answer_to_the_thumbnails(tmp_path):
    assert compared(takes(640, 0.4), tmp_path, gone=True).copies


def shown(films: list[Grey]) -> list[Grey]:
    thumbs = survey_of(films).thumbs
    return [faces_of(thumb, *film.shape)[0].content for thumb, film in zip(thumbs, films, strict=True)]


def laid_by_views(films: list[Grey], likeness: float) -> PairCheck:
    """What comparing gives where the views say nothing true: they seem to show a corner of one film."""
    contents = shown(films)
    patterns = describe(contents, workers=1)
    # As if there were films enough for axes.
    patterns = replace(patterns, judged=True)
    patterns.views[1][0] = 20, 20, 15, 15
    return Searcher(patterns, 0, contents).check(Candidate(likeness, 0, 1))


def cut_film() -> list[Grey]:
    plane = noise(1, 640, 640, 7) + 0.5 * noise(2, 640, 640, 4)
    return [grey(plane), 255 - grey(plane[:, 64:])]


def test_keypoints_lay_a_film_where_no_view_of_the_other_fits(monkeypatch):
    found = laid_by_views(cut_film(), 0.6)
    assert found.copies
    assert found.inverted
    assert found.onto == pytest.approx(np.array([[1, 0, -16], [0, 1, 0]]), abs=1.5)
    monkeypatch.setattr(matched_points, "LEAST_SHARED", 1000)
    assert laid_by_views(cut_film(), 0.6).score == 0


def test_films_without_common_keypoints_are_laid_on_each_other_by_their_outlines_where_they_are_alike(monkeypatch):
    monkeypatch.setattr(matched_points, "LEAST_SHARED", 1000)
    contents = shown(takes(640, 0.1))
    patterns = replace(describe(contents, workers=1), judged=True)
    searcher = Searcher(patterns, 0, contents)
    assert searcher.check(Candidate(pair_check.ALIKE, 0, 1)).copies
    assert not searcher.check(Candidate(pair_check.ALIKE - 0.01, 0, 1)).copies
    # Of few films it is not known how alike they are.
    assert Searcher(replace(patterns, judged=False), 0, contents).check(Candidate(0.6, 0, 1)).copies


def test_films_that_cannot_be_laid_on_each_other_are_no_copies(monkeypatch):
    def fails(searcher: Searcher, laid: object) -> None:
        raise np.linalg.LinAlgError

    contents = shown(takes(640, 0.1))
    patterns = describe(contents, workers=1)
    again = FilmsAgain.of(["", ""], ["", ""], [faces_of(np.zeros((160, 160), np.uint8), 160, 160)[0]] * 2)
    job = [Candidate(0.9, 0, 1)]
    assert answers_to(job, patterns, contents, again)[0][1].copies
    monkeypatch.setattr(Searcher, "_by_detail", fails)
    ((one, answer),) = answers_to(job, patterns, contents, again)
    assert (one, answer.copies) == (job[0], False)


@pytest.mark.parametrize("place", [0, 1])
def test_films_whose_fine_detail_is_unlike_are_given_up(monkeypatch, place):
    films = takes(640, 0.1)
    whole = compared(films, None)
    assert whole.copies
    assert whole.thorough
    bars = list(pair_check.UNLIKE_CLOSELY)
    bars[place] = 1.01
    monkeypatch.setattr(pair_check, "UNLIKE_CLOSELY", tuple(bars))
    given_up = compared(films, None)
    assert (given_up.copies, given_up.thorough, given_up.score) == (False, False, 0.0)
    # It was laid there all the same.
    assert given_up.onto == pytest.approx(whole.onto, abs=1)


@pytest.mark.parametrize("place", [0, 1])
def test_larger_films_that_are_unlike_are_given_up(monkeypatch, tmp_path, place):
    films = takes(640, 0.2)
    monkeypatch.setattr("lucency.datasets.audit.second_look.BEYOND_DOUBT", 2.0)
    assert compared(films, tmp_path).copies
    bars = [0.0, 0.0]
    bars[place] = 1.01
    monkeypatch.setattr("lucency.datasets.audit.second_look.UNLIKE_LARGE", tuple(bars))
    assert not compared(films, tmp_path).copies
