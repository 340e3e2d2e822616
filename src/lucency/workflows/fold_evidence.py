"""What the folds of a cross-validation say together beyond their metrics: subgroups, and heat maps against boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lucency.workflows.evidence import MAPS_FILE
from lucency.workflows.fold_runs import Fold
from lucency.workflows.run_folder import read_rows

if TYPE_CHECKING:
    from lucency.datasets.manifest import Manifest
    from lucency.evaluation.pooled import ModelAnswers
    from lucency.evaluation.report import EvaluationReport


def add_fold_evidence(
    report: EvaluationReport,
    folds: Sequence[Fold],
    answers: Sequence[ModelAnswers],
    rows: Sequence[Mapping[str, str]],
    films: Manifest,
) -> EvaluationReport:
    """The report of all films together with "subgroups" and "heat_maps".

    Args:
        report: Of `evaluate_pooled`.
        folds: Of the cross-validation.
        answers: Of each fold's model.
        rows: Of the folds' `predictions.csv`, in the order of `answers`.
        films: The films that were divided.
    """
    from lucency.datasets.film_size import film_size
    from lucency.evaluation.subgroups import measure_subgroups
    from lucency.workflows.film_traits import film_traits
    from lucency.workflows.heat_maps import pooled_heat_map_section

    bootstrap = {"resamples": report.bootstrap["resamples"], "seed": report.bootstrap["seed"]}
    place_of = {image_id: place for place, image_id in enumerate(films.table["image_id"])}
    places = [place_of[row["image_id"]] for row in rows]
    answered = replace(films, table=films.table.iloc[places].reset_index(drop=True))
    size_of: dict[str, tuple[int, int]] = {}
    for path in films.table["path"]:
        size = film_size(path)
        size_of[path] = (0, 0) if size is None else size.upright
    sizes = np.array([size_of[path][::-1] for path in answered.table["path"]], dtype=np.int32).reshape(-1, 2)
    sections: dict[str, Any] = dict(report.evidence)
    sections["subgroups"] = measure_subgroups(
        np.concatenate([said.labels for said in answers]),
        np.concatenate([said.calibration.probability(said.logits) for said in answers]),
        [row["decision"] == "fractured" for row in rows],
        [group for said in answers for group in said.groups],
        **film_traits(answered, sizes),
        **bootstrap,
    )
    maps = [fold.path / MAPS_FILE for fold in folds]
    # A fold without films that have boxes writes no such file, and neither did earlier versions.
    told = [read_rows(path) for path in maps if path.is_file()]
    if told:
        sections["heat_maps"] = pooled_heat_map_section(told, **bootstrap)
    return replace(report, evidence=sections)
