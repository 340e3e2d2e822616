"""What people and programs do to a film before it comes back as "another" film of a data set.

Twenty-three kinds of change, each drawn at random. The detector of copies knows nothing of this file.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

Grey = npt.NDArray[np.uint8]
Change = Callable[[Grey, np.random.Generator], Grey]


def jpeg(film: Grey, rng: np.random.Generator) -> Grey:
    """Saved again as JPEG, quality 15 to 70."""
    stream = io.BytesIO()
    Image.fromarray(film).save(stream, "JPEG", quality=int(rng.integers(15, 71)))
    return np.asarray(Image.open(stream).convert("L"))


def rescale(film: Grey, rng: np.random.Generator) -> Grey:
    """Made smaller or larger, 0.4 to 1.6 times, with its aspect kept."""
    factor = rng.uniform(0.4, 1.6)
    size = (max(32, round(film.shape[1] * factor)), max(32, round(film.shape[0] * factor)))
    ways = [Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS, Image.Resampling.NEAREST]
    return np.asarray(Image.fromarray(film).resize(size, ways[rng.integers(4)]))


def squash(film: Grey, rng: np.random.Generator) -> Grey:
    """Stretched to a square of 150 to 300 pixels, as notebooks do."""
    side = int(rng.integers(150, 301))
    return np.asarray(Image.fromarray(film).resize((side, side), Image.Resampling.BILINEAR))


def crop(film: Grey, rng: np.random.Generator) -> Grey:
    """Up to a tenth of the height and of the width cut away, in shares drawn for each of the four sides."""
    return _cut(film, rng.uniform(0, 0.05, 4))


def crop_each_side(film: Grey, rng: np.random.Generator) -> Grey:
    """Up to a tenth cut from each of the four sides: up to 36 % of the area."""
    return _cut(film, rng.uniform(0, 0.1, 4))


def _cut(film: Grey, shares: npt.NDArray[np.float64]) -> Grey:
    height, width = film.shape
    top, bottom, left, right = shares
    return film[int(top * height) : round((1 - bottom) * height), int(left * width) : round((1 - right) * width)]


def crop_one_side(film: Grey, rng: np.random.Generator) -> Grey:
    """A tenth cut from one side."""
    return np.ascontiguousarray(
        np.rot90(np.rot90(film, k := int(rng.integers(4)))[round(film.shape[k % 2] * 0.1) :], -k)
    )


def brightness(film: Grey, rng: np.random.Generator) -> Grey:
    """20 to 60 grey levels lighter or darker, clipped."""
    shift = rng.uniform(20, 60) * rng.choice((-1, 1))
    return np.clip(film + shift, 0, 255).astype(np.uint8)


def contrast(film: Grey, rng: np.random.Generator) -> Grey:
    """Contrast times 0.5 to 1.8 about the mean, clipped."""
    mean = film.mean()
    return np.clip((film - mean) * rng.uniform(0.5, 1.8) + mean, 0, 255).astype(np.uint8)


def gamma(film: Grey, rng: np.random.Generator) -> Grey:
    """Gamma 0.45 to 2.2."""
    return np.rint(255 * (film / 255.0) ** np.exp(rng.uniform(np.log(0.45), np.log(2.2)))).astype(np.uint8)


def invert(film: Grey, rng: np.random.Generator) -> Grey:
    """Black and white exchanged."""
    del rng
    return 255 - film


def flip_left_right(film: Grey, rng: np.random.Generator) -> Grey:
    """Mirrored, left to right."""
    del rng
    return np.ascontiguousarray(film[:, ::-1])


def flip_up_down(film: Grey, rng: np.random.Generator) -> Grey:
    """Mirrored, top to bottom."""
    del rng
    return np.ascontiguousarray(film[::-1])


def quarter_turn(film: Grey, rng: np.random.Generator) -> Grey:
    """Turned by 90, 180 or 270 degrees."""
    return np.ascontiguousarray(np.rot90(film, int(rng.integers(1, 4))))


def _turn(film: Grey, angle: float, *, expand: bool, fill: float, mode: int = cv2.BORDER_CONSTANT) -> Grey:
    height, width = film.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1)
    if expand:
        cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
        size = (round(height * sin + width * cos), round(height * cos + width * sin))
        matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    else:
        size = (width, height)
    return np.asarray(
        cv2.warpAffine(film, matrix, size, flags=cv2.INTER_LINEAR, borderMode=mode, borderValue=fill), dtype=np.uint8
    )


def turn_black(film: Grey, rng: np.random.Generator) -> Grey:
    """Turned by any angle in its frame, corners black."""
    return _turn(film, rng.uniform(0, 360), expand=False, fill=0)


def turn_grey(film: Grey, rng: np.random.Generator) -> Grey:
    """Turned by any angle in its frame, corners of one grey."""
    return _turn(film, rng.uniform(0, 360), expand=False, fill=float(rng.integers(60, 200)))


def turn_mirrored(film: Grey, rng: np.random.Generator) -> Grey:
    """Turned by any angle in its frame, corners filled with the mirrored film."""
    return _turn(film, rng.uniform(0, 360), expand=False, fill=0, mode=cv2.BORDER_REFLECT_101)


def turn_whole_black(film: Grey, rng: np.random.Generator) -> Grey:
    """Turned by any angle on a frame that grows, corners black."""
    return _turn(film, rng.uniform(0, 360), expand=True, fill=0)


def turn_whole_grey(film: Grey, rng: np.random.Generator) -> Grey:
    """Turned by any angle on a frame that grows, corners of one grey."""
    return _turn(film, rng.uniform(0, 360), expand=True, fill=float(rng.integers(60, 200)))


def letterbox(film: Grey, rng: np.random.Generator) -> Grey:
    """Put on a square or a larger frame, bars black, grey or white."""
    height, width = film.shape
    if rng.random() < 0.5:
        high = wide = max(height, width)
    else:
        high, wide = round(height * rng.uniform(1, 1.4)), round(width * rng.uniform(1, 1.4))
    canvas = np.full((high, wide), rng.choice((0, 0, 114, 128, 255)), dtype=np.uint8)
    top, left = (high - height) // 2, (wide - width) // 2
    canvas[top : top + height, left : left + width] = film
    return canvas


def text(film: Grey, rng: np.random.Generator) -> Grey:
    """Words burned in: a name and a date near an edge, an L or R as large as a marker."""
    film = film.copy()
    height, width = film.shape
    size = min(height, width) / 400
    grey = int(rng.choice((0, 255, 230)))
    thick = max(1, round(1.5 * size))
    for words in ("DOE JANE 19-04-1971", f"ID {rng.integers(10**7)}"):
        place = (
            int(rng.uniform(0, 0.4) * width),
            int(rng.choice((rng.uniform(0.04, 0.2), rng.uniform(0.8, 0.97))) * height),
        )
        cv2.putText(film, words, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6 * size, grey, thick, cv2.LINE_AA)
    place = (int(rng.uniform(0.05, 0.85) * width), int(rng.uniform(0.15, 0.95) * height))
    cv2.putText(film, rng.choice(("L", "R")), place, cv2.FONT_HERSHEY_SIMPLEX, 2 * size, grey, 2 * thick, cv2.LINE_AA)
    return film


def noise(film: Grey, rng: np.random.Generator) -> Grey:
    """Gaussian noise of 4 to 15 grey levels."""
    return np.clip(film + rng.normal(0, rng.uniform(4, 15), film.shape), 0, 255).astype(np.uint8)


def blur(film: Grey, rng: np.random.Generator) -> Grey:
    """Blurred, or sharpened by unsharp masking."""
    soft = cv2.GaussianBlur(film, (0, 0), rng.uniform(0.6, 1.0) * min(film.shape) / 250)
    if rng.random() < 0.5:
        return np.asarray(soft, dtype=np.uint8)
    return np.clip(film + 1.5 * (film.astype(np.float32) - soft), 0, 255).astype(np.uint8)


def several(film: Grey, rng: np.random.Generator) -> Grey:
    """What an augmented data set holds: mirrored or not, squashed or not, turned, gamma, saved as JPEG."""
    if rng.random() < 0.5:
        film = flip_left_right(film, rng)
    if rng.random() < 0.5:
        film = squash(film, rng)
    turn = (turn_black, turn_grey, turn_mirrored)[rng.integers(3)]
    return jpeg(gamma(turn(film, rng), rng), rng)


CHANGES: tuple[Change, ...] = (
    jpeg,
    rescale,
    squash,
    crop,
    crop_each_side,
    crop_one_side,
    brightness,
    contrast,
    gamma,
    invert,
    flip_left_right,
    flip_up_down,
    quarter_turn,
    turn_black,
    turn_grey,
    turn_mirrored,
    turn_whole_black,
    turn_whole_grey,
    letterbox,
    text,
    noise,
    blur,
    several,
)
"""To try another change, add a row."""
