"""Films read once more, larger: the same face, in the same place, as the thumbnail showed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from lucency.datasets.audit.film_frame import faces_of
from lucency.datasets.audit.films_again import LARGER, FilmsAgain
from lucency.datasets.audit.survey import THUMB
from lucency.imaging.geometry import to_input

from .copied_films import Grey, letterboxed, turned_whole


def texture(height: int, width: int) -> Grey:
    soft = cv2.GaussianBlur(np.random.default_rng(8).normal(0, 1, (height, width)), (0, 0), height / 60)
    return np.rint(40 + 180 * (soft - soft.min()) / np.ptp(soft)).astype(np.uint8)


def again(film: Grey, folder: Path) -> tuple[FilmsAgain, list[Grey]]:
    """The film read again, and its faces as the thumbnail shows them."""
    path = folder / "film.png"
    Image.fromarray(film).save(path)
    faces = faces_of(to_input(film.astype(np.float32), THUMB)[0][..., 0], *film.shape)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    films = FilmsAgain.of([str(path)] * len(faces), [sha256] * len(faces), faces)
    return films, [face.content for face in faces]


def likeness(one: Grey, two: Grey) -> float:
    smaller = cv2.resize(two, one.shape[::-1], interpolation=cv2.INTER_AREA)
    return float(np.corrcoef(one[4:-4, 4:-4].ravel(), smaller[4:-4, 4:-4].ravel())[0, 1])


def test_a_film_is_read_twice_as_large_as_its_thumbnail(tmp_path):
    films, (shown,) = again(texture(480, 360), tmp_path)
    found = films.content(0)
    assert found is not None
    content, size = found
    assert films.zoom(0) == 1
    assert size == LARGER
    assert content.shape == (320, 240)
    assert likeness(shown, content) > 0.99


@pytest.mark.parametrize(("height", "size"), [(100, 1.0), (160, 1.0), (240, 1.5), (1100, LARGER)])
def test_no_film_is_made_larger_than_it_is(tmp_path, height, size):
    films, (shown,) = again(texture(height, height), tmp_path)
    found = films.content(0)
    assert found is not None
    assert found[1] == size
    assert found[0].shape == (round(size * shown.shape[0]), round(size * shown.shape[1]))


@pytest.mark.parametrize("degrees", [0, 20, 61])
def test_a_film_that_stands_on_a_ground_is_cut_out_as_before_and_the_whole_is_kept(tmp_path, degrees):
    films, (cut, whole) = again(turned_whole(letterboxed(texture(900, 640), 1.3), degrees, 0), tmp_path)
    assert films.zoom(0) > 1.15
    assert films.zoom(1) == 1
    for face, shown in enumerate((cut, whole)):
        found = films.content(face)
        assert found is not None
        assert found[1] == LARGER
        assert likeness(shown, found[0]) > 0.98


def test_a_film_that_is_gone_changed_or_broken_is_none(tmp_path):
    films, _ = again(texture(300, 200), tmp_path)
    path, good = Path(films.paths[0]), Path(films.paths[0]).read_bytes()

    def fresh() -> FilmsAgain:
        return FilmsAgain(films.paths, films.sha256s, films.onto, films.sizes)

    assert fresh().content(0) is not None
    path.write_bytes(good[:2000])
    assert fresh().content(0) is None
    Image.fromarray(texture(300, 200)[::-1]).save(path)
    assert fresh().content(0) is None
    path.unlink()
    assert fresh().content(0) is None
