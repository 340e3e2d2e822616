"""A model card in the form of the Hugging Face Hub: front matter that programs read, and a text for people."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from lucency.reporting.author_questions import QUESTIONS
from lucency.reporting.card_sections import SECTIONS, Draft, section_lines
from lucency.reporting.card_sources import CardSources
from lucency.reporting.facts_of_results import films_of, title
from lucency.reporting.figure_words import code, figure, plain

RESEARCH_ONLY = "Research use only. Not a medical device: not for diagnosis, triage or any decision about a patient."

LICENCES = frozenset(
    [
        "apache-2.0",
        "mit",
        "bsd-2-clause",
        "bsd-3-clause",
        "bsl-1.0",
        "cc0-1.0",
        "cc-by-3.0",
        "cc-by-4.0",
        "cc-by-sa-3.0",
        "cc-by-sa-4.0",
        "cc-by-nc-2.0",
        "cc-by-nc-3.0",
        "cc-by-nc-4.0",
        "cc-by-nd-4.0",
        "cc-by-nc-nd-3.0",
        "cc-by-nc-nd-4.0",
        "cc-by-nc-sa-2.0",
        "cc-by-nc-sa-3.0",
        "cc-by-nc-sa-4.0",
        "gpl",
        "gpl-2.0",
        "gpl-3.0",
        "agpl-3.0",
        "lgpl",
        "lgpl-2.1",
        "lgpl-3.0",
        "mpl-2.0",
        "isc",
        "unlicense",
        "openrail",
        "bigscience-openrail-m",
        "creativeml-openrail-m",
        "pddl",
        "odbl",
        "etalab-2.0",
        "unknown",
        "other",
    ]
)
"""Identifiers of licences that the Hub knows (of its list, those that weights are likely to have)."""

METRIC_TYPES = {
    "auroc": "roc_auc",
    "average_precision": "average_precision",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced_accuracy",
    "sensitivity": "recall",
    "specificity": "specificity",
    "ppv": "precision",
    "npv": "npv",
    "f1": "f1",
    "mcc": "matthews_correlation",
    "brier": "brier_score",
}
"""Our metrics that go into the front matter, and how the Hub's library of metrics calls them, where it has them."""


def front_matter(sources: CardSources, answers: Mapping[str, str]) -> Any:
    """The metadata of the card.

    Args:
        sources: All that is known.
        answers: The author's answers: "licence" and "datasets" stand here.

    Returns:
        A `huggingface_hub.ModelCardData`; nothing is looked up in any network.
    """
    # Takes half a second, and `lucency --help` needs none of it.
    from huggingface_hub import EvalResult, ModelCardData

    main = sources.main
    results = []
    if main is not None and main.get("unit", "film") == "film":
        name = str(main.get("data") or sources.data.get("source") or "films")
        for metric, kind in METRIC_TYPES.items():
            found = main["metrics"].get(metric)
            if found is not None and found["value"] is not None:
                results.append(
                    EvalResult(
                        task_type="image-classification",
                        task_name="Does a radiograph show a fracture?",
                        dataset_type=slug(name),
                        dataset_name=name,
                        dataset_split=str(main.get("split")),
                        metric_type=kind,
                        metric_name=f"{title(metric)}, {figure(found)}",
                        # More digits than the interval bears only look exact.
                        metric_value=round(found["value"], 4),
                    )
                )
    licence, licence_name = licence_of(answers.get("licence") or str(sources.card.get("licence") or ""))
    named = [one.strip() for one in answers.get("datasets", "").split(",") if one.strip()]
    recipe = sources.recipe.get("model")
    architecture = recipe.get("architecture") if isinstance(recipe, Mapping) else None
    tags = [
        "x-ray",
        "radiograph",
        "bone-fracture",
        "medical-imaging",
        "onnx",
        "research-only",
        *([slug(str(architecture))] if architecture else []),
    ]
    return ModelCardData(
        license=licence,
        license_name=licence_name,
        library_name="lucency",
        pipeline_tag="image-classification",
        tags=tags,
        datasets=named or None,
        metrics=[METRIC_TYPES[name] for name in METRIC_TYPES if main is not None and name in main["metrics"]] or None,
        model_name=str(sources.card.get("name") or "model"),
        eval_results=results or None,
    )


def licence_of(text: str) -> tuple[str, str | None]:
    """The Hub's identifier of a licence, and a name where it is none of those that the Hub knows.

    Args:
        text: An identifier, a sentence, or "".
    """
    key = text.strip().lower().replace(" ", "-")
    if key in LICENCES:
        return key, None
    if not key or key.startswith("not-stated"):
        return "unknown", None
    return "other", slug(text) if " " not in text.strip() else "see-licence-and-attribution"


def slug(text: str) -> str:
    """Text as an identifier: small letters, digits, dots and dashes."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.") or "unnamed"


def open_questions(sources_known: Mapping[str, Any], answers: Mapping[str, str]) -> list[str]:
    """Keys of `QUESTIONS` that neither the author nor a fact answers.

    Args:
        sources_known: Name -> fact, or None.
        answers: The author's answers.
    """
    return [
        key
        for key, question in QUESTIONS.items()
        if key not in answers and not (question.fact and sources_known[question.fact] is not None)
    ]


def render_card(draft: Draft, counts: Sequence[str]) -> str:
    """The card: front matter and text.

    Args:
        draft: What it is written from.
        counts: A sentence for each checklist on how far it is filled.

    Raises:
        ValueError: The front matter does not survive being read back, which would be a fault of this program.
    """
    from huggingface_hub import ModelCard

    sources = draft.sources
    data = front_matter(sources, draft.answers)
    main = sources.main
    measured = "" if main is None else f" Measured on {films_of(main)}."
    lines = [f"# {plain(sources.card.get('name') or 'model')}", "", f"> **{RESEARCH_ONLY}**", ""]
    lines += [
        f"Drafted by `lucency card` from the files of {code(sources.identity)}; every figure is theirs.{measured}",
        "",
    ]
    for name in SECTIONS:
        lines += section_lines(name, draft)
    left = open_questions(draft.facts, draft.answers)
    lines += ["## Checklists", "", *(f"- {sentence}" for sentence in counts), ""]
    lines += ["## Questions for the author", ""]
    lines += [*(f"- {QUESTIONS[key].asks} (`{key}`)" for key in left), ""] if left else ["None is open.", ""]
    content = f"---\n{data.to_yaml()}\n---\n\n" + "\n".join(lines)
    card: Any = ModelCard(content)
    if card.data.to_dict() != data.to_dict():
        raise ValueError("the front matter of the card is not what was written")
    return content
