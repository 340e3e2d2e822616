"""Rows of heat maps -> what a report says of them: figures by size of the box, and a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lucency.evaluation.film_means import film_means
from lucency.evaluation.heat_map_notes import heat_map_notes, nothing_to_say
from lucency.evaluation.heat_map_rows import BASELINES, MAPS, column
from lucency.evaluation.intervals import group_numbers
from lucency.evaluation.localisation import SCORES, TOLERANCE

Row = Mapping[str, Any]

SMALL_BOX, LARGE_BOX = 0.0025, 0.01
"""Shares of the film that the largest box covers, between which a fracture is of medium size."""

FEWEST_FILMS = 20
"""Films under which the verdict says that they are few."""

_SETS = {
    "all": "all fractured films with boxes",
    "called": "of these, called fractured",
    "small": "largest box under 0.25 % of the film",
    "medium": "largest box 0.25 to 1 % of the film",
    "large": "largest box over 1 % of the film",
}
_POSITION = {
    "centre": "pointing at the centre of each film",
    "elsewhere": "pointing where the boxes of the other films lie",
}


def summarise_heat_maps(rows: Sequence[Row], *, resamples: int, seed: int) -> dict[str, Any]:
    """What the rows of films say together.

    Args:
        rows: One a fractured film, and one for each other film with boxes; values, or their text as read from a CSV
            file. See `HEAT_MAP_COLUMNS`.
        resamples: Of the group bootstrap.
        seed: Of the draws.

    Returns:
        "reason": why nothing can be said, as a sentence, or None; "films", "groups", "fractured": counts; "notes":
        sentences; "verdict"; "tolerance" in cells; "sets": one dictionary for all films, for those called fractured,
        and for each size of box, with "name", "words", "films", "groups", "maps" (for each of `MAPS` a figure of each
        of `SCORES`), "differences" (the same of model minus each baseline), "area_share" and "padding_share" (figures);
        "occlusion": figures of the cross-check, or None.
    """
    scored = [row for row in rows if not row["left_out"]]
    groups = _groups(scored)
    reason = None if scored else nothing_to_say(rows)
    sets = [_set(name, part, resamples, seed) for name, part in _parts(scored).items()] if scored else []
    return {
        "reason": reason,
        "films": len(scored),
        "groups": group_numbers(groups, len(scored))[1],
        "fractured": sum(int(row["label"]) for row in rows),
        "notes": heat_map_notes(rows) if scored else [],
        "verdict": heat_map_verdict(sets[0]) if scored else None,
        "tolerance": TOLERANCE,
        "bootstrap": {"resamples": resamples, "level": 0.95, "seed": seed},
        "sets": sets,
        "occlusion": _occlusion(scored, resamples, seed),
    }


def heat_map_verdict(everything: Mapping[str, Any]) -> str:
    """Whether the map looks at the fracture more often than position alone would, in words.

    Args:
        everything: The set of all films, as in `summarise_heat_maps`.
    """
    films, maps = everything["films"], everything["maps"]
    found = maps["model"]["pointing"]
    known = {name: maps[name]["pointing"]["value"] for name in _POSITION if maps[name]["pointing"]["value"] is not None}
    rival = max(known, key=lambda name: known[name])
    interval = f" ({_percent(found['low'])} to {_percent(found['high'])})" if found["low"] is not None else ""
    sentence = (
        f"On {films} fractured film{'s' if films != 1 else ''} with boxes the hottest cell lies in a box or at most one"
        f" cell beside it on {_percent(found['value'])}{interval}; {_POSITION[rival]} would give"
        f" {_percent(known[rival])}."
    )
    difference = everything["differences"][rival]["pointing"]
    if difference["low"] is None:
        conclusion = f"Whether that is more than chance cannot be said: {difference['reason']}."
    elif difference["low"] > 0:
        conclusion = "The map finds the fracture more often than position alone."
    elif difference["high"] < 0:
        conclusion = "Position alone would find it more often: this map does not show where the fracture is."
    else:
        conclusion = "It is not shown that the map looks at the fracture: the difference may be chance."
    intervals = ": read the intervals" if difference["low"] is not None else ""
    few = f" {films} film{'s are' if films != 1 else ' is'} few{intervals}." if films < FEWEST_FILMS else ""
    return f"{sentence} {conclusion}{few}"


def _parts(rows: Sequence[Row]) -> dict[str, list[Row]]:
    sizes = column(rows, "box_share")
    return {
        "all": list(rows),
        "called": [row for row in rows if row["decision"] == "fractured"],
        "small": [row for row, size in zip(rows, sizes, strict=True) if size < SMALL_BOX],
        "medium": [row for row, size in zip(rows, sizes, strict=True) if SMALL_BOX <= size <= LARGE_BOX],
        "large": [row for row, size in zip(rows, sizes, strict=True) if size > LARGE_BOX],
    }


def _set(name: str, rows: Sequence[Row], resamples: int, seed: int) -> dict[str, Any]:
    values = {f"{map_name}_{score}": column(rows, f"{map_name}_{score}") for map_name in MAPS for score in SCORES}
    values |= {
        f"{score} minus {baseline}": values[f"model_{score}"] - values[f"{baseline}_{score}"]
        for baseline in BASELINES
        for score in SCORES
    }
    values |= {key: column(rows, key) for key in ("area_share", "padding_share", "padding_area")}
    groups = _groups(rows)
    figures = film_means(values, groups, resamples=resamples, seed=seed)
    return {
        "name": name,
        "words": _SETS[name],
        "films": len(rows),
        "groups": group_numbers(groups, len(rows))[1],
        "without_evidence": int((column(rows, "positive") == 0).sum()),
        "maps": {map_name: {score: figures[f"{map_name}_{score}"] for score in SCORES} for map_name in MAPS},
        "differences": {
            baseline: {score: figures[f"{score} minus {baseline}"] for score in SCORES} for baseline in BASELINES
        },
        "area_share": figures["area_share"],
        "padding_share": figures["padding_share"],
        "padding_area": figures["padding_area"],
    }


def _occlusion(rows: Sequence[Row], resamples: int, seed: int) -> dict[str, Any] | None:
    checked = [row for row in rows if row.get("occlusion_pointing") not in (None, "")]
    if not checked:
        return None
    names = ("occlusion_pointing", "occlusion_pointing_exact", "occlusion_correlation", "model_pointing")
    figures = film_means(
        {name: column(checked, name) for name in names}, _groups(checked), resamples=resamples, seed=seed
    )
    return {
        "films": len(checked),
        "pointing": figures["occlusion_pointing"],
        "pointing_exact": figures["occlusion_pointing_exact"],
        "correlation": figures["occlusion_correlation"],
        "heat_map_pointing": figures["model_pointing"],
    }


def _groups(rows: Sequence[Row]) -> list[str]:
    # A film without a group keeps its own name, so that it stays one where several models answered it.
    return [str(row["group"]) or f"film {row['image_id']}" for row in rows]


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"
