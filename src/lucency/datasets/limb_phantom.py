"""Limbs drawn by chance: a patient's bones and soft tissue, how they lie on a film, and where a bone breaks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lucency.datasets.bone_phantom import Bone, FloatMap, View, grid_over

# Attenuation per mm near 45 keV (NIST XCOM).
MUSCLE_PER_MM = 0.026
FAT_PER_MM = 0.021


@dataclass(frozen=True)
class _Build:
    """Ranges of one body part in mm: shaft radii, distance between the shafts, length, half width of the limb."""

    radii: tuple[tuple[float, float], ...]
    apart: tuple[float, float]
    length: tuple[float, float]
    limb: tuple[float, float]


BODY_PARTS: dict[str, _Build] = {
    "forearm": _Build(((6.5, 8.5), (5.5, 7.5)), (19.0, 24.0), (200.0, 240.0), (30.0, 42.0)),
    "leg": _Build(((11.5, 14.5), (5.0, 7.0)), (23.0, 29.0), (300.0, 350.0), (44.0, 58.0)),
    "femur": _Build(((12.5, 15.5),), (0.0, 0.0), (370.0, 430.0), (58.0, 80.0)),
    "humerus": _Build(((9.5, 12.5),), (0.0, 0.0), (270.0, 320.0), (40.0, 56.0)),
}


@dataclass(frozen=True)
class Anatomy:
    """One patient's limb.

    Attributes:
        body_part: One of `BODY_PARTS`.
        bones: The long bones, largest first, as they lie in a frontal view.
        limb: Half width of the limb in mm.
        depth: Thickness of the limb over its width.
        fat: Thickness of the fat under the skin in mm.
        bulge: Change of the limb's width along it (amplitude, wavelength in mm, phase).
    """

    body_part: str
    bones: tuple[Bone, ...]
    limb: float
    depth: float
    fat: float
    bulge: tuple[float, float, float]

    @property
    def expected_high(self) -> float:
        """Attenuation through the densest part that this limb should show."""
        largest = self.bones[0]
        chord = 2 * np.sqrt(largest.radius**2 - (largest.radius - largest.cortex) ** 2)
        return float(2 * self.depth * self.limb * MUSCLE_PER_MM * 0.9 + 0.074 * chord * largest.density)


def draw_anatomy(rng: np.random.Generator) -> Anatomy:
    """Draw a patient's limb."""
    body_part = str(rng.choice(list(BODY_PARTS), p=[0.36, 0.32, 0.14, 0.18]))
    build = BODY_PARTS[body_part]
    length = float(rng.uniform(*build.length))
    apart = float(rng.uniform(*build.apart))
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    density = float(rng.uniform(0.8, 1.15))
    young = rng.random() < 0.4
    bones = []
    for index, radii in enumerate(build.radii):
        radius = float(rng.uniform(*radii))
        canals = tuple(
            (
                float(rng.uniform(-0.42, 0.42) * length),
                -1.0 if rng.random() < 0.5 else 1.0,
                float(rng.uniform(0.06, 0.30)),
                float(rng.uniform(8.0, 22.0)),
            )
            for _ in range(int(rng.integers(1, 5)))
        )
        first_flare, last_flare = rng.uniform(0.45, 1.0, size=2) * (1.0 if index == 0 else 0.5)
        bones.append(
            Bone(
                radius=radius,
                start=-0.5 * length + float(rng.uniform(-6, 6)),
                end=0.5 * length + float(rng.uniform(-6, 6)),
                lateral=mirror * (apart * (index - 0.3) if len(build.radii) > 1 else float(rng.uniform(-10, 10))),
                tilt=float(rng.normal(0, 0.025)),
                bow=float(rng.normal(0, 0.02)) * length,
                cortex=radius * float(rng.uniform(0.2, 0.4)),
                canal_shift=radius * float(rng.uniform(-0.08, 0.08)),
                depth=float(rng.uniform(0.9, 1.1)),
                flare=(float(first_flare), float(last_flare)),
                flare_length=(float(rng.uniform(18, 34)), float(rng.uniform(18, 34))),
                notch=float(rng.uniform(0.3, 2.2)),
                ripple=(
                    float(rng.uniform(0.005, 0.035)),
                    float(rng.uniform(45, 110)),
                    float(rng.uniform(0, 6.28)),
                ),
                plate=float(rng.uniform(8.0, 17.0)) if young else 0.0,
                canals=canals,
                texture=(int(rng.integers(512)), int(rng.integers(512))),
                density=density,
            )
        )
    return Anatomy(
        body_part=body_part,
        bones=tuple(bones),
        limb=float(rng.uniform(*build.limb)),
        depth=float(rng.uniform(0.75, 1.0)),
        fat=float(rng.uniform(3.0, 9.0)),
        bulge=(float(rng.uniform(0.02, 0.10)), float(rng.uniform(120, 260)), float(rng.uniform(0, 6.28))),
    )


