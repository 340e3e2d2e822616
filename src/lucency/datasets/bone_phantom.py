"""Long bones as maps of X-ray attenuation, whole or cut into displaced fragments."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Excess over the soft tissue that bone displaces, per mm near 45 keV (NIST XCOM: cortex about 0.10, muscle 0.026).
CORTEX_PER_MM = 0.074
SPONGY_PER_MM = 0.030

TILE_SIDE, TILE_MM = 512, 0.3
# Beyond the joint by more than this there is no bone; deeper than four times this the joint's surface changes nothing.
JOINT_ROWS = 6.0

FloatMap = NDArray[np.float32]


@dataclass(frozen=True)
class Bone:
    """One long bone in the limb's frame: `s` runs along the limb and `u` across it, both in mm.

    Attributes:
        radius: Half width of the shaft.
        start: Position of the proximal end on `s`.
        end: Position of the distal end on `s`.
        lateral: Distance of the shaft from the limb's axis.
        tilt: Slope of the bone's axis against the limb's, du / ds.
        bow: Height of the shaft's bow.
        cortex: Cortical thickness at mid shaft.
        canal_shift: How far the medullary canal is off centre.
        depth: Thickness along the beam over the width.
        flare: Widening of the two ends, as a share of the radius.
        flare_length: How far from the joint the two ends flare.
        notch: Depth of the notch between the condyles.
        ripple: Amplitude, wavelength and phase of the slow change of width along the shaft.
        plate: Distance of an open growth plate from the distal end; 0 when closed.
        canals: Nutrient canals as (s, side, slope, length).
        texture: Where on the trabecular tile this bone lies (row, column).
        density: Mineral density against the average bone.
    """

    radius: float
    start: float
    end: float
    lateral: float = 0.0
    tilt: float = 0.0
    bow: float = 0.0
    cortex: float = 4.0
    canal_shift: float = 0.0
    depth: float = 1.0
    flare: tuple[float, float] = (0.8, 0.8)
    flare_length: tuple[float, float] = (25.0, 25.0)
    notch: float = 1.0
    ripple: tuple[float, float, float] = (0.03, 60.0, 0.0)
    plate: float = 0.0
    canals: tuple[tuple[float, float, float, float], ...] = ()
    texture: tuple[int, int] = (0, 0)
    density: float = 1.0

    @property
    def reach(self) -> float:
        """Half width of the bone at its widest, in mm."""
        return self.radius * (1.15 + max(self.flare))


@dataclass(frozen=True)
class View:
    """How the limb lies on the film.

    Attributes:
        height: Film height in pixels.
        width: Film width in pixels.
        mm_per_pixel: Pixel spacing.
        to_film: Affine matrix (3, 3) from limb (u, s) in mm to film (x, y) in pixels.
        centre: Position on `s` that lies in the middle of the film.
    """

    height: int
    width: int
    mm_per_pixel: float
    to_film: NDArray[np.float64]
    centre: float

    def points(self, limb: NDArray[np.float64]) -> NDArray[np.float64]:
        """Carry limb points (N, 2), as (u, s) in mm, to film points (N, 2), as (x, y) in pixels."""
        return limb @ self.to_film[:2, :2].T + self.to_film[:2, 2]

    def warp(self, canvas: FloatMap, grid: Grid, motion: NDArray[np.float64] | None = None) -> FloatMap:
        """Lay a canvas of the limb on the film.

        Args:
            canvas: Map (rows along s, columns along u), float32.
            grid: Where the canvas lies in the limb.
            motion: Rigid motion (3, 3) in limb coordinates to apply first; None for none.

        Returns:
            Map (height, width), float32, 0 outside the canvas.
        """
        to_film = self.to_film if motion is None else self.to_film @ motion
        matrix = grid.from_limb @ np.linalg.inv(to_film)
        film = Image.fromarray(canvas).transform(
            (self.width, self.height),
            Image.Transform.AFFINE,
            tuple(matrix[:2].ravel()),
            resample=Image.Resampling.BILINEAR,
        )
        return np.asarray(film)


@dataclass(frozen=True)
class Grid:
    """A canvas in the limb's frame: rows along `s`, columns along `u`."""

    s_first: float
    u_first: float
    rows: int
    columns: int
    step: float

    @property
    def s(self) -> FloatMap:
        """Positions of the rows (rows, 1) in mm."""
        return (self.s_first + self.step * (np.arange(self.rows, dtype=np.float32) + 0.5))[:, None]

    @property
    def u(self) -> FloatMap:
        """Positions of the columns (1, columns) in mm."""
        return (self.u_first + self.step * (np.arange(self.columns, dtype=np.float32) + 0.5))[None, :]

    @property
    def from_limb(self) -> NDArray[np.float64]:
        """Affine matrix (3, 3) from limb (u, s) to canvas (column, row)."""
        k = 1.0 / self.step
        return np.array([[k, 0.0, -self.u_first * k], [0.0, k, -self.s_first * k], [0.0, 0.0, 1.0]])


def grid_over(view: View, u_low: float, u_high: float, step: float) -> Grid:
    """The canvas that covers a strip of the limb wherever the film can see it."""
    half = 0.5 * float(np.hypot(view.height, view.width)) * view.mm_per_pixel + 12.0
    rows = int(np.ceil(2 * half / step))
    columns = max(4, int(np.ceil((u_high - u_low) / step)))
    return Grid(view.centre - half, u_low, rows, columns, step)


