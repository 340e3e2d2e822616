"""What is known of the model of a bundle: what it takes, how it is built, how it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lucency.reporting.card_sources import CardSources, Fact
from lucency.reporting.figure_words import code, counted, number, percent, plain

_FITS = {"squash": "stretched to it", "letterbox": "fitted into it with their proportions kept, black around them"}


def technique(sources: CardSources) -> Fact | None:
    """Which kind of method it is."""
    name = _architecture(sources)
    imported = sources.imported
    if name:
        return Fact(
            f"Deep learning: a convolutional neural network ({plain(name)}) that classifies radiographs.",
            "card.json (recipe)",
        )
    if imported is not None and imported.get("format"):
        return Fact(
            f"An imported neural network ({plain(imported['format'])}) that classifies radiographs.",
            "card.json (provenance.imported)",
        )
    return None


def intended_use(sources: CardSources) -> Fact | None:
    """What it may be used for."""
    text = sources.card.get("intended_use")
    return Fact(plain(text), "card.json (intended_use)") if text else None


def goal(sources: CardSources) -> Fact | None:
    """What was done: a model made, measured, or both."""
    main = sources.main
    if sources.imported is not None:
        done = "An existing model was imported"
    elif sources.recipe:
        done = "A diagnostic model was developed, which tells radiographs with a fracture from others"
    else:
        return None
    measured = (
        "it was not measured"
        if main is None
        else f"it was measured on {counted(main['films'], main.get('unit', 'film'))}"
    )
    return Fact(f"{done}; {measured}.", "card.json (recipe, provenance), " + sources.main_place)


def preprocessing(sources: CardSources) -> Fact | None:
    """From a file to the network input."""
    spec = sources.card.get("input")
    if not isinstance(spec, Mapping) or not {"height", "width", "fit", "interpolation"} <= set(spec):
        return None
    return Fact(
        f"Every film is decoded by the same reader ({plain(spec.get('values', 'grey'))}; DICOM by its modality and VOI"
        f" transforms), brought to {spec['height']} x {spec['width']} pixels ({plain(spec['interpolation'])}), and"
        f" {_FITS.get(str(spec['fit']), plain(spec['fit']))}. The scaling that the network wants is part of its graph.",
        "card.json (input)",
    )


def film_use(sources: CardSources) -> Fact | None:
    """Which part of a film is used, and which films."""
    if preprocessing(sources) is None:
        return None
    text = "The whole film is the only input: no crops, no patches, no clinical data."
    balance = training_values(sources).get("balance")
    if balance == "undersample":
        text += " Each epoch shows as many films of the larger class as the smaller one has, drawn anew."
    return Fact(text, "card.json (input, recipe.training)")


def model(sources: CardSources) -> Fact | None:
    """The network, its size and its outputs."""
    stored, outputs = sources.card.get("model"), _outputs(sources)
    if not isinstance(stored, Mapping) or not outputs or technique(sources) is None:
        return None
    parts = []
    recipe = sources.recipe.get("model")
    if isinstance(recipe, Mapping):
        hidden = recipe.get("hidden") or []
        layers = f"Dense layers of {', '.join(map(str, hidden))} units, then one logit" if hidden else "one logit"
        parts.append(
            f"Architecture {plain(recipe.get('architecture'))}, dropout {recipe.get('dropout', 0)}, head: {layers}"
        )
        if sources.recipe.get("title"):
            parts.append(plain(sources.recipe["title"]).rstrip("."))
    elif sources.imported is not None:
        parts.append(
            f"Imported from {plain(sources.imported.get('file', 'a file'))} ({plain(sources.imported.get('format'))})"
        )
    parameters = sources.provenance.get("parameters")
    if isinstance(parameters, int):
        parts.append(f"{parameters:,} parameters")
    parts.append(f"Outputs of the graph: {', '.join(map(plain, outputs))}")
    return Fact(". ".join(parts) + ".", "card.json (model, recipe.model, provenance)")


def calibration(sources: CardSources) -> Fact | None:
    """How a logit becomes a probability."""
    found = sources.card.get("calibration")
    if not isinstance(found, Mapping) or not found.get("method"):
        return None
    method = str(found["method"])
    if method == "isotonic":
        knots = found.get("knots") or ()
        text = f"Isotonic regression with {counted(len(knots), 'knot')}"
    else:
        text = f"{method.capitalize()} scaling: the logit is divided by {number(found.get('temperature'))}"
        if found.get("intercept"):
            text += f", and {number(found['intercept'])} is added to the log-odds"
    again = sources.recalibrated
    if again is not None:
        text += f", fitted anew on {counted(again.get('films', 0), 'film')} of {code(again.get('data'))}"
    elif sources.imported is None or sources.imported.get("calibrated"):
        text += ", fitted on validation films"
    return Fact(text + ".", "card.json (calibration, provenance)")


def abstention(sources: CardSources) -> Fact | None:
    """When "uncertain" is said."""
    found = sources.card.get("abstention")
    if not isinstance(found, Mapping):
        return None
    rate = found.get("error_rate")
    sizes = [len(found.get(key) or ()) for key in ("fractured", "not_fractured")]
    text = f"{plain(found.get('method', 'abstention')).capitalize()} prediction on {sizes[0]:,} fractured and"
    text += f" {sizes[1]:,} other calibration films. "
    if rate is None:
        text += "It abstains only where an error rate is asked for."
    else:
        text += f"At an error rate of {percent(rate)} a film that fits both classes, or none, is answered `uncertain`."
    return Fact(text, "card.json (abstention)")


def gate(sources: CardSources) -> Fact | None:
    """Which films are refused before they get a probability."""
    found = sources.card.get("gate")
    if not isinstance(found, Mapping):
        return None
    told = [
        f"{plain(key.replace('_', ' '))} {plain(flat(value))}"
        for key, value in found.items()
        if key not in ("file", "sha256")
    ]
    fitted = f" What it was fitted on: {'; '.join(told)}." if told else ""
    return Fact(
        f"A film that is no radiograph, or unlike the training films, gets no probability.{fitted}", "card.json (gate)"
    )


def output(sources: CardSources) -> Fact | None:
    """What a film is answered, and by which thresholds."""
    points = sources.card.get("operating_points")
    if not isinstance(points, list) or not points or calibration(sources) is None:
        return None
    told = [f"{code(point['name'])} at {number(point['threshold'])}{_on_validation(point)}" for point in points]
    text = (
        "A calibrated probability of a fracture (0 to 1) and a decision. Thresholds: "
        + "; ".join(told)
        + f". Unless another is asked for, {code(sources.card.get('default_operating_point'))} decides."
    )
    parts = [text, *(fact.text for fact in (abstention(sources), gate(sources)) if fact is not None)]
    return Fact(" ".join(parts), "card.json (operating_points, calibration, abstention, gate)")


def bad_input(sources: CardSources) -> Fact | None:
    """What happens to a film that cannot be used."""
    if preprocessing(sources) is None:
        return None
    found = gate(sources)
    text = "A file that cannot be read in full is refused with a reason and gets no probability. "
    text += (
        found.text
        if found
        else "The bundle has no gate: any picture that can be read gets a probability, radiograph or not."
    )
    return Fact(text, "card.json (input, gate)")


def heat_map(sources: CardSources) -> Fact | None:
    """Whether the bundle shows where its evidence lies."""
    outputs = _outputs(sources)
    if not outputs:
        return None
    if "heatmap" not in outputs:
        why = (sources.imported or {}).get("heatmap")
        return Fact(f"None{f' ({plain(why)})' if why else ''}.", "card.json (model.outputs)")
    return Fact(
        "The heat map is an output of the graph itself: the class activation map, or gradient times activation of the"
        " last feature map where the head has hidden layers, in logits and on one fixed scale.",
        "card.json (model.outputs)",
    )


def bundle(sources: CardSources) -> Fact | None:
    """The files by which the model can be run by others."""
    stored = sources.card.get("model")
    if not isinstance(stored, Mapping) or not stored.get("sha256"):
        return None
    return Fact(
        f"The bundle {code(sources.identity)}: {code(stored.get('file'))} (ONNX, SHA-256 {code(stored['sha256'])})"
        " and `card.json`. It runs with Lucency or any ONNX runtime.",
        "card.json (model)",
    )


def _on_validation(point: Mapping[str, Any]) -> str:
    found = [f"{name} {number(point[name])}" for name in ("sensitivity", "specificity") if point.get(name) is not None]
    return f" (on the films that fixed it: {', '.join(found)})" if found else ""


def _architecture(sources: CardSources) -> str:
    found = sources.recipe.get("model")
    return str(found.get("architecture") or "") if isinstance(found, Mapping) else ""


def training_values(sources: CardSources) -> Mapping[str, Any]:
    """The table `training` of the recipe; empty for an imported model."""
    found = sources.recipe.get("training")
    return found if isinstance(found, Mapping) else {}


def _outputs(sources: CardSources) -> list[str]:
    stored = sources.card.get("model")
    return list(stored.get("outputs") or ()) if isinstance(stored, Mapping) else []


def flat(value: Any) -> str:
    """Lists and tables of values as one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {flat(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(flat, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


MODEL_FACTS: dict[str, Callable[[CardSources], Fact | None]] = {
    "technique": technique,
    "intended_use": intended_use,
    "goal": goal,
    "preprocessing": preprocessing,
    "film_use": film_use,
    "model": model,
    "calibration": calibration,
    "abstention": abstention,
    "gate": gate,
    "output": output,
    "bad_input": bad_input,
    "heat_map": heat_map,
    "bundle": bundle,
}
"""Name -> how the fact is drawn; None where it is not known."""
