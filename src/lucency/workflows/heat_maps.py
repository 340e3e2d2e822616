"""Do the heat maps of a bundle lie on the fracture? Films with boxes -> a section of the report and rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lucency.workflows.boxed_films import BoxedFilm, MappedFilm, boxed_films, mapped_films
from lucency.workflows.occluded_films import add_occlusion_maps, cross_check
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.datasets.prepared import Prepared
    from lucency.predictor import Predictor
    from lucency.workflows.split_films import SplitFilms

_BATCH = 16


def film_sizes(prepared: Prepared, films: SplitFilms) -> npt.NDArray[np.int32]:
    """Height and width (N, 2) of the upright films of a split, for `heat_map_section`."""
    place_of = {image_id: index for index, image_id in enumerate(prepared.manifest.table["image_id"])}
    sizes: npt.NDArray[np.int32] = prepared.sizes[[place_of[image_id] for image_id in films.image_ids]]
    return sizes


def heat_map_section(
    predictor: Predictor,
    films: SplitFilms,
    sizes: npt.NDArray[np.int32],
    *,
    maps: npt.NDArray[np.float32] | None,
    decisions: Sequence[str],
    resamples: int,
    seed: int,
    occluded: int = 0,
    shuffled: bool = True,
    teller: Teller,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Holds the heat maps of N films against their boxes.

    Args:
        predictor: Of the bundle.
        films: N films of one split.
        sizes: int (N, 2), height and width of each upright film; see `film_sizes`.
        maps: float32 (N, h, w), the heat maps; None to compute those that are needed.
        decisions: N, as `OperatingPoint.decide` gives them.
        resamples: Of the group bootstrap.
        seed: Of the bootstrap, of the shuffled weights and of the choice of films that are occluded.
        occluded: At most so many films get an occlusion map too, as a slow cross-check; of a model without a heat map
            it is held against the boxes instead. 0: none.
        shuffled: Whether the maps are compared with those of the same model with shuffled weights.
        teller: Hears of progress.

    Returns:
        The section, as `summarise_heat_maps` gives it, with "cells" (rows and columns of the map, or None), "source"
        ("heatmap", "occlusion" or None), "precision_recall" (see `pooled_precision_recall`, or None), "randomisation"
        (see `map_changes`, or {"reason"}; None where it was not asked for) and "folds" (None); and the rows of
        heat_maps.csv.
    """
    from lucency.evaluation.heat_map_rows import NO_MAP, NOT_OCCLUDED, score_rows
    from lucency.evaluation.heat_map_summary import summarise_heat_maps
    from lucency.evaluation.map_precision_recall import pooled_precision_recall

    boxed = boxed_films(films, sizes, decisions)
    usable = [film for film in boxed if not film.facts["left_out"]]
    # The same films whatever their order in the manifest.
    by_name = sorted(usable, key=lambda film: films.image_ids[film.index])
    chosen = [by_name[place] for place in np.random.default_rng(seed).permutation(len(usable))[:occluded].tolist()]
    own = "heatmap" in predictor.bundle.card.outputs
    if own:
        _add_heat_maps(predictor, films, usable, maps, teller)
    else:
        add_occlusion_maps(predictor, films, chosen, teller)
        for film in usable:
            if film.heat is None:
                film.facts["left_out"] = NOT_OCCLUDED if occluded else NO_MAP
    mapped = mapped_films(usable, sizes, predictor.bundle.card.input)
    groups = _groups(films, mapped)
    heats, cells = [shown.heat for shown in mapped], [shown.cells for shown in mapped]
    for shown, scores in zip(mapped, score_rows(heats, cells, groups), strict=True):
        shown.facts.update(scores)
    if own:
        places = {film.index for film in chosen}
        cross_check(predictor, films, [shown for shown in mapped if shown.index in places], teller)

    rows = [film.facts for film in boxed]
    section = summarise_heat_maps(rows, resamples=resamples, seed=seed) | {
        "cells": list(heats[0].shape) if mapped else None,
        "source": ("heatmap" if own else "occlusion") if mapped else None,
        "precision_recall": None,
        "randomisation": None,
        "folds": None,
    }
    if mapped:
        section["precision_recall"] = pooled_precision_recall(heats, cells, groups, resamples=resamples, seed=seed)
        if shuffled:
            section["randomisation"] = _randomisation(predictor, films, mapped, own, resamples, seed, teller)
    return section, rows