def draw_view(rng: np.random.Generator, anatomy: Anatomy, height: int, width: int) -> tuple[str, View]:
    """Draw how a limb lies on a film.

    Returns:
        The view's name ("AP" or "lateral") and the geometry.
    """
    name = "lateral" if rng.random() < 0.4 else "AP"
    long_side = max(height, width)
    spacing = float(rng.uniform(65.0, 95.0)) / long_side
    upright = height >= width
    angle = float(rng.normal(0, 7)) if rng.random() < 0.85 else float(rng.uniform(-30, 30))
    if rng.random() < 0.5:
        angle += 180.0
    turn = np.deg2rad(angle if upright else angle + 90.0)
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    length = anatomy.bones[0].end - anatomy.bones[0].start
    near_joint = rng.random() < 0.4
    side = -1.0 if rng.random() < 0.35 else 1.0
    if near_joint:
        centre = side * (0.5 * length - float(rng.uniform(15, 45)))
    else:
        centre = float(rng.uniform(-0.3, 0.3)) * length
    off = rng.normal(0, 0.05, size=2) * long_side
    k = 1.0 / spacing
    c, n = float(np.cos(turn)), float(np.sin(turn))
    axis = np.mean([bone.lateral + bone.tilt * centre for bone in anatomy.bones]) * (0.3 if name == "lateral" else 1)
    to_origin = np.array([[1.0, 0.0, -float(axis)], [0.0, 1.0, -centre], [0.0, 0.0, 1.0]])
    lay = np.array(
        [
            [k * mirror * c, -k * n, width / 2 + off[0]],
            [k * mirror * n, k * c, height / 2 + off[1]],
            [0, 0, 1],
        ]
    )
    return name, View(height, width, spacing, lay @ to_origin, centre)


def seen_from(anatomy: Anatomy, view_name: str) -> tuple[Bone, ...]:
    """The bones as a view shows them: from the side, paired bones come to lie over each other and bow more."""
    if view_name == "AP":
        return anatomy.bones
    return tuple(
        replace(bone, lateral=0.3 * bone.lateral, bow=1.2 * bone.bow, tilt=bone.tilt + 0.02 * (-1) ** index)
        for index, bone in enumerate(anatomy.bones)
    )


def across_the_joint(bone: Bone, view: View) -> list[Bone]:
    """The bones that face this one over its two joints, where the film can see them."""
    half = 0.5 * float(np.hypot(view.height, view.width)) * view.mm_per_pixel
    facing = []
    for end, direction in ((bone.start, -1.0), (bone.end, 1.0)):
        if abs(end - view.centre) > half + 8:
            continue
        # An epiphysis as wide as the end it faces, then a shaft of its own.
        near, far = end + direction * 2.6, end + direction * 170.0
        other = replace(
            bone,
            start=min(near, far),
            end=max(near, far),
            flare=(bone.flare[1], bone.flare[0]) if direction > 0 else (bone.flare[0], bone.flare[1]),
            lateral=bone.lateral + bone.tilt * direction * 85.0,
            bow=0.0,
            plate=0.0,
            notch=-bone.notch,
            texture=(bone.texture[1], bone.texture[0]),
        )
        facing.append(other)
    return facing


def soft_tissue(anatomy: Anatomy, view: View, rng: np.random.Generator) -> FloatMap:
    """Attenuation (H, W) of muscle, fat, skin and its folds, float32."""
    reach = anatomy.limb * (1.2 + anatomy.bulge[0])
    coarse = 2.0 * view.mm_per_pixel
    grid = grid_over(view, -reach, reach, coarse)
    s, u = grid.s, grid.u
    amplitude, wavelength, phase = anatomy.bulge
    half = anatomy.limb * (1.0 + amplitude * np.sin(2 * np.pi * s / wavelength + phase))
    body = np.sqrt(np.maximum(half * half - u * u, 0.0))
    muscle_half = np.maximum(half - anatomy.fat, 1.0)
    muscle = np.minimum(np.sqrt(np.maximum(muscle_half * muscle_half - u * u, 0.0)), body)
    bundles = _cloud(rng, grid.rows, grid.columns, (9, 5), 0.03) + _cloud(rng, grid.rows, grid.columns, (6, 16), 0.025)
    attenuation = FAT_PER_MM * (body - muscle) + MUSCLE_PER_MM * muscle * (1.0 + bundles)
    attenuation *= 2.0 * anatomy.depth
    for _ in range(int(rng.integers(0, 4))):
        attenuation += _fold(rng, view, s, u) * (body > 0)
    return view.warp(np.asarray(attenuation, np.float32), grid)


def _cloud(rng: np.random.Generator, rows: int, columns: int, cells: tuple[int, int], size: float) -> FloatMap:
    coarse = Image.fromarray((size * rng.standard_normal(cells)).astype(np.float32))
    return np.asarray(coarse.resize((columns, rows), Image.Resampling.BICUBIC))


def _fold(rng: np.random.Generator, view: View, s: FloatMap, u: FloatMap) -> NDArray[np.floating]:
    """A crease of skin or cloth across the limb: a narrow line, bright or dark, with a soft step beside it."""
    place = view.centre + float(rng.uniform(-60, 60))
    slope, bend = float(rng.normal(0, 0.5)), float(rng.normal(0, 0.006))
    away = s - (place + slope * u + bend * u * u)
    strength = float(rng.uniform(0.03, 0.13)) * (-1.0 if rng.random() < 0.5 else 1.0)
    thickness = float(rng.uniform(0.6, 1.4))
    line = np.exp(-((away / thickness) ** 2)) + 0.35 * np.exp(-((np.maximum(away, 0) / 7.0) ** 2)) * (away > 0)
    return np.asarray(strength * line, np.float32)
