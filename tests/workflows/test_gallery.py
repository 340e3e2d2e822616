"""Pictures of an evaluation: small, yet their boxes can be seen."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from lucency.workflows.gallery import _file_name, _side_by_side

BOX_COLOUR = (80, 200, 255)


@pytest.mark.parametrize("size", [(3000, 2000), (2000, 3000), (100, 80)])
def test_outlines_are_drawn_after_shrinking(size: tuple[int, int]) -> None:
    film = Image.new("RGB", size, (60, 60, 60))
    width, height = size
    box = (width * 0.4, height * 0.4, width * 0.2, height * 0.2)
    pair = np.asarray(_side_by_side((film, film), [box]))
    assert pair.shape == (320, 646, 3)
    outlined = (pair == BOX_COLOUR).all(axis=2)
    for panel in (outlined[:, :320], outlined[:, 326:]):
        # The line in the middle of the panel meets the left and the right side of the box, two pixels each.
        assert panel[160].sum() == 4
        assert panel[:, 160].sum() == 4
    inside = pair[150:170, 150:170]
    assert (inside == 60).all()


@pytest.mark.parametrize(
    ("name", "shown"), [("a/b/film.png", "film.png"), ("C:\\films\\film.png", "film.png"), ("film", "film"), ("/", "/")]
)
def test_captions_name_the_file(name: str, shown: str) -> None:
    assert _file_name(name) == shown
