"""What the page tells of the model that answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lucency.card import Card
from lucency.imaging.overlay import DISCLAIMER
from lucency.serving.page_rules import HEADLINES, percents, rules
from lucency.serving.service import Service


def model_facts(service: Service) -> dict[str, Any]:
    """What the page tells of the model, and the rules that it offers."""
    card = service.card
    return {
        "bundle": service.identity,
        "notice": DISCLAIMER,
        "rules": [{"key": r.key, "name": r.name, "meaning": r.meaning, "asked": dict(r.asked)} for r in rules(card)],
        "headlines": dict(HEADLINES),
        "heat_scale": card.heat_scale,
        "intended_use": card.intended_use,
        "figures": list(figures(card)),
        "licence": card.licence,
        "limits": list(card.limits),
        "gate": card.gate is not None,
        "locked": service.settings.token is not None,
        "most_bytes": service.settings.limits.body_bytes,
    }


def figures(card: Card) -> Iterator[tuple[str, str]]:
    """Names and words of what the card says of how well the model does, and of the films that this rests on.

    Args:
        card: Of a bundle.
    """
    measured, trained = card.metrics, card.training_data
    auroc = measured.get("figures", {}).get("auroc") or {}
    if auroc.get("value") is None:
        yield "AUROC", f"not known: {auroc['reason']}" if auroc.get("reason") else "The card states none."
    else:
        low, high = auroc.get("low"), auroc.get("high")
        ends = "" if low is None or high is None else f" (95 % interval {low:.3f} to {high:.3f})"
        yield "AUROC", f"{auroc['value']:.3f}{ends}"
        told = [_films(measured), measured.get("of"), measured.get("optimistic_reason")]
        yield "Measured on", "; ".join(filter(None, told))
    source = f"{trained['source']}: " if trained.get("source") else ""
    yield "Trained on", f"{source}{_films(trained.get('splits', {}).get('train', {}))}"


def _films(counts: Mapping[str, Any]) -> str:
    films, fractured = counts.get("films"), counts.get("fractured")
    if not films:
        return "number of films not stated"
    split = f" ({counts['split']})" if counts.get("split") else ""
    share = "" if fractured is None else f", {fractured:,} of them fractured ({percents(fractured / films)[0]})"
    return f"{films:,} films{split}{share}"
