"""From attenuation to a film: beam, scatter, noise, detector response, collimation and side marker."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

FloatMap = NDArray[np.float32]

# A limb scatters over a few centimetres: an eighth of a film that shows some ten.
SCATTER_CELLS = 8


@dataclass(frozen=True)
class Exposure:
    """How a film was taken and shown; drawn without knowledge of the label.

    Attributes:
        photons: Photons per pixel in the open beam.
        scatter: Scattered over primary photons behind the limb.
        heel: Fall of the beam from one side of the film to the other (x, y), as a share.
        read_noise: Electronic noise, in photons.
        banding: Gain error between detector rows, as a share.
        low: Attenuation shown black.
        high: Attenuation shown white.
        gamma: Curve of the display.
        toe: Grey level of the darkest place, 0..255.
        sharpening: Edge enhancement of the console.
        blur: Share of each pixel's light that its neighbours receive.
        border: "none", "unexposed" (white) or "shutter" (black).
        window: Collimated field as (left, top, right, bottom) shares of the film.
        edge: Softness of the collimator's edge, in pixels.
        marker: "L" or "R".
        marker_at: Where the marker's middle lies, as (x, y) shares of the film.
        marker_size: Height of the marker in pixels.
        marker_turn: Turn of the marker, in degrees.
        marker_lead: Attenuation of the marker.
    """

    photons: float
    scatter: float
    heel: tuple[float, float]
    read_noise: float
    banding: float
    low: float
    high: float
    gamma: float
    toe: float
    sharpening: float
    blur: float
    border: str
    window: tuple[float, float, float, float]
    edge: float
    marker: str
    marker_at: tuple[float, float]
    marker_size: float
    marker_turn: float
    marker_lead: float


def draw_exposure(rng: np.random.Generator, expected_high: float, height: int, width: int) -> Exposure:
    """Draw how a film is taken.

    Args:
        rng: Source of chance.
        expected_high: Attenuation of the limb's densest part as its anatomy promises, so that the display window
            never depends on what the film shows.
        height: Film height in pixels.
        width: Film width in pixels.
    """
    border = str(rng.choice(["none", "unexposed", "shutter"], p=[0.55, 0.15, 0.30]))
    inset = rng.uniform(0.0, 0.09, size=4) * (rng.random(4) < 0.7)
    left, top, right, bottom = (float(v) for v in inset)
    corner_x, corner_y = rng.random(2) < 0.5
    margin_x, margin_y = rng.uniform(0.10, 0.17, size=2)
    return Exposure(
        photons=float(np.exp(rng.uniform(np.log(6000), np.log(40000)))),
        scatter=float(rng.uniform(0.10, 0.30)),
        heel=(float(rng.normal(0, 0.05)), float(rng.normal(0, 0.05))),
        read_noise=float(rng.uniform(2.0, 6.0)),
        banding=float(rng.uniform(0.0, 0.006)),
        low=float(rng.uniform(-0.12, 0.10)),
        high=expected_high * float(rng.uniform(0.90, 1.20)),
        gamma=float(rng.uniform(0.9, 1.3)),
        toe=float(rng.uniform(0.0, 22.0)),
        sharpening=float(rng.uniform(0.0, 0.7)),
        blur=float(rng.uniform(0.05, 0.22)),
        border=border,
        window=(left, top, 1.0 - right, 1.0 - bottom) if border != "none" else (0.0, 0.0, 1.0, 1.0),
        edge=float(rng.uniform(0.6, 3.5)),
        marker="R" if rng.random() < 0.5 else "L",
        marker_at=(
            float(1 - margin_x if corner_x else margin_x),
            float(1 - margin_y if corner_y else margin_y),
        ),
        marker_size=float(rng.uniform(0.045, 0.075)) * max(height, width),
        marker_turn=float(rng.normal(0, 9)) + (180.0 if rng.random() < 0.08 else 0.0),
        marker_lead=float(rng.uniform(1.4, 3.0)) if rng.random() < 0.85 else 0.0,
    )


def expose(attenuation: FloatMap, exposure: Exposure, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Take the film.

    Args:
        attenuation: Line integral of attenuation (H, W), float32, 0 in air.
        exposure: How the film is taken.
        rng: Source of the noise.

    Returns:
        The film (H, W), uint8, bone bright.
    """
    height, width = attenuation.shape
    if exposure.marker_lead:
        attenuation = attenuation + exposure.marker_lead * _marker(exposure, height, width)
    fall_x = 1.0 + exposure.heel[0] * np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    fall_y = 1.0 + exposure.heel[1] * np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    field = _field(exposure, height, width)
    primary = np.exp(-attenuation)
    primary *= fall_x
    primary *= fall_y
    if exposure.border == "unexposed":
        primary *= field
    arriving = np.maximum(primary + exposure.scatter * 0.25 * _broad(primary, SCATTER_CELLS), 0.0)
    arriving *= exposure.photons
    noise = rng.standard_normal((height, width), dtype=np.float32)
    noise *= np.sqrt(arriving + exposure.read_noise**2)
    arriving += noise
    arriving = _spread(arriving, exposure.blur)
    arriving *= 1.0 + exposure.banding * rng.standard_normal((height, 1), dtype=np.float32)
    seen = -np.log(np.maximum(arriving, 1.0) / exposure.photons)
    if exposure.sharpening:
        seen += exposure.sharpening * (seen - _broad(seen, 48))
    shown = (seen - exposure.low) / (exposure.high - exposure.low)
    np.clip(shown, 0.0, 1.0, out=shown)
    shown **= exposure.gamma
    shown *= 255.0 - exposure.toe
    shown += exposure.toe
    if exposure.border == "shutter":
        shown *= field
    return np.asarray(np.rint(shown), dtype=np.uint8)


