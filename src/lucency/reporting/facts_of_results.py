"""What is known of how well a bundle answers: figures, their uncertainty, comparisons, failures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lucency.reporting.card_sources import CardSources, Fact
from lucency.reporting.evidence_tables import evidence_sentences
from lucency.reporting.facts_of_data import SPLITS, split_counts
from lucency.reporting.figure_words import code, counted, figure, listed, number, percent, plain
from lucency.reporting.html import METRIC_WORDS

AT_THRESHOLD = ("sensitivity", "specificity", "ppv", "npv")
"""Figures of an operating point, by which a classifier is known in the clinic."""

_BASELINES = {
    "majority": "always the commoner class",
    "nearest_neighbour": "the label of the most similar training film",
}

_METHODS = {
    "bootstrap": "percentile bootstrap of whole groups (Efron 1979)",
    "delong": "DeLong's for the AUROC (DeLong et al. 1988)",
    "wilson": "Wilson's score interval for shares (Wilson 1927)",
}


def title(metric: str) -> str:
    """What a reader knows a metric by."""
    return METRIC_WORDS.get(metric, (metric.replace("_", " ").capitalize(), ""))[0]


def films_of(report: Mapping[str, Any]) -> str:
    """Which films a report is of, such as "180 test films of 93 groups, 90 fractured"."""
    unit = str(report.get("unit", "film"))
    split = SPLITS.get(str(report.get("split")), plain(report.get("split")))
    groups = f" of {counted(report['groups'], 'group')}" if report.get("groups") else ""
    measured = counted(report["films"], f"{split} {unit}")
    return f"{measured}{groups}, {report['fractured']:,} fractured"


def performance(sources: CardSources) -> Fact | None:
    """All figures of the main evaluation."""
    main = sources.main
    if main is None:
        return None
    told = [f"{title(name)} {figure(found)}" for name, found in main["metrics"].items()]
    return Fact(f"On {films_of(main)}: {'; '.join(told)}.", sources.main_place)


def diagnostic(sources: CardSources) -> Fact | None:
    """Sensitivity, specificity and predictive values at every operating point."""
    main = sources.main
    if main is None:
        return None
    points = main.get("operating_points") or [{"name": sources.card.get("default_operating_point"), **main["metrics"]}]
    told = []
    for point in points:
        values = [f"{title(name).lower()} {figure(point[name])}" for name in AT_THRESHOLD if name in point]
        at = f" (threshold {number(point['threshold'])})" if "threshold" in point else ""
        told.append(f"{code(point['name'])}{at}: {', '.join(values)}")
    return Fact("; ".join(told) + f". {title('auroc')} {figure(main['metrics'].get('auroc'))}.", sources.main_place)


def metrics(sources: CardSources) -> Fact | None:
    """What is measured, and what it is compared with."""
    main = sources.main
    if main is None:
        return None
    text = f"Measures: {listed([title(name) for name in main['metrics']])}."
    baselines = [_BASELINES.get(str(one.get("name")), plain(one.get("name"))) for one in main.get("baselines") or ()]
    if baselines:
        text += f" Compared with {listed(baselines)}."
    if main.get("roc") is not None:
        text += " The report plots the ROC and the precision-recall curve, reliability and the confusion matrix."
    return Fact(text, sources.main_place)


def uncertainty(sources: CardSources) -> Fact | None:
    """How intervals were made."""
    main = sources.main
    if main is None:
        return None
    # Reports of the first version name no method: theirs is the bootstrap.
    used = {str(one.get("method") or "bootstrap") for one in main["metrics"].values() if one.get("low") is not None}
    told = [_METHODS.get(name, plain(name)) for name in sorted(used)]
    text = f"95 % intervals: {listed(told)}." if told else "No interval could be given."
    made = main.get("bootstrap")
    if "bootstrap" in used and isinstance(made, Mapping):
        text += f" {counted(made['resamples'], 'resample')}, seed {made['seed']}."
    if main.get("groups"):
        text += f" {counted(main['films'], str(main.get('unit', 'film')))} in {counted(main['groups'], 'group')}."
    return Fact(text + " They cover the choice of test films, not another training run.", sources.main_place)


def verdict(sources: CardSources) -> Fact | None:
    """The result in plain words."""
    main = sources.main
    text = None if main is None else main.get("verdict")
    if main is not None and not text:
        text = f"{title('auroc')} {figure(main['metrics'].get('auroc'))} on {films_of(main)}."
    return Fact(plain(text), sources.main_place) if text else None


def internal(sources: CardSources) -> Fact | None:
    """The test on films of the data set that the model was made with."""
    main = sources.main
    if main is None or not sources.own_figures:
        return None
    found = {name: main["metrics"].get(name) for name in ("auroc", "sensitivity", "specificity")}
    told = ", ".join(f"{title(name)} {figure(one)}" for name, one in found.items())
    chosen = main.get("optimistic_reason") or "thresholds and calibration were fixed before, on other films"
    return Fact(
        f"{films_of(main)}, of the data set that trained the model: {told}. Note: {plain(chosen)}.", sources.main_place
    )


def external(sources: CardSources) -> Fact | None:
    """Evaluations on other films, or that there are none."""
    if sources.main is None:
        return None
    parts = []
    if sources.elsewhere:
        told = "; ".join(map(_of_further, sources.elsewhere))
        parts.append(f"Further reports: {told}. The program does not know whether these films come from another site.")
    parts += [
        f"No test on other films: {_of_further(one)}. {flattery(one)}"
        for one in sources.others
        if one not in sources.elsewhere
    ]
    if not parts:
        return Fact("No report on other films was given: all figures are of one evaluation.", sources.main_place)
    if not sources.elsewhere:
        parts.append("No report on other films was given.")
    return Fact(" ".join(parts), "report.json of each")


def _of_further(report: Mapping[str, Any]) -> str:
    at = f" ({plain(report['data'])})" if report.get("data") else ""
    found = report["metrics"]
    return (
        f"{films_of(report)}{at}: {title('auroc')} {figure(found.get('auroc'))}, sensitivity"
        f" {figure(found.get('sensitivity'))}, specificity {figure(found.get('specificity'))}"
    )


def flattery(report: Mapping[str, Any]) -> str:
    """Why the figures of a further report say nothing of other films, as a sentence."""
    reason = report.get("optimistic_reason")
    if reason:
        return f"The figures are too good: {plain(reason).rstrip('.')}."
    return "These are films of the run's own data set."


def failures(sources: CardSources) -> Fact | None:
    """How many films were answered wrongly, and where their names stand."""
    main = sources.main
    confusion = None if main is None else main.get("confusion")
    if main is None or not isinstance(confusion, Mapping):
        return None
    unit = main.get("unit", "film")
    return Fact(
        f"At {code(main.get('operating_point'))}: {counted(confusion['fn'], f'fractured {unit}')} missed"
        f" ({confusion['tp']:,} found), {counted(confusion['fp'], unit)} without fracture called fractured"
        f" ({confusion['tn']:,} left in peace). predictions.csv of the evaluation names each.",
        sources.main_place,
    )


def subgroups(sources: CardSources) -> Fact | None:
    """Figures by kind of film, the worst named."""
    told = evidence_sentences(sources.evidence("subgroups"))
    return Fact(" ".join(told), "report.json (evidence.subgroups)") if told else None


def heat_map_quality(sources: CardSources) -> Fact | None:
    """How well heat maps find the fractures."""
    told = evidence_sentences(sources.evidence("heat_maps"))
    return Fact(" ".join(told), "report.json (evidence.heat_maps)") if told else None


def robustness(sources: CardSources) -> Fact | None:
    """How figures change with damage to the films."""
    told = evidence_sentences(sources.stress)
    return Fact(" ".join(told), "stress.json") if told else None


def prediction(sources: CardSources) -> Fact | None:
    """How the measured answers were computed."""
    if sources.main is None:
        return None
    return Fact(
        f"The shipped graph ({code(sources.identity)}) answered each film through ONNX Runtime and the reader that"
        " `lucency predict` uses; not the training program's copy of the model.",
        sources.main_place,
    )


def updating(sources: CardSources) -> Fact | None:
    """Whether the model was calibrated anew, or changed after it was measured."""
    again = sources.recalibrated
    if again is not None:
        return Fact(
            f"Calibration, thresholds and abstention were fitted anew on {counted(again.get('films', 0), 'film')} of"
            f" {code(again.get('data'))}, {again.get('fractured')} fractured; the network is that of"
            f" {code(again.get('from'))}.",
            "card.json (provenance.recalibrated)",
        )
    if not sources.reports:
        return None
    return Fact(
        f"None: what was measured is this bundle ({code(sources.identity)}), whose hash covers weights, calibration and"
        " thresholds.",
        "report.json (bundle)",
    )


def evaluation_data(sources: CardSources) -> Fact | None:
    """How the films of the evaluation differ from those of training."""
    main, train = sources.main, split_counts(sources).get("train")
    if main is None or not train or not train["films"] or not main["films"]:
        return None
    shares = [percent(row["fractured"] / row["films"]) for row in (train, main)]
    same = "The same data set" if sources.own_figures else "Other films than the run's own test films"
    reason = main.get("optimistic_reason")
    caveat = f" The figures are too good: {plain(reason).rstrip('.')}." if reason else ""
    return Fact(
        f"{same}: {shares[0]} of the training films are fractured, {shares[1]} of those measured.{caveat}",
        f"card.json, {sources.main_place}",
    )


RESULT_FACTS: dict[str, Callable[[CardSources], Fact | None]] = {
    "performance": performance,
    "diagnostic": diagnostic,
    "metrics": metrics,
    "uncertainty": uncertainty,
    "verdict": verdict,
    "internal": internal,
    "external": external,
    "failures": failures,
    "subgroups": subgroups,
    "heat_map_quality": heat_map_quality,
    "robustness": robustness,
    "prediction": prediction,
    "updating": updating,
    "evaluation_data": evaluation_data,
}
"""Name -> how the fact is drawn; None where it is not known."""