def pooled_heat_map_section(
    rows_of_folds: Sequence[Sequence[Mapping[str, Any]]], *, resamples: int, seed: int
) -> dict[str, Any]:
    """The same section from the rows of several models, each with its own films, as in a cross-validation.

    Rows may be values or text, as read from heat_maps.csv. What needs the maps themselves is not in it: the
    randomisation test, and precision and recall over one scale of heat, which models do not share.

    Args:
        rows_of_folds: Rows of each model.
        resamples: Of the group bootstrap; a film that several models answered counts as one group.
        seed: Of the draws.

    Returns:
        As `heat_map_section`; "folds" holds of each model "films" and figures of "pointing", "heat_share" and
        "average_precision".
    """
    from lucency.evaluation.heat_map_summary import summarise_heat_maps

    section = summarise_heat_maps([row for rows in rows_of_folds for row in rows], resamples=resamples, seed=seed)
    folds = []
    for rows in rows_of_folds:
        alone = summarise_heat_maps(rows, resamples=0, seed=seed)
        figures = alone["sets"][0]["maps"]["model"] if alone["sets"] else {}
        folds.append(
            {"films": alone["films"]}
            | {
                score: figures[score]["value"] if figures else None
                for score in ("pointing", "heat_share", "average_precision")
            }
        )
    return section | {
        "cells": None,
        "source": None,
        "precision_recall": None,
        "randomisation": None,
        "folds": folds,
    }


def _add_heat_maps(
    predictor: Predictor,
    films: SplitFilms,
    wanted: Sequence[BoxedFilm],
    maps: npt.NDArray[np.float32] | None,
    teller: Teller,
) -> None:
    for start in range(0, len(wanted), _BATCH):
        batch = wanted[start : start + _BATCH]
        if maps is not None:
            heats = [maps[film.index] for film in batch]
        else:
            inputs = films.images[films.rows[[film.index for film in batch]]][..., None]
            heats = list(predictor.score(inputs)["heatmap"])
            teller.progress("heat maps", start + len(batch), len(wanted))
        for film, heat in zip(batch, heats, strict=True):
            film.heat = heat


def _randomisation(
    predictor: Predictor,
    films: SplitFilms,
    mapped: Sequence[MappedFilm],
    own: bool,
    resamples: int,
    seed: int,
    teller: Teller,
) -> dict[str, Any]:
    from lucency.errors import LucencyError
    from lucency.workflows.shuffled_maps import LARGEST_SAMPLE, randomisation_test

    if not own:
        return {
            "reason": "Occlusion asks the model itself, so there is no map of its own to test with shuffled weights."
        }
    sample = sorted(np.random.default_rng(seed).permutation(len(mapped))[:LARGEST_SAMPLE].tolist())
    chosen = [mapped[place] for place in sample]
    try:
        return randomisation_test(
            predictor,
            films.images,
            films.rows[[film.index for film in chosen]],
            [film.heat for film in chosen],
            [film.cells for film in chosen],
            _groups(films, chosen),
            resamples=resamples,
            seed=seed,
            teller=teller,
        )
    except LucencyError as error:
        # The figures before it stand without this test.
        return {"reason": f"The map was not tested with shuffled weights. {error}"}


def _groups(films: SplitFilms, chosen: Sequence[MappedFilm]) -> list[str] | None:
    return None if films.groups is None else [films.groups[film.index] for film in chosen]
