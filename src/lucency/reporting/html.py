"""One HTML file that tells the whole evaluation and opens offline."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure
from PIL import Image

from lucency.reporting.abstention_figures import decided_films
from lucency.reporting.canvas import to_inline_svg, to_png
from lucency.reporting.gravest import gravest_facts
from lucency.reporting.subgroups_figures import figure_state

METRIC_WORDS = {
    "auroc": ("AUROC", "chance that a fractured film scores above one without fracture"),
    "partial_auroc": ("Partial AUROC", "the same where specificity is above 80 %; 0.5 is guessing"),
    "average_precision": ("Average precision", "area under the precision-recall curve"),
    "accuracy": ("Accuracy", "share of films called rightly"),
    "balanced_accuracy": ("Balanced accuracy", "mean of sensitivity and specificity"),
    "sensitivity": ("Sensitivity", "share of fractured films that are found"),
    "specificity": ("Specificity", "share of films without fracture that are left in peace"),
    "ppv": ("Positive predictive value", "share of the films called fractured that are"),
    "npv": ("Negative predictive value", "share of the films called not fractured that are not"),
    "positive_likelihood_ratio": (
        "Positive likelihood ratio",
        "how many times likelier the call 'fractured' is on a fractured film",
    ),
    "negative_likelihood_ratio": (
        "Negative likelihood ratio",
        "how many times likelier the call 'not fractured' is on a fractured film; lower is better",
    ),
    "f1": ("F1", "harmonic mean of precision and recall"),
    "mcc": ("Matthews correlation", "-1 to 1; 0 is guessing"),
    "kappa": ("Cohen's kappa", "agreement with the labels beyond chance; 1 is perfect, 0 is guessing"),
    "loss": ("Log loss", "lower is better"),
    "brier": ("Brier score", "mean squared error of the probability; lower is better"),
    "ece": ("Calibration error (ECE)", "ten bins of equally many films; lower is better"),
    "calibration_slope": ("Calibration slope", "1 is right; below 1 the probabilities are too extreme"),
    "calibration_intercept": ("Calibration intercept", "0 is right; below 0 the probabilities are too high"),
}
"""Title and gloss of each metric on a page."""

_BASELINES = {
    "majority": "Always the commoner class",
    "nearest_neighbour": "Most similar training film (32 x 32 pixels)",
}
_FIGURES = {
    "roc": "Receiver operating characteristic with the operating points",
    "precision_recall": "Precision against recall, with the share of fractured films as a floor",
    "reliability": "Said probability against the observed share of fractures, above a histogram",
    "confusion": "Confusion matrix at the operating point",
    "training": "Loss and AUROC over the epochs of training",
}
_FAILURES = (
    ("false_negatives", "Fractures missed", "The least probable first."),
    ("false_positives", "False alarms", "The most probable first."),
    ("uncertain", "Could have gone either way", "Nearest to the threshold, right or wrong."),
)
_HEADLINE = ("auroc", "average_precision", "sensitivity", "specificity")
_SEVERITIES = ("error", "warning", "note")


def render_report(
    report: Mapping[str, Any],
    figures: Mapping[str, Figure | bytes],
    *,
    title: str,
    run_details: Mapping[str, Any],
    findings: Sequence[Mapping[str, Any]] | None = None,
    samples: Sequence[Mapping[str, Any]] = (),
    failures: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    model_summary: str = "",
) -> str:
    """The report as one page without any outside resource.

    Args:
        report: The content of report.json, schema 1.
        figures: By name: "roc", "precision_recall", "reliability", "confusion", "training", and those whose name begins
            with that of a section of `report["evidence"]`, have their own place; others follow. A Figure, or the bytes
            of a PNG file.
        title: Of the page.
        run_details: How it was made: recipe, versions, device, seed, command, hashes; nested mappings are
            shown as groups of lines.
        findings: What the audit found ("check", "severity", "message", "image_ids", "action"); those of
            the report if None.
        samples: Films to show: "image" ((H, W, 3) or (H, W) uint8, 0..255), "title" and "caption".
        failures: Films to show for each kind of `report["evidence"]["failures"]`, as `samples`.
        model_summary: Plain text, shown folded.

    Returns:
        The HTML text.
    """
    environment = page_environment()
    report = {"evidence": {}, **report}
    grave = [{"severity": "warning", "message": fact} for fact in gravest_facts(report["evidence"])]
    found = [
        {"action": "", "image_ids": ()} | dict(finding)
        for finding in (*grave, *(report["findings"] if findings is None else findings))
    ]
    contents: list[tuple[str, str]] = []

    def heading(name: str, title: str) -> Markup:
        contents.append((f"part-{name.replace('_', '-')}", title))
        return _heading(name, title)

    return environment.get_template("report.html.j2").render(
        title=title,
        report=report,
        headline=_HEADLINE,
        heading=heading,
        contents=contents,
        findings=sorted(found, key=_rank),
        metric_names=METRIC_WORDS,
        baseline_names=_BASELINES,
        figures={
            name: embedded(figure, name=name, words=_FIGURES.get(name, name.replace("_", " ").capitalize()))
            for name, figure in figures.items()
        },
        placed=[name for name in figures if name in _FIGURES or name.startswith(tuple(report["evidence"]))],
        samples=_with_sources(samples),
        failures={kind: _with_sources(shown) for kind, shown in (failures or {}).items()},
        failure_words=_FAILURES,
        details=[(key, _detail(value)) for key, value in run_details.items()],
        model_summary=model_summary,
    )


def page_environment() -> Environment:
    """Templates of the package, with the filters that pages share."""
    environment = Environment(
        loader=PackageLoader("lucency.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=_number, percent=_percent, interval=_interval, words=_words)
    environment.globals.update(heading=_heading, decided_films=decided_films, state_of=figure_state)
    return environment


def _heading(name: str, title: str) -> Markup:
    """The title of a section, with an address of its own."""
    return Markup('<h2 id="part-{}">{}</h2>').format(name.replace("_", "-"), title)


def _rank(finding: Mapping[str, Any]) -> int:
    severity = finding["severity"]
    if finding.get("check") == "leakage" and severity == "warning":
        # Before films that were left out: it says whether the figures above can be believed.
        return -1
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)


def embedded(figure: Figure | bytes, *, name: str, words: str) -> Markup:
    """A figure as an element of a page.

    Args:
        figure: A Figure, or the bytes of a PNG file.
        name: Unique on the page.
        words: What it shows, for readers who cannot see it.
    """
    # Films are far smaller as pixels; everything else stays sharp and follows the page's colours as SVG.
    if isinstance(figure, Figure) and not any(axes.images for axes in figure.axes):
        svg = to_inline_svg(figure, name=name)
        return Markup('<div class="plot" role="img" aria-label="{}">{}</div>').format(words, Markup(svg))
    png = to_png(figure) if isinstance(figure, Figure) else figure
    return Markup('<img class="paper" alt="{}" src="{}">').format(words, data_address(png, "png"))


def _with_sources(samples: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [dict(sample) | {"source": _picture(sample["image"])} for sample in samples]


def _picture(image: Any) -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(image, dtype=np.uint8)).save(buffer, format="JPEG", quality=82)
    return data_address(buffer.getvalue(), "jpeg")


def data_address(content: bytes, kind: str) -> str:
    """The content of a picture file ("png", "jpeg") as an address that needs no other file."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _detail(value: Any) -> list[tuple[str, str]] | str:
    if isinstance(value, Mapping):
        return [(str(key), _text(item)) for key, item in value.items()]
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    return json.dumps(value, ensure_ascii=False, default=str)


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _interval(figure: Mapping[str, Any], digits: int = 3) -> str:
    if figure["low"] is None:
        return "-"
    return f"{figure['low']:.{digits}f} to {figure['high']:.{digits}f}"


def _words(name: str) -> str:
    if name.startswith("sensitivity_"):
        return f"sensitivity {name[12:]} %"
    return name.replace("_", " ")
