"""FACTS: every statement that a card or a checklist may make of a bundle, and how it is drawn from the sources."""

from __future__ import annotations

from collections.abc import Callable

from lucency.reporting.card_limits import limits
from lucency.reporting.card_sources import CardSources, Fact
from lucency.reporting.facts_of_data import DATA_FACTS
from lucency.reporting.facts_of_model import MODEL_FACTS
from lucency.reporting.facts_of_results import RESULT_FACTS
from lucency.reporting.facts_of_training import TRAINING_FACTS


def _limits(sources: CardSources) -> Fact:
    found = limits(sources)
    places = dict.fromkeys(part for fact in found for part in fact.source.split("; "))
    return Fact("\n".join(fact.text for fact in found), "; ".join(places))


FACTS: dict[str, Callable[[CardSources], Fact | None]] = {
    **DATA_FACTS,
    **MODEL_FACTS,
    **TRAINING_FACTS,
    **RESULT_FACTS,
    "limits": _limits,
}
"""Name -> how the fact is drawn; None where it is not known. To state more, add a row."""


def draw_facts(sources: CardSources) -> dict[str, Fact | None]:
    """Every row of `FACTS` for one bundle."""
    return {name: draw(sources) for name, draw in FACTS.items()}
