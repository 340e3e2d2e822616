"""What an import says while it goes, and what it writes into the card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lucency.imaging.geometry import InputSpec
from lucency.workflows.run_folder import now
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.learning.foreign_model import ForeignModel
    from lucency.learning.importing import Parity
    from lucency.learning.input_convention import InputConvention
    from lucency.learning.output_mapping import OutputMapping
    from lucency.workflows.import_check import FilmCheck

NOT_KNOWN = (
    "which films it was trained on, so whether a film of a later evaluation was among them",
    "how it was trained and chosen",
)
"""What no import can find out."""


def say_assumptions(
    teller: Teller,
    model: ForeignModel,
    spec: InputSpec,
    scaling: InputConvention,
    why: str,
    mapping: OutputMapping,
    whence: str,
) -> None:
    """Says all that was taken for granted, and why.

    Args:
        teller: Hears it.
        model: The opened model.
        spec: Geometry of the input.
        scaling: How films are scaled.
        why: Who said so.
        mapping: How the units become a logit.
        whence: Where the names of the classes come from, or "".
    """
    teller.say(f"{model.file.path.name}: {model.file.format}, sha256 {model.file.sha256[:12]}")
    repeated = "the grey repeated three times" if model.channels == 3 else "one grey channel"
    teller.say(f"Input: {model.shape.describe()}, {repeated}; films are {spec.fit}ed, {spec.interpolation}")
    teller.say(f"Scale: {scaling.describe()} ({why})")
    if model.rescales and scaling.name != "unchanged":
        teller.say(f"Warning: the model rescales inside as well ({model.rescales}); was --convention unchanged meant?")
    teller.say(f"Output: {mapping.describe()}" + (f" ({whence})" if whence else ""))
    teller.say("Logit: " + _logit_source(mapping))
    for note in model.notes:
        teller.say(f"Note: {note}")


def _logit_source(mapping: OutputMapping) -> str:
    if mapping.activation == "linear":
        return "the output itself, which is one already"
    if mapping.form == "logit":
        return "taken before the last activation, so that saturated probabilities keep their order"
    return "from the probabilities, clipped 1e-7 from 0 and 1"


def why_none(model: ForeignModel) -> str:
    """Why a bundle without a heat map has none."""
    return model.heatmap or "probabilities that show no logit have no gradient to draw"


def say_parity(teller: Teller, model: ForeignModel, parity: Parity) -> None:
    """Says how far the bundle and the model itself lie apart."""
    apart = f"probabilities differ by up to {parity.probability:.1g}, logits by {parity.logit:.1g}"
    films = f"({parity.films} films, noise and flat films)" if parity.films else "(noise and flat films)"
    if not parity.agrees:
        teller.say(f"Warning: the bundle drifts from {model.witness}, since the model is quantised: {apart} {films}")
    elif model.independent:
        teller.say(f"The bundle and {model.witness} agree: {apart} {films}")
    else:
        teller.say(f"Warning: the bundle was checked only against {model.witness}: {apart} {films}")
        teller.say("So nothing has shown that the file was read rightly: look at its answers to films that you know")


def import_facts(
    model: ForeignModel,
    spec: InputSpec,
    scaling: InputConvention,
    why: str,
    mapping: OutputMapping,
    parity: Parity,
    checked: FilmCheck | None,
    heatmap: str,
    *,
    calibrated: bool,
) -> dict[str, Any]:
    """What the card says of an import under `provenance.imported`; plain values (see docs/reference/json.md)."""
    return {
        "at": now(),
        "file": model.file.path.resolve().name,
        "sha256": model.file.sha256,
        "format": model.file.format,
        "input": {
            "height": spec.height,
            "width": spec.width,
            "channels": model.channels,
            "convention": scaling.to_json(),
            "reason": why,
        },
        "output": {**mapping.to_json(), "meaning": mapping.describe()},
        "heatmap": heatmap,
        "parity": {
            "with": model.witness,
            "independent": model.independent,
            "logit": parity.logit,
            "probability": parity.probability,
            "films": parity.films,
            "agrees": parity.agrees,
        },
        "calibrated": calibrated,
        "check": checked.to_json() if checked else None,
        "not_known": list(NOT_KNOWN),
        "notes": list(model.notes),
    }
