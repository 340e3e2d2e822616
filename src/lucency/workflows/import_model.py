"""A model that somebody else trained -> bundle, so that `predict` and `evaluate` work on it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from lucency.bundle import Bundle, Card, write_bundle
from lucency.decision import OperatingPoint
from lucency.errors import BundleError, DatasetError, RunError
from lucency.imaging.geometry import Fit, InputSpec, Interpolation
from lucency.workflows.import_record import import_facts, say_assumptions, say_parity, why_none
from lucency.workflows.run_folder import versions
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.learning.foreign_model import ForeignModel
    from lucency.learning.input_convention import InputConvention
    from lucency.learning.output_mapping import OutputMapping
    from lucency.workflows.import_check import FilmCheck

FIT_FILMS = 20
"""How many films of each class a calibration and thresholds are fitted on at least."""

UNKNOWN = "not known: somebody else trained it"
"""What stands in a card for the training data."""


@dataclass(frozen=True)
class ImportResult:
    """What came of an import.

    Attributes:
        bundle: The bundle.
        facts: What it was made with, as in its card under `provenance.imported`.
        check: What known films said, or None where none were given.
    """

    bundle: Bundle
    facts: Mapping[str, Any]
    check: FilmCheck | None


def import_model(
    model: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    name: str | None = None,
    input_shape: str | None = None,
    convention: str | None = None,
    scale: str | None = None,
    mean: str | None = None,
    deviation: str | None = None,
    positive: str | None = None,
    classes: str | None = None,
    output: str | None = None,
    fit: str = "squash",
    interpolation: str = "bilinear",
    check: str | os.PathLike[str] | None = None,
    labels: Mapping[str, int] | None = None,
    fit_threshold: bool = False,
    licence: str | None = None,
    trust: bool = False,
    workers: int | None = None,
    teller: Teller | None = None,
) -> ImportResult:
    """Makes a bundle of a model that somebody else trained, and says every assumption.

    Args:
        model: `.keras`, `.h5`, `.onnx`, `.tflite`, or the folder of a SavedModel.
        out: Folder of the bundle; `<name of the model>-bundle` in the working folder where None.
        name: Name of the bundle; that of the file where None.
        input_shape: Such as "224x224x3", where the model does not fix it.
        convention: How films are scaled, by name: "unchanged", "zero_to_one", "minus_one_to_one", "caffe", "torch".
        scale: Instead: "1/255", or with an offset "1/127.5,-1".
        mean: Subtracted after the scale: one number, or one a channel with commas between.
        deviation: Divides after that: likewise.
        positive: Which classes mean fractured: "fractured=0", "fractured=1,3", or names of classes. One unit stands for
            two classes: it is P(class 1).
        classes: File with a class name a line, or names with commas between. `labels.txt` beside the model otherwise.
        output: "probability" or "logit", where the model does not show it.
        fit: "squash" stretches a film to the input, as notebooks do; "letterbox" keeps its proportions.
        interpolation: Filter of the resize.
        check: Folder or table of films with known labels, which tell whether scale and class order look right.
        labels: Further names of classes of those films.
        fit_threshold: Fit calibration, operating points and abstention on those films.
        licence: Licence of the weights, where the user knows it.
        trust: Open the model even where it holds code.
        workers: Threads that decode films.
        teller: Hears of every assumption.

    Raises:
        BundleError: The model or what was said of it cannot be used.
        DatasetError: The films of the check cannot be used.
        RunError: The folder of the bundle is not empty.
        MissingExtraError: TensorFlow, tf2onnx or onnx is not installed.
    """
    teller = teller or Teller()
    if fit_threshold and check is None:
        raise DatasetError("--fit-threshold needs films with known labels", hint="Give them with --check FOLDER")
    path = Path(model)
    title = name or _title(path)
    target = Path(out) if out else Path(f"{title}-bundle")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise RunError("is not empty, and a bundle has a folder of its own", where=target, hint="Give another --out")
    from lucency.learning.foreign_model import read_input_shape
    from lucency.learning.importing import open_model, write_graph

    opened = open_model(path, shape=read_input_shape(input_shape), trust=trust)
    spec = _spec(opened, fit, interpolation)
    scaling, why = _scaling(opened, convention, scale, mean, deviation)
    mapping, whence = _mapping(opened, positive, classes, output, path)
    say_assumptions(teller, opened, spec, scaling, why, mapping, whence)
    checked = None
    if check is not None:
        from lucency.workflows.import_check import check_films

        checked = check_films(
            opened, scaling, mapping, spec, check,
            labels=labels, fitting=fit_threshold, workers=workers, teller=teller,
        )  # fmt: skip
    fitted, fitted_on = _fitted(checked, teller)
    outputs, parity = write_graph(
        opened, scaling, mapping, target / "model.onnx", films=checked.some_films if checked else None
    )
    heatmap = "the gradient of the head, in the graph" if "heatmap" in outputs else f"none: {why_none(opened)}"
    teller.say(f"Heat map: {heatmap}")
    say_parity(teller, opened, parity)
    facts = import_facts(opened, spec, scaling, why, mapping, parity, checked, heatmap, calibrated=bool(fitted))
    card = Card(
        name=title,
        input=spec,
        model_sha256="",
        outputs=outputs,
        training_data={"source": UNKNOWN},
        provenance={
            "imported": facts,
            "versions_of_import": versions(),
            **({"validation": fitted_on} if fitted_on else {}),
        },
        licence=licence or "not stated by whoever imported it: ask whoever trained the model",
        **fitted,
    )
    bundle = write_bundle(target, card, films={"val": checked.fitting.sha256} if checked and checked.fitting else None)
    teller.say("Which films it was trained on is not known: a figure on films that were among them would flatter it.")
    teller.say(f"Bundle {bundle.identity}: {bundle.folder}")
    return ImportResult(bundle, facts, checked)


def _title(path: Path) -> str:
    stem = path.resolve().name if path.is_dir() else path.stem
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in stem) or "imported"


def _spec(model: ForeignModel, fit: str, interpolation: str) -> InputSpec:
    for value, choices, option in (
        (fit, get_args(Fit), "--fit"),
        (interpolation, get_args(Interpolation), "--interpolation"),
    ):
        if value not in choices:
            raise BundleError(f"{option} {value} is unknown", hint=f"Known: {', '.join(choices)}")
    return InputSpec(*model.size, 1, fit, interpolation)  # type: ignore[arg-type]


def _scaling(
    model: ForeignModel, convention: str | None, scale: str | None, mean: str | None, deviation: str | None
) -> tuple[InputConvention, str]:
    from lucency.learning.input_convention import named, read_convention

    given = read_convention(convention=convention, scale=scale, mean=mean, deviation=deviation, channels=model.channels)
    if given is not None:
        return given, "as you said"
    if model.rescales:
        return named("unchanged"), f"not given; the model rescales inside ({model.rescales})"
    if _is_teachable_machine(model.file.config):
        return named("minus_one_to_one"), "not given; the model is built as Teachable Machine builds them"
    return named("zero_to_one"), "not given; the habit of notebooks. Check it with --check FOLDER"


def _is_teachable_machine(config: Any) -> bool:
    """Whether a model is one Sequential of features and one of a head, as Teachable Machine writes it."""
    inside = config.get("config") if isinstance(config, dict) else None
    described = inside.get("layers", []) if isinstance(inside, dict) else inside or []
    kinds = [entry.get("class_name") for entry in described if isinstance(entry, dict)]
    return [kind for kind in kinds if kind != "InputLayer"] == ["Sequential", "Sequential"]


def _mapping(
    model: ForeignModel, positive: str | None, classes: str | None, output: str | None, path: Path
) -> tuple[OutputMapping, str]:
    from lucency.learning.output_mapping import choose_mapping, meaning_of_name, read_class_names

    beside = path.parent / "labels.txt"
    if classes is not None:
        names, whence = read_class_names(classes), "class names as you said"
    elif model.names:
        names, whence = model.names, "class names from the file"
    else:
        names, whence = (), ""
        if beside.is_file() and path.is_file():
            found = read_class_names(str(beside))
            # Another model's list may lie there.
            if len(found) == max(2, model.units):
                names, whence = found, f"class names from {beside.name} beside the model"
    try:
        mapping = choose_mapping(
            units=model.units, activation=model.activation, positive=positive, names=names, output=output
        )
    except BundleError as error:
        raise BundleError(error.what, where=path, hint=error.hint) from None
    for index in mapping.positive if names else ():
        if meaning_of_name(names[index]) == 0:
            whence += f"; the name '{names[index]}' says the contrary of fractured"
    return mapping, whence


def _fitted(checked: FilmCheck | None, teller: Teller) -> tuple[dict[str, Any], dict[str, Any]]:
    films = checked.fitting if checked else None
    if films is None:
        teller.say("Not calibrated: temperature 1, threshold 0.5")
        if checked and min(checked.fractured, checked.films - checked.fractured) >= FIT_FILMS:
            teller.say("The films of the check are enough to fit both: --fit-threshold")
        return {}, {}
    total, fractured = len(films.labels), int(films.labels.sum())
    if min(fractured, total - fractured) < FIT_FILMS:
        raise DatasetError(
            f"--fit-threshold needs at least {FIT_FILMS} films of each class, not {fractured} fractured and "
            f"{total - fractured} others"
        )
    from lucency.workflows.fitted_rules import fit_rules

    rules, facts = fit_rules(films.labels, films.logits, films.groups, split="check", teller=teller)
    points = (*rules["operating_points"], OperatingPoint("half", 0.5))
    teller.say(
        f"Fitted on {total} films of the check, {fractured} of them fractured: calibration, operating points, and when "
        "to be uncertain. Probabilities hold where fractures are as frequent as there. Evaluate on other films"
    )
    return {**rules, "operating_points": points}, facts
