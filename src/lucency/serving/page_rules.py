"""By which rule a film is decided on the page, and what the decision and the numbers mean in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lucency.card import Card
from lucency.decision import Decision, shown_probability

ERROR_RATES = (0.05, 0.1, 0.2)
"""Shares of wrong answers that the page offers where the bundle can abstain."""

HEADLINES: Mapping[str, str] = {
    "fractured": "Fractured",
    "not_fractured": "Not fractured",
    "uncertain": "Uncertain",
    "not_a_radiograph": "Not a radiograph",
    "unlike_training_films": "Unlike the training films",
}
"""Every decision as a person reads it."""

_NAMES: Mapping[str, str] = {"youden": "Balanced (youden)"}
"""Operating points whose own name says too little; pictures, reports and files name them as the page does."""


@dataclass(frozen=True)
class Rule:
    """One way to come from a probability to a decision.

    Attributes:
        key: What the page calls it.
        name: For a person.
        meaning: What it gave on validation films, or what it promises; a sentence.
        asked: How a worker is asked for it.
    """

    key: str
    name: str
    meaning: str
    asked: Mapping[str, Any]

    def decide(self, card: Card, logit: float, probability: float) -> Decision:
        """The decision for a film that the gate let pass.

        Args:
            card: Of the bundle that answered.
            logit: Its raw output, unbounded.
            probability: Calibrated, 0..1.
        """
        if "error_rate" not in self.asked:
            return card.operating_point(self.asked["operating_point"]).decide(probability)
        assert card.abstention is not None
        possible = card.abstention.answer(logit, self.asked["error_rate"])
        return possible[0] if len(possible) == 1 else "uncertain"


def rules(card: Card) -> list[Rule]:
    """The rules that a bundle knows; the one that decides unless another is asked for comes first.

    Args:
        card: Of the bundle.
    """
    points = sorted(card.operating_points, key=lambda point: point.name != card.default_operating_point)
    found = []
    if card.abstention is None or card.abstention.error_rate is None:
        for point in points:
            name = _NAMES.get(point.name, point.name.capitalize())
            found.append(Rule(point.name, name, point_meaning(card, point.name), {"operating_point": point.name}))
    if card.abstention is not None:
        own = card.abstention.error_rate
        for rate in sorted({*ERROR_RATES, *([] if own is None else [own])}, key=lambda rate: (rate != own, rate)):
            name = f"At most {percent(rate)} wrong"
            meaning = " ".join(["Otherwise it says uncertain.", *card.abstention.doubts(rate)])
            found.append(Rule(f"error_rate_{rate:g}", name, meaning, {"error_rate": rate}))
    return found


def point_meaning(card: Card, name: str) -> str:
    """What an operating point gave on validation films; a sentence."""
    point = card.operating_point(name)
    if point.sensitivity is None or point.specificity is None:
        return f"Fractured from a probability of {point.threshold:.2f}."
    sensitivity, specificity = percents(point.sensitivity, point.specificity)
    return f"On validation films: sensitivity {sensitivity}, specificity {specificity}."


def decisions(card: Card, prediction: Mapping[str, Any]) -> dict[str, Decision]:
    """The decision of every rule for one film.

    Args:
        card: Of the bundle that answered.
        prediction: Of `film_worker.answer`.
    """
    logit, probability = prediction["logit"], prediction["probability"]
    if logit is None or probability is None:
        return {rule.key: prediction["decision"] for rule in rules(card)}
    return {rule.key: rule.decide(card, logit, probability) for rule in rules(card)}


def probability_words(prediction: Mapping[str, Any]) -> str:
    """What the number means, or why there is none."""
    probability = prediction["probability"]
    if probability is None:
        if prediction["decision"] == "not_a_radiograph":
            return "To the model this does not look like a radiograph, so no probability is given."
        return "To the model this film is unlike those that it learned from, so no probability is given."
    # Of counted films all may have been fractured; of no film it is certain.
    share = in_ten(min(max(probability, 0.001), 0.999))
    about = share if " than " in share else f"about {share}"
    return f"Probability of a fracture: {shown_probability(probability)}, {about}."


def similar_words(similar: Mapping[str, Any] | None) -> str:
    """What scores like this meant on validation films; "" where it is not known.

    Args:
        similar: Of `similar.similar_films`.
    """
    if similar is None:
        return ""
    films, fractured = similar["films"], similar["fractured"]
    share = in_ten(fractured / films)
    return (
        f"Of validation films scored like this, {share} were fractured "
        f"({fractured} of {films} films with a probability of {similar['low']:.2f} to {similar['high']:.2f})."
    )


def in_ten(share: float) -> str:
    """A share 0..1 as a person would say it: "7 in 10", and "3 in 100" where ten are too coarse."""
    if 0.1 <= share <= 0.9:
        return f"{round(10 * share)} in 10"
    hundredths = round(100 * share)
    if 0 < share <= 0.005:
        return "fewer than 1 in 100"
    if 0.995 <= share < 1:
        return "more than 99 in 100"
    return f"{hundredths} in 100"


def percent(share: float) -> str:
    """A share 0..1 that somebody chose, as "2.5 %"."""
    return f"{100 * share:.3g} %"


def percents(*shares: float) -> list[str]:
    """Measured shares 0..1 as "91 %" and "64 %": whole, or with as many places for all as keep one from all or none."""
    for places in range(3):
        found = [f"{100 * share:.{places}f} %" for share in shares]
        if not any(float(text[:-2]) in (0, 100) and 0 < share < 1 for text, share in zip(found, shares, strict=True)):
            break
    return found


def nowhere_words(card: Card, rule: Rule, decision: str) -> str:
    """What a film without any colour was called fractured by; "" where it was not.

    Args:
        card: Of the bundle that answered.
        rule: By which the film was decided.
        decision: Of that rule.
    """
    if decision != "fractured":
        return ""
    if "error_rate" in rule.asked:
        scored = f"high enough to be called fractured at an error rate of {percent(rule.asked['error_rate'])}"
    else:
        threshold = card.operating_point(rule.asked["operating_point"]).threshold
        scored = f"above the threshold of {shown_probability(threshold)}"
    return f"The model points at no place on this film: the film as a whole scored {scored}."


def heat_map_words(prediction: Mapping[str, Any], drawn: bool, scale: float) -> str:
    """What the colours show, or why there are none.

    Args:
        prediction: Of `film_worker.answer`.
        drawn: Whether there is a heat map.
        scale: Logits at which the colour is strongest.
    """
    if prediction["probability"] is None:
        return "No heat map: the film was refused."
    if not drawn:
        return "This model has no heat map."
    return (
        "Colour shows where the model sees evidence for a fracture, amber for some and red for much, on one scale for "
        f"all films (red at {scale:.3g} logits or more). Where there is no colour it sees none, which rules no "
        "fracture out. It is no outline of a fracture."
    )
