"""Fractures: where a bone breaks, and the bone's map cut along the fracture line into fragments that have moved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lucency.datasets.bone_phantom import Bone, FloatMap, View, bone_axis, bone_map, grid_over

FRACTURE_KINDS = ("transverse", "oblique", "spiral", "comminuted")

Window = tuple[float, float, float, float]


@dataclass(frozen=True)
class Break:
    """A fracture of one bone, in that bone's own frame (mm).

    Attributes:
        kind: One of `FRACTURE_KINDS`.
        position: Where on `s` the break is.
        slope: Rise of the fracture line over the width of the bone, ds / du.
        depth_shift: How far the line on the far cortex lies from that on the near one.
        jags: Heights of the ragged line at even steps over the width.
        gap: How far the fragments stand apart along the bone.
        displacement: How far the distal fragment has moved sideways.
        angulation: Turn of the distal fragment, in degrees.
        wedge: Height of the butterfly fragment (comminuted only).
        wedge_shift: How far the butterfly fragment has left the shaft.
        wedge_turn: Turn of the butterfly fragment, in degrees.
        side: On which side (+1 or -1) the butterfly fragment lies.
    """

    kind: str
    position: float
    slope: float
    depth_shift: float
    jags: tuple[float, ...]
    gap: float
    displacement: float
    angulation: float
    wedge: float = 0.0
    wedge_shift: float = 0.0
    wedge_turn: float = 0.0
    side: float = 1.0


def draw_breaks(
    rng: np.random.Generator,
    bones: tuple[Bone, ...],
    view: View,
    window: Window,
    difficulty: float,
    kind: str | None,
    displacement: float | None,
    gap: float | None,
) -> dict[int, Break]:
    """Draw the fracture of one bone or, as often happens in a forearm or leg, of both at about one level.

    Returns:
        The fracture of each broken bone by the bone's index, the main one first.
    """
    order = [int(index) for index in rng.permutation(len(bones))]
    places = {index: _visible_place(rng, bones[index], view, window) for index in order}
    seen = [(index, place) for index, place in places.items() if place is not None]
    first, level = seen[0] if seen else (order[0], view.centre)
    levels = {first: level}
    if len(seen) > 1 and rng.random() < 0.5:
        levels[seen[1][0]] = level + float(rng.normal(0, 6.0))
    return {
        index: _draw_break(rng, bones[index], place, difficulty, kind, displacement, gap)
        for index, place in levels.items()
    }


def _draw_break(
    rng: np.random.Generator,
    bone: Bone,
    place: float,
    difficulty: float,
    kind: str | None,
    displacement: float | None,
    gap: float | None,
) -> Break:
    # Room for a joint, its subchondral plate and the margin of the fracture line.
    position = min(max(place, bone.start + 12.0), bone.end - 12.0)
    kind = kind or str(rng.choice(FRACTURE_KINDS, p=[0.32, 0.30, 0.18, 0.20]))
    ease = 1.0 - difficulty
    if gap is None:
        gap = (0.5 + 6.0 * ease * ease) * float(rng.uniform(0.6, 1.5))
    if displacement is None:
        share = (0.04 + 0.45 * ease) * float(rng.uniform(0.4, 1.6)) * (-1.0 if rng.random() < 0.5 else 1.0)
        displacement = share * bone.radius
    sign = -1.0 if rng.random() < 0.5 else 1.0
    slope, depth_shift, wedge = {
        "transverse": (rng.normal(0, 0.12), rng.normal(0, 0.8), 0.0),
        "oblique": (sign * rng.uniform(0.55, 1.2), rng.normal(0, 1.5), 0.0),
        "spiral": (sign * rng.uniform(1.0, 1.7), rng.normal(0, 2.0), 0.0),
        "comminuted": (sign * rng.uniform(0.1, 0.6), rng.normal(0, 1.0), rng.uniform(0.9, 1.8) * bone.radius),
    }[kind]
    ragged = np.cumsum(rng.normal(0, 0.55, size=19))
    ragged -= np.linspace(ragged[0], ragged[-1], 19)
    return Break(
        kind=kind,
        position=position,
        slope=float(slope),
        depth_shift=float(depth_shift),
        jags=tuple(float(v) for v in ragged),
        gap=float(gap),
        displacement=float(displacement),
        angulation=float(rng.normal(0, 1.0 + 4.5 * ease)),
        wedge=float(wedge),
        wedge_shift=(0.5 + 3.0 * ease) * float(rng.uniform(0.4, 1.4)),
        wedge_turn=float(rng.normal(0, 4.0 + 8.0 * ease)),
        side=-1.0 if rng.random() < 0.5 else 1.0,
    )


def _visible_place(rng: np.random.Generator, bone: Bone, view: View, window: Window) -> float | None:
    """A place of the bone's shaft well inside the film's window; None where the film shows none."""
    places = np.linspace(bone.start + 12.0, bone.end - 12.0, 200)
    axis = bone_axis(bone, places.astype(np.float32))
    film = view.points(np.stack([axis, places], axis=1))
    left, top, right, bottom = window
    for margin in (0.12, 0.05):
        inside = (
            (film[:, 0] > (left + margin) * view.width)
            & (film[:, 0] < (right - margin) * view.width)
            & (film[:, 1] > (top + margin) * view.height)
            & (film[:, 1] < (bottom - margin) * view.height)
        )
        if inside.any():
            return float(rng.choice(places[inside]))
    return None


def _motion(pivot: tuple[float, float], shift: tuple[float, float], degrees: float) -> NDArray[np.float64]:
    turn = np.deg2rad(degrees)
    c, n = float(np.cos(turn)), float(np.sin(turn))
    u, s = pivot
    return np.array([[c, -n, u - c * u + n * s + shift[0]], [n, c, s - n * u - c * s + shift[1]], [0, 0, 1.0]])


def _cuts(bone: Bone, broken: Break, across: FloatMap) -> tuple[FloatMap, FloatMap]:
    """Height of the fracture line on the near and on the far cortex, for each place across the bone."""
    steps = np.linspace(-bone.reach, bone.reach, len(broken.jags))
    ragged = np.interp(across, steps, broken.jags)
    rise = broken.slope * across
    back = rise
    if broken.kind == "spiral":
        # A helix seen from the side: steep at the edges of the bone, and turning back behind it.
        wide = 1.15 * bone.radius
        rise = (broken.slope * wide * 2 / np.pi) * np.arcsin(np.clip(across / wide, -1.0, 1.0))
        back = -0.4 * rise
    near = rise + ragged - 0.5 * broken.depth_shift
    far = back + ragged + 0.5 * broken.depth_shift
    return np.asarray(near, np.float32), np.asarray(far, np.float32)


def draw_bone(bone: Bone, broken: Break | None, view: View) -> tuple[FloatMap, tuple[int, int, int, int] | None]:
    """Lay one bone, whole or broken, on the film.

    Args:
        bone: The bone.
        broken: Its fracture, or None.
        view: The film.

    Returns:
        The attenuation (height, width), float32, and the box (x, y, w, h) of the fracture on the film in pixels,
        or None when there is none.
    """
    swing = abs(bone.bow) + abs(bone.tilt) * (abs(view.centre) + 200.0)
    reach = bone.reach + min(swing, 40.0)
    grid = grid_over(view, bone.lateral - reach, bone.lateral + reach, view.mm_per_pixel / 1.2)
    whole = bone_map(bone, grid)
    if broken is None:
        return view.warp(whole, grid), None
    s, across = grid.s, grid.u - bone_axis(bone, grid.s)
    at = np.array([[broken.position]], dtype=np.float32)
    pivot = (float(bone_axis(bone, at)[0, 0]), broken.position)
    film = np.zeros((view.height, view.width), dtype=np.float32)
    marks: list[NDArray[np.float64]] = []
    for motion, share, outline in _fragments(bone, broken, pivot, s, across, grid.step):
        film += view.warp(whole * share, grid, motion)
        marks.append(view.points(_moved(outline, motion)))
    return film, _box(np.concatenate(marks), view)


def _moved(points: NDArray[np.float64], motion: NDArray[np.float64]) -> NDArray[np.float64]:
    return points @ motion[:2, :2].T + motion[:2, 2]


def _fragments(
    bone: Bone, broken: Break, pivot: tuple[float, float], s: FloatMap, across: FloatMap, step: float
) -> list[tuple[NDArray[np.float64], FloatMap, NDArray[np.float64]]]:
    """Each fragment as its motion, the share of the bone it holds at each place, and its outline at the break."""
    places = np.linspace(-1.05 * bone.radius, 1.05 * bone.radius, 9, dtype=np.float32)[None, :]

    def share(cut_near: FloatMap, cut_far: FloatMap, sign: float) -> FloatMap:
        beyond = s - broken.position
        near = np.clip(sign * (beyond - cut_near) / step + 0.5, 0.0, 1.0)
        far = np.clip(sign * (beyond - cut_far) / step + 0.5, 0.0, 1.0)
        return np.asarray(0.5 * (near + far), np.float32)

    def outline(*cuts: FloatMap) -> NDArray[np.float64]:
        ends = [np.stack([places[0] + pivot[0], cut[0] + broken.position], axis=1) for cut in cuts]
        return np.concatenate(ends).astype(np.float64)

    near, far = _cuts(bone, broken, across)
    near_line, far_line = _cuts(bone, broken, places)
    apart = _motion(pivot, (broken.displacement, broken.gap), broken.angulation)
    still = np.eye(3)
    upper, lower = share(near, far, -1.0), share(near, far, 1.0)
    edge = outline(near_line, far_line)
    if not broken.wedge:
        return [(still, upper, edge), (apart, lower, edge)]

    def rise(at: FloatMap) -> FloatMap:
        return np.asarray(broken.wedge * np.clip(0.5 + 0.5 * broken.side * at / bone.radius, 0.0, 1.4), np.float32)

    high, high_line = rise(across), rise(places)
    beyond = share(near + high, far + high, 1.0)
    middle = np.maximum(lower - beyond, 0.0)
    loose = _motion(
        (pivot[0] + 0.5 * broken.side * bone.radius, pivot[1] + 0.5 * broken.wedge),
        (broken.side * broken.wedge_shift, 0.5 * broken.gap),
        broken.wedge_turn,
    )
    far_edge = outline(near_line + high_line, far_line + high_line)
    return [
        (still, upper, edge),
        (apart, beyond, far_edge),
        (loose, middle, np.concatenate([edge, far_edge])),
    ]


def _box(marks: NDArray[np.float64], view: View) -> tuple[int, int, int, int]:
    margin = 2.0 / view.mm_per_pixel
    low = np.floor(np.clip(marks.min(axis=0) - margin, 0, [view.width - 2, view.height - 2]))
    high = np.ceil(np.clip(marks.max(axis=0) + margin, low + 1, [view.width, view.height]))
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])
