"""What is known of how a bundle was made: software, first weights, training, choice of the last ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lucency.reporting.card_sources import CardSources, Fact
from lucency.reporting.facts_of_model import flat, training_values
from lucency.reporting.figure_words import code, counted, plain

_INITIAL = {"none": "at random", "imagenet": "with the weights of Keras, trained on ImageNet"}


def software(sources: CardSources) -> Fact | None:
    """Programs and packages with their versions, and the device."""
    told = []
    for key, word in (("training", "Training"), ("export", "Export"), ("import", "Import")):
        found = sources.provenance.get(f"versions_of_{key}")
        if isinstance(found, Mapping) and found:
            told.append(f"{word}: " + ", ".join(f"{plain(name)} {plain(version)}" for name, version in found.items()))
    if not told:
        return None
    device = sources.provenance.get("device")
    if isinstance(device, Mapping) and device:
        told.append("Device: " + ", ".join(plain(flat(value)) for value in device.values()))
    return Fact(". ".join(told) + ".", "card.json (provenance)")


def initialization(sources: CardSources) -> Fact | None:
    """What the weights were before training."""
    recipe = sources.recipe.get("model")
    if not isinstance(recipe, Mapping) or "weights" not in recipe:
        return None
    weights = str(recipe["weights"])
    text = f"The backbone began {_INITIAL.get(weights, f'with the weights of the file {plain(weights)}')}"
    head = "" if weights == "none" else ", its head at random"
    return Fact(f"{text}{head}; seed {sources.recipe.get('seed')}.", "card.json (recipe.model, recipe.seed)")


def training(sources: CardSources) -> Fact | None:
    """Every value of the recipe that shapes training, and how long it took."""
    plan = training_values(sources)
    changes = sources.recipe.get("augmentation")
    if not plan or not isinstance(changes, Mapping):
        return None
    values = ", ".join(f"{plain(key)} {plain(flat(value))}" for key, value in plan.items() if value is not None)
    used = [f"{plain(key)} {value}" for key, value in changes.items() if value]
    text = f"Loss: binary cross-entropy. {values}. Augmentation of training films: {', '.join(used) or 'none'}."
    history = sources.history
    if history is not None:
        took = "" if history["seconds"] is None else f" in {history['seconds']:,.0f} s"
        text += f" {counted(history['epochs'], 'epoch was', 'epochs were')} trained{took}."
    return Fact(text, "card.json (recipe.training, recipe.augmentation)" + ("" if history is None else ", history.csv"))


def selection(sources: CardSources) -> Fact | None:
    """How the weights that were kept were chosen."""
    monitor, best = training_values(sources).get("monitor"), sources.provenance.get("best_epoch")
    if not monitor or not isinstance(best, int):
        return None
    test = "They serve as test films too" if sources.data.get("test_is_val") else "No test film was looked at"
    chosen = f"The epoch with the best {plain(monitor)} on the validation films: epoch {best}"
    if monitor == "last":
        chosen = f"The last epoch of a schedule fixed beforehand, epoch {best}; validation films did not choose it"
    return Fact(
        f"{chosen}. {test}.",
        "card.json (recipe.training.monitor, provenance.best_epoch)",
    )


def ensembling(sources: CardSources) -> Fact | None:
    """Whether several models answer together."""
    stored = sources.card.get("model")
    if not isinstance(stored, Mapping) or not stored.get("file"):
        return None
    return Fact(f"None: one graph answers ({plain(stored['file'])}).", "card.json (model)")


def imbalance(sources: CardSources) -> Fact | None:
    """What was done about classes of different size."""
    balance = training_values(sources).get("balance")
    if not balance:
        return None
    how = "No method was used" if balance == "none" else f"Method: {plain(balance)}"
    return Fact(
        f"{how}. Probabilities are calibrated afterwards, on films with the classes as common as they are.",
        "card.json (recipe.training.balance, calibration)",
    )


def record(sources: CardSources) -> Fact | None:
    """Where every value of the run is written down."""
    if not sources.recipe:
        return None
    files = "card.json" if sources.run is None else "recipe.toml, run.json, manifest.csv and history.csv of the run"
    name = code(sources.recipe.get("name", ""))
    return Fact(
        f"The whole recipe ({name}), the seed {sources.recipe.get('seed')} and the versions are kept: {files}.",
        "card.json (recipe)",
    )


TRAINING_FACTS: dict[str, Callable[[CardSources], Fact | None]] = {
    "software": software,
    "initialization": initialization,
    "training": training,
    "selection": selection,
    "ensembling": ensembling,
    "imbalance": imbalance,
    "record": record,
}
"""Name -> how the fact is drawn; None where it is not known."""