def _field(exposure: Exposure, height: int, width: int) -> FloatMap:
    left, top, right, bottom = exposure.window
    x = np.arange(width, dtype=np.float32)[None, :] + 0.5
    y = np.arange(height, dtype=np.float32)[:, None] + 0.5
    # An edge on the film's own border is no edge.
    soft = exposure.edge
    in_x = np.minimum((x - left * width) / soft if left else x + 9, (right * width - x) / soft if right < 1 else x + 9)
    in_y = np.minimum(
        (y - top * height) / soft if top else y + 9, (bottom * height - y) / soft if bottom < 1 else y + 9
    )
    return np.asarray(np.clip(in_x + 0.5, 0, 1) * np.clip(in_y + 0.5, 0, 1), np.float32)


def _broad(image: FloatMap, cells: int) -> FloatMap:
    """A broad blur: averaged down to about `cells` places a side, and smoothly back."""
    height, width = image.shape
    scale = cells / max(height, width)
    small = (max(3, round(width * scale)), max(3, round(height * scale)))
    down = Image.fromarray(image).resize(small, Image.Resampling.BOX)
    return np.asarray(down.resize((width, height), Image.Resampling.BICUBIC))


def _spread(image: FloatMap, share: float) -> FloatMap:
    """The light a pixel gives to its four neighbours."""
    padded = np.pad(image, 1, mode="edge")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return np.asarray((1.0 - share) * image + (0.25 * share) * around, np.float32)


def _marker(exposure: Exposure, height: int, width: int) -> FloatMap:
    """Shadow (H, W) of the lead letter, 0..1."""
    tall = exposure.marker_size
    side = max(8, int(np.ceil(1.9 * tall)))
    sheet = Image.new("L", (4 * side, 4 * side), 0)
    pen = ImageDraw.Draw(sheet)
    h, w = 4 * tall, 2.6 * tall
    x0, y0 = 2 * side - w / 2, 2 * side - h / 2
    stroke = max(3, int(0.17 * h))
    pen.line([(x0, y0), (x0, y0 + h)], fill=255, width=stroke)
    if exposure.marker == "L":
        pen.line([(x0 - stroke / 2 + 1, y0 + h), (x0 + w, y0 + h)], fill=255, width=stroke)
    else:
        pen.arc([x0 - 0.7 * w, y0 - stroke / 2, x0 + w, y0 + 0.56 * h], -90, 90, fill=255, width=stroke)
        pen.line([(x0, y0), (x0 + 0.2 * w, y0)], fill=255, width=stroke)
        pen.line([(x0, y0 + 0.5 * h), (x0 + 0.2 * w, y0 + 0.5 * h)], fill=255, width=stroke)
        pen.line([(x0 + 0.3 * w, y0 + 0.5 * h), (x0 + w, y0 + h)], fill=255, width=stroke)
    letter = sheet.rotate(exposure.marker_turn, Image.Resampling.BILINEAR).resize((side, side), Image.Resampling.BOX)
    film = Image.new("L", (width, height), 0)
    at = (int(exposure.marker_at[0] * width - side / 2), int(exposure.marker_at[1] * height - side / 2))
    film.paste(letter, at)
    return np.asarray(film, dtype=np.float32) / 255.0
