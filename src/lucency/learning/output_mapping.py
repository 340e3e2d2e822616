"""How the output of a foreign model becomes one logit of P(fractured)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lucency.datasets.vocabulary import LabelNames
from lucency.errors import BundleError

Activation = Literal["sigmoid", "softmax", "linear", "unknown"]
Form = Literal["logit", "probability"]

SMALLEST_PROBABILITY = 1e-7
"""Probabilities are clipped to this far from 0 and 1 where no logit can be found behind them."""

LARGEST_LOGIT = 1e6
"""Logits are clipped to this, so that they are finite."""

_ALPHABETICAL = (
    "Keras' folder readers number classes by alphabet: of 'fractured' and 'not_fractured' the first is 0, so a sigmoid "
    "is P(not fractured); of 'normal' and 'positive' it is the other way round"
)


@dataclass(frozen=True)
class OutputMapping:
    """From K units to one logit.

    Attributes:
        units: K, how many numbers the model gives for a film.
        activation: The last activation of the model. "linear" with one unit is read as the logit of a sigmoid, with
            more as those of a softmax.
        form: What the units are when the logit is made of them: logits (before the activation), or probabilities.
        positive: The classes that mean fractured. One unit stands for two classes: it is P(class 1).
        names: Names of the classes, empty where they are not known.
    """

    units: int
    activation: Activation
    form: Form
    positive: tuple[int, ...]
    names: tuple[str, ...] = ()

    @property
    def negative(self) -> tuple[int, ...]:
        """The classes that mean not fractured."""
        return tuple(index for index in range(max(2, self.units)) if index not in self.positive)

    @property
    def sign(self) -> float:
        """For a model of one unit: 1 where it speaks for a fracture, -1 where against."""
        return 1.0 if self.positive == (1,) else -1.0

    @property
    def independent(self) -> bool:
        """Whether the units are sigmoids of their own, and not shares of one whole."""
        return self.units > 1 and self.activation == "sigmoid"

    def logit(self, answer: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        """The logit by the definition, in double precision, from what the model itself answers.

        Args:
            answer: (N, K), after the model's own activation.

        Returns:
            float64 (N,).
        """
        values = answer.astype(np.float64)
        if self.form == "logit" and self.activation == "linear":
            logits = values
            if self.units == 1:
                return np.clip(self.sign * logits[:, 0], -LARGEST_LOGIT, LARGEST_LOGIT)
            return np.clip(
                _log_sum_exp(logits[:, list(self.positive)]) - _log_sum_exp(logits[:, list(self.negative)]),
                -LARGEST_LOGIT,
                LARGEST_LOGIT,
            )
        clip = SMALLEST_PROBABILITY
        if self.units == 1:
            p = np.clip(values[:, 0], clip, 1 - clip)
            return self.sign * (np.log(p) - np.log1p(-p))
        if self.independent:
            p = np.clip(values[:, list(self.positive)].max(axis=1), clip, 1 - clip)
            return np.asarray(np.log(p) - np.log1p(-p))
        above, below = (values[:, list(part)].sum(axis=1) for part in (self.positive, self.negative))
        return np.asarray(np.log(np.clip(above, clip, 1)) - np.log(np.clip(below, clip, 1)))

    def describe(self) -> str:
        """In one sentence."""
        last = "its values read as probabilities" if self.activation == "unknown" else self.activation
        called = [f"{index} ({self.names[index]})" if self.names else str(index) for index in self.positive]
        if self.units == 1:
            means = "P(fractured)" if self.sign > 0 else "P(not fractured)"
            return f"one unit, {last}, read as {means}: fractured is class {called[0]}"
        how = "the largest of" if self.independent and len(called) > 1 else "class" if len(called) == 1 else "classes"
        return f"{self.units} units, {last}; fractured is {how} {', '.join(called)}"

    def to_json(self) -> dict[str, Any]:
        """Plain values for a card."""
        return {
            "units": self.units,
            "activation": self.activation,
            "logit_from": "logits" if self.form == "logit" else "probabilities",
            "fractured": list(self.positive),
            "class_names": list(self.names),
        }


def choose_mapping(
    *, units: int, activation: Activation, positive: str | None, names: Sequence[str], output: str | None
) -> OutputMapping:
    """Reads what the user said of the output, and refuses to guess.

    Args:
        units: How many numbers the model gives for a film.
        activation: Its last activation, "unknown" where it cannot be seen.
        positive: Which classes mean fractured: "fractured=0", "0", "fractured=1,3", or names of classes.
        names: Names of the classes in their order, empty where not known.
        output: "probability" or "logit", where the user said so.

    Raises:
        BundleError: The classes are not known, or what was said does not fit the model.
    """
    classes = max(2, units)
    if units == 1 and activation == "softmax":
        raise BundleError(
            "ends in a softmax of one unit, which answers 1 for every film", hint="Such a model must be trained anew"
        )
    if names and len(names) != classes:
        raise BundleError(f"{len(names)} class names were given, but the model has {classes} classes")
    chosen = _positive(positive, tuple(names), classes, units)
    if not set(range(classes)) - set(chosen):
        raise BundleError("--positive names every class", hint="At least one class must mean not fractured")
    return OutputMapping(units, *_form(activation, output), chosen, tuple(names))


def _form(activation: Activation, output: str | None) -> tuple[Activation, Form]:
    if output not in (None, "probability", "logit"):
        raise BundleError(f"--output {output} is unknown", hint="Say --output probability or --output logit")
    if activation == "unknown":
        if output is None:
            raise BundleError(
                "the last operation of the model shows neither a sigmoid, nor a softmax, nor a plain sum",
                hint="Say what it gives: --output probability or --output logit",
            )
        return ("linear", "logit") if output == "logit" else ("unknown", "probability")
    if output == "logit" and activation != "linear":
        raise BundleError(f"ends in a {activation}, so its output is no logit", hint="Leave --output logit away")
    if output == "probability" and activation == "linear":
        return "unknown", "probability"
    return activation, "logit"


def _positive(text: str | None, names: tuple[str, ...], classes: int, units: int) -> tuple[int, ...]:
    if text is None:
        return _by_vocabulary(names, classes, units)
    before, equals, after = text.partition("=")
    # "fractured=0" says what class 0 is; a class name may hold an equals sign of its own.
    parts = [text] if equals and text in names else (after if equals else before).split(",")
    if equals and text not in names and LabelNames().of_cell(before) != 1:
        raise BundleError(f"--positive {text}: expected fractured=INDEX or fractured=NAME", hint="Such as fractured=0")
    chosen = []
    for part in (part.strip() for part in parts):
        alike = [index for index, name in enumerate(names) if name.casefold() == part.casefold()]
        if alike:
            chosen.append(alike[0])
        elif part.isdigit() and int(part) < classes:
            chosen.append(int(part))
        else:
            known = ", ".join(f"{index} ({name})" for index, name in enumerate(names)) or f"0 to {classes - 1}"
            raise BundleError(f"--positive {text}: the model has no class '{part}'", hint=f"Its classes: {known}")
    return tuple(sorted(set(chosen)))


def meaning_of_name(name: str) -> int | None:
    """Whether the name of a class says fractured (1) or not (0); None where it is not known.

    Bare numbers mean nothing here, since they number the classes.
    """
    return None if re.fullmatch(r"[\d.,\s]*", name) else LabelNames().of_cell(name)


def _by_vocabulary(names: tuple[str, ...], classes: int, units: int) -> tuple[int, ...]:
    meanings = [meaning_of_name(name) for name in names]
    if names and None not in meanings and 1 in meanings:
        return tuple(index for index, meaning in enumerate(meanings) if meaning == 1)
    if names:
        example = next((name for name, meaning in zip(names, meanings, strict=True) if meaning == 1), names[0])
        raise BundleError(
            f"which of the classes mean fractured is not known: {', '.join(names)}",
            hint=f'Say it: --positive "fractured={example}"; several with commas',
        )
    what = "its one unit is P(class 1)" if units == 1 else f"it has {classes} classes"
    raise BundleError(
        f"which class means fractured is not known, and a guess may turn every answer round: {what}",
        hint=f"{_ALPHABETICAL}. Say --positive fractured=0 or --positive fractured=1, or give --classes labels.txt",
    )


def read_class_names(text: str) -> tuple[str, ...]:
    """Names of classes, in their order.

    Args:
        text: The path of a text file with one name a line, as Teachable Machine's labels.txt ("0 Fractured"), or names
            with commas between.

    Raises:
        BundleError: The file cannot be read, or holds no names.
    """
    path = Path(text)
    if path.is_file():
        try:
            lines = path.read_text("utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError):
            raise BundleError("is no list of class names", where=path, hint="One name a line") from None
        return parse_class_names(lines, where=str(path))
    if path.suffix.lower() == ".txt":
        raise BundleError("does not exist", where=path, hint="Give labels.txt, or the names with commas between")
    return parse_class_names(text.split(","), where="--classes")


def parse_class_names(lines: Sequence[str], *, where: str) -> tuple[str, ...]:
    """Names of classes from lines that may begin with the number of the class.

    Raises:
        BundleError: No name, a name twice, or numbers that are not 0, 1, 2 ...
    """
    kept = [line.strip() for line in lines if line.strip()]
    numbered = [re.fullmatch(r"(\d+)[\s:,]+(.+)", line) for line in kept]
    names = kept
    if kept and all(numbered):
        found = {int(match[1]): match[2].strip() for match in numbered if match}
        if sorted(found) != list(range(len(kept))):
            raise BundleError("the numbers of the classes are not 0, 1, 2 ...", where=where)
        names = [found[index] for index in range(len(kept))]
    if len(names) < 2 or len({name.casefold() for name in names}) < len(names):
        raise BundleError("expected at least two different class names", where=where, hint="One name a line")
    return tuple(names)


def _log_sum_exp(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    largest = values.max(axis=1)
    return np.asarray(largest + np.log(np.exp(values - largest[:, None]).sum(axis=1)))
