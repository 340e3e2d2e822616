"""What a reader must not miss."""

from __future__ import annotations

from typing import Any

import pytest

from lucency.reporting.gravest import gravest_facts


def maps(at_centre: float | None, at_others: float | None, **high: float | None) -> dict[str, Any]:
    pointing = {"centre": at_centre, "elsewhere": at_others}
    everything = {
        "maps": {name: {"pointing": {"value": value}} for name, value in pointing.items()},
        "differences": {name: {"pointing": {"high": high.get(name)}} for name in pointing},
    }
    return {"sets": [everything], "verdict": "The verdict."}


@pytest.mark.parametrize(
    ("section", "told"),
    [
        (maps(0.2, 0.5, centre=0.1, elsewhere=-0.1), True),
        (maps(0.2, 0.5, centre=-0.1, elsewhere=0.1), False),
        (maps(None, 0.5, elsewhere=-0.1), True),
        (maps(0.2, 0.5), False),
        (maps(None, None), False),
        ({"reason": "No boxes.", "sets": [], "verdict": None}, False),
    ],
)
def test_a_map_that_position_beats(section: dict[str, Any], told: bool) -> None:
    assert gravest_facts({"heat_maps": section}) == ["Do not trust the heat map. The verdict."] * told


@pytest.mark.parametrize(("changes", "told"), [(False, True), (True, False), (None, False)])
def test_a_map_that_does_not_hang_on_what_was_learned(changes: bool | None, told: bool) -> None:
    section = {**maps(0.1, 0.1), "randomisation": {"changes": changes, "verdict": "It hardly depends."}}
    assert gravest_facts({"heat_maps": section}) == ["Do not trust the heat map. It hardly depends."] * told
    assert gravest_facts({"heat_maps": {**section, "randomisation": {"reason": "No layers."}}}) == []


def test_only_a_named_subgroup_is_told() -> None:
    named, sentences = {"trait": "body_part", "value": "leg"}, ["By AUROC.", "By sensitivity."]
    section = {"worst": {"auroc": None, "sensitivity": None}, "sentences": sentences}
    assert gravest_facts({"subgroups": section}) == []
    assert gravest_facts({"subgroups": {**section, "worst": {"auroc": named, "sensitivity": None}}}) == sentences[:1]
    assert gravest_facts({"subgroups": {**section, "worst": {"auroc": None, "sensitivity": named}}}) == sentences[1:]
    assert gravest_facts({}) == []