@lru_cache(maxsize=1)
def _trabecular_tile() -> FloatMap:
    """Periodic noise (TILE_SIDE, TILE_SIDE) with struts that run along the bone; zero mean, unit variance."""
    rng = np.random.default_rng(20130)
    spectrum = np.fft.rfft2(rng.standard_normal((TILE_SIDE, TILE_SIDE)))
    along, across = np.fft.fftfreq(TILE_SIDE)[:, None], np.fft.rfftfreq(TILE_SIDE)[None, :]
    radius = np.hypot(2.2 * along, across)
    tile = np.fft.irfft2(spectrum * radius * np.exp(-((radius / 0.24) ** 2)), s=(TILE_SIDE, TILE_SIDE))
    return np.asarray((tile - tile.mean()) / tile.std(), dtype=np.float32)


def bone_axis(bone: Bone, s: FloatMap) -> FloatMap:
    """Where across the limb the middle of a bone lies at each `s`, in mm."""
    middle, length = 0.5 * (bone.start + bone.end), bone.end - bone.start
    along = (s - middle) / length
    return np.asarray(bone.lateral + bone.tilt * (s - middle) + bone.bow * (1 - 4 * along * along), np.float32)


def bone_map(bone: Bone, grid: Grid) -> FloatMap:
    """Attenuation of one whole bone on a canvas.

    Returns:
        Map (rows, columns), float32: the line integral of attenuation along the beam, above that of soft tissue.
    """
    s = grid.s
    across = grid.u - bone_axis(bone, s)
    from_start, from_end = s - bone.start, bone.end - s
    amplitude, wavelength, phase = bone.ripple
    outer = bone.radius * (1.0 + amplitude * np.sin(2 * np.pi * s / wavelength + phase))
    spongy = np.zeros_like(s)
    for distance, flare, length in zip((from_start, from_end), bone.flare, bone.flare_length, strict=True):
        near = np.exp(-((np.maximum(distance, 0.0) / length) ** 1.4))
        # Condyles are widest a little before the joint and round off towards it.
        rounded = 1.0 - 0.28 * np.exp(-((np.maximum(distance, 0.0) / 7.0) ** 2))
        outer = outer + bone.radius * flare * near * rounded
        spongy = np.maximum(spongy, near)
    wall = np.maximum(bone.cortex * (1.0 - spongy) ** 0.8, 0.7)
    inner = np.maximum(outer - wall, 0.1)
    shift = bone.canal_shift * (1.0 - spongy)
    outer_half = np.sqrt(np.maximum(outer * outer - across * across, 0.0))
    inner_half = np.sqrt(np.maximum(inner * inner - (across - shift) ** 2, 0.0))
    inner_half = np.minimum(inner_half, outer_half)
    row, column = bone.texture
    rows = np.floor(s[:, 0] / TILE_MM + row).astype(np.intp) % TILE_SIDE
    columns = np.floor(grid.u[0] / TILE_MM + column).astype(np.intp) % TILE_SIDE
    tile = _trabecular_tile().take(rows, axis=0).take(columns, axis=1)
    grain = np.maximum(1.0 + 0.16 * tile, 0.2)
    fill = SPONGY_PER_MM * (0.04 + 0.76 * spongy) * grain
    rough = CORTEX_PER_MM * (1.0 + 0.025 * tile)
    attenuation = (2.0 * bone.depth * bone.density) * (rough * (outer_half - inner_half) + fill * inner_half)
    for distance in (from_start, from_end):
        attenuation[_within(distance, -np.inf, -JOINT_ROWS)] = 0.0
        near = _within(distance, -JOINT_ROWS, 4 * JOINT_ROWS)
        attenuation[near] *= _joint_surface(bone, distance[near], across[near])
    if bone.plate:
        near = _within(from_end, bone.plate - 12.0, bone.plate + 12.0)
        attenuation[near] *= _growth_plate(bone, from_end[near], across[near])
    for canal in bone.canals:
        near = _within(s, canal[0] - 0.7 * canal[3], canal[0] + 0.7 * canal[3])
        attenuation[near] *= _nutrient_canal(bone, canal, s[near], across[near])
    return np.asarray(attenuation, dtype=np.float32)


def _within(positions: FloatMap, low: float, high: float) -> slice:
    """The rows whose positions, rising or falling, lie in a range: all else stays as it is, at no cost."""
    inside = np.flatnonzero((positions[:, 0] > low) & (positions[:, 0] <= high))
    return slice(int(inside[0]), int(inside[-1]) + 1) if inside.size else slice(0, 0)


def _joint_surface(bone: Bone, distance: FloatMap, across: FloatMap) -> FloatMap:
    wide = across / (bone.radius * 1.8)
    surface = bone.notch * np.cos(3.4 * wide) + 9.0 * np.abs(wide) ** 5
    depth = distance - surface
    edge = np.clip(depth / 1.6 + 0.2, 0.0, 1.0)
    return np.asarray(edge * (1.0 + 0.55 * np.exp(-(((depth - 1.4) / 1.1) ** 2))), np.float32)


def _growth_plate(bone: Bone, distance: FloatMap, across: FloatMap) -> FloatMap:
    wave = 0.9 * np.sin(across * (4.0 / bone.radius) + bone.ripple[2]) + 0.05 * across
    away = distance - bone.plate - wave
    dark = 0.42 * np.exp(-((away / 0.8) ** 2))
    rim = 0.16 * (np.exp(-(((away - 2.0) / 0.9) ** 2)) + np.exp(-(((away + 2.0) / 0.9) ** 2)))
    return np.asarray(1.0 - dark + rim, np.float32)


def _nutrient_canal(bone: Bone, canal: tuple[float, float, float, float], s: FloatMap, across: FloatMap) -> FloatMap:
    position, side, slope, length = canal
    along = s - position
    middle = side * (bone.radius - 0.5 * bone.cortex) - side * slope * along
    inside = np.exp(-((along / (0.5 * length)) ** 6))
    return np.asarray(1.0 - 0.34 * inside * np.exp(-(((across - middle) / 0.6) ** 2)), np.float32)
