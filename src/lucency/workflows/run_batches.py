"""The films of a run -> batches for training and for validation, with their boxes where the recipe wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lucency.imaging.geometry import place

if TYPE_CHECKING:
    from lucency.datasets.manifest import Manifest
    from lucency.datasets.prepared import Prepared
    from lucency.learning.loader import FilmBatches
    from lucency.learning.recipe import Recipe
    from lucency.workflows.split_films import SplitFilms


def run_batches(recipe: Recipe, manifest: Manifest, prepared: Prepared) -> dict[str, FilmBatches]:
    """Batches of "train", shuffled and changed as the recipe says, and of "val", unchanged and in order.

    Args:
        recipe: What is wanted.
        manifest: Films with their split.
        prepared: The same films, decoded.
    """
    from lucency.learning.augment import AUGMENTATIONS
    from lucency.learning.boxed_batches import BoxedBatches
    from lucency.learning.loader import FilmBatches
    from lucency.workflows.split_films import split_films

    plan = recipe.training
    strengths = recipe.augmentation.model_dump()
    geometry = {name: strengths[name] for name, row in AUGMENTATIONS.items() if row.kind == "geometry"}
    batches = {}
    for split, changed in (("train", True), ("val", False)):
        films = split_films(manifest, prepared, split)
        given: Any = {"batch_size": plan.batch_size, "seed": recipe.seed}
        if changed:
            given |= {"shuffle": True, "balance": plan.balance}
        if recipe.localisation.channels:
            boxes = input_boxes(films, prepared)
            given |= {"geometry": geometry if changed and any(geometry.values()) else None}
            batches[split] = BoxedBatches(films.images, films.rows, films.labels, boxes, **given)
        else:
            given |= {"mixup": plan.mixup} if changed else {}
            batches[split] = FilmBatches(films.images, films.rows, films.labels, **given)
    return batches


def input_boxes(films: SplitFilms, prepared: Prepared) -> list[npt.NDArray[np.float64]]:
    """The boxes of each film in pixels of the prepared array: N times (n, 4) of x, y, width, height.

    Boxes are cut at the edge of their film; those outside of it, and those on a film that is not fractured, are left
    out, as where heat maps are measured.
    """
    from lucency.evaluation.box_cells import fit_to_film
    from lucency.workflows.heat_maps import film_sizes

    found = []
    sizes = film_sizes(prepared, films).tolist()
    for label, boxes, (height, width) in zip(films.labels.tolist(), films.boxes, sizes, strict=True):
        at = place(height, width, prepared.spec)
        kept = fit_to_film(boxes, height, width).boxes if label else []
        found.append(np.array([at.box_to_input(box) for box in kept], np.float64).reshape(-1, 4))
    return found
