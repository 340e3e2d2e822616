"""The small bundle with a gate that knows drawn films, and with films to abstain by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from small_bundle import SIDE, small_bundle

from lucency.abstention import Abstention
from lucency.bundle import Bundle, write_bundle
from lucency.datasets.non_radiographs import KINDS, draw_non_radiograph
from lucency.datasets.synthetic import draw_film
from lucency.evaluation.fit_gate import MeasuredFilms, fit_gate
from lucency.film_look import film_measures
from lucency.imaging.geometry import InputSpec, to_input

FRACTURED = tuple(np.linspace(-1.0, 4.0, 40).tolist())
NOT_FRACTURED = tuple(np.linspace(-6.0, 0.5, 40).tolist())


def gated_bundle(folder: Path) -> Bundle:
    spec = InputSpec(SIDE, SIDE)

    def measured(pictures: list[np.ndarray]) -> np.ndarray:
        return np.stack([film_measures(to_input(one.astype(np.float32), spec)[0]) for one in pictures])

    films = measured([draw_film(seed, fractured=seed % 2 == 0, size=128).pixels for seed in range(110)])
    pictures = measured([draw_non_radiograph(kind, 0) for kind in KINDS])
    gate, facts = fit_gate(MeasuredFilms(films[:80]), MeasuredFilms(films[80:]), varied=films[:20], pictures=pictures)
    bundle = small_bundle(folder, abstention=Abstention(FRACTURED, NOT_FRACTURED))
    np.savez_compressed(folder / "gate.npz", **gate.arrays())
    return write_bundle(folder, replace(bundle.card, gate=facts))
