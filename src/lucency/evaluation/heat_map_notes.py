"""Films whose heat map cannot be held against a box, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lucency.evaluation.heat_map_rows import NO_BOX, NO_MAP, NOT_FINITE, NOT_FRACTURED, NOT_OCCLUDED, OUTSIDE

Row = Mapping[str, Any]

DOUBTFUL_SHARE = 0.1
"""Share of boxes outside of their film from which the frame of all boxes is in doubt."""


def heat_map_notes(rows: Sequence[Row]) -> list[str]:
    """What a reader of the figures must know, as sentences.

    Args:
        rows: As for `summarise_heat_maps`.
    """
    notes = []
    outside, held = _sum(rows, "boxes_outside"), _sum(rows, "boxes")
    if outside:
        films = [row for row in rows if int(row["boxes_outside"])]
        doubt = (
            " So many suggest that boxes were drawn on images of another size: check before you believe the figures."
            if outside >= DOUBTFUL_SHARE * (outside + held)
            else ""
        )
        notes.append(
            f"{_counted(outside, 'box', 'boxes')} on {_named(films)} outside of the image or without area:"
            f" left out.{doubt}"
        )
    if cut := _sum(rows, "boxes_cut"):
        films = [row for row in rows if int(row["boxes_cut"])]
        notes.append(f"{_counted(cut, 'box', 'boxes')} on {_named(films)} over the edge of the image: cut there.")
    sentences = {
        NO_BOX: "fractured, but without boxes: nothing says where to look, so left out here.",
        OUTSIDE: "fractured, but without a box that can be used: left out here.",
        NOT_FRACTURED: "labelled not fractured, but with boxes: label and boxes disagree, so left out here.",
        NOT_FINITE: "with a heat map that holds values that are not numbers: left out here.",
        NOT_OCCLUDED: "not occluded, to save time: left out here.",
    }
    for reason, words in sentences.items():
        films = [row for row in rows if row["left_out"] == reason]
        if films:
            notes.append(f"{_named(films)} {words}")
    silent = [row for row in rows if not row["left_out"] and not int(row["positive"])]
    if silent:
        notes.append(f"{_named(silent)} with a map without any evidence for a fracture: counted as missed.")
    return notes


def nothing_to_say(rows: Sequence[Row]) -> str:
    """Why no film could be scored, as a sentence.

    Args:
        rows: As for `summarise_heat_maps`; all of them left out.
    """
    fractured = [row for row in rows if row["left_out"] != NOT_FRACTURED]
    reasons = {row["left_out"] for row in fractured}
    unknown = "so it cannot be said whether the heat map looks at a fracture"
    if not rows:
        return f"No film is fractured, {unknown}."
    if not fractured:
        return (
            f"Boxes stand on {_counted(len(rows), 'film')} labelled not fractured and on no fractured film, {unknown}."
            " Check the labels."
        )
    if OUTSIDE in reasons:
        films = [row for row in fractured if row["left_out"] == OUTSIDE]
        return (
            f"All boxes lie outside of their image or have no area ({_named(films)}), {unknown}."
            " Check that the boxes were drawn on images of this size."
        )
    if NO_MAP in reasons:
        return (
            f"This model has no heat map, {unknown}. Occlusion can make one: it covers the film place by place and asks"
            " the model again; it was not asked for."
        )
    if NOT_FINITE in reasons:
        return f"The heat maps hold values that are not numbers, {unknown}."
    return f"No fractured film has a box around the fracture, {unknown}."


def _sum(rows: Sequence[Row], name: str) -> int:
    return sum(int(row[name]) for row in rows)


def _named(rows: Sequence[Row]) -> str:
    names = list(dict.fromkeys(str(row["image_id"]) for row in rows))
    return f"{_counted(len(names), 'film')} ({', '.join(names[:3])}{' ...' if len(names) > 3 else ''})"


def _counted(count: int, one: str, several: str = "") -> str:
    return f"{count} {one if count == 1 else several or one + 's'}"
