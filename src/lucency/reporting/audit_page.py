"""One HTML file that tells a whole audit and opens offline."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment
from markupsafe import Markup
from matplotlib.figure import Figure

from lucency.reporting.audit_figures import balance_figure, look_up_figure, radiographs_figure, shortcut_figure
from lucency.reporting.audit_films import CLASSES, SPLITS, Film, class_of, copy_sets, films_of, random_films
from lucency.reporting.compare_page import plain
from lucency.reporting.film_figures import film_figures
from lucency.reporting.html import embedded, page_environment
from lucency.reporting.thumbnails import Pictures, thumbnail_addresses

MOST_SETS, EACH_SET = 60, 8
"""Sets of copies on the page, and films of each that are shown."""

MOST_BAD = 1_000
"""Films that cannot be read, on the page."""

MOST_CARDS, EACH_FINDING = 6, 6
"""Findings that open the page, and pictures of each finding."""

MOST_IDS, FIRST_IDS = 20_000, 40
"""Names of films of one finding on the page, and how many of them a page without its script shows."""

MOST_SUSPECTS = 24
"""Films whose label a model doubts, with their pictures."""

SAMPLES = 12
"""Random films of each class."""

PAGE_SETS, PAGE_ROWS, PAGE_IDS = 12, 20, 120
"""Sets of copies, rows of a table and names that are seen at once."""

_FIGURES = {
    "radiographs": "Films and distinct radiographs of each split and class",
    "look_up": "Accuracy of copying the most similar film's label, as split and with copies kept on one side",
    "shortcuts": "AUROC of each way to tell the label without looking at bone, with its interval",
    "body_parts": "Films of each body part, by class",
    "views": "Films of each view, by class",
    "sizes": "Width and height of the films, by class",
    "aspect": "Width over height of the films, by class",
    "bytes": "Sizes of the files, by class",
    "means": "Mean grey levels of the films, by class",
    "contrast": "Standard deviations of the grey levels of the films, by class",
}
_SEVERITIES = ("error", "warning", "note")
_SPLIT_WORDS = {"train": "training", "val": "validation", "test": "test", "": "no split"}


def render_audit(
    report: Mapping[str, Any],
    films: Sequence[Mapping[str, Any]],
    clusters: Sequence[Mapping[str, Any]],
    pictures: Pictures,
    *,
    made: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    seed: int = 0,
) -> str:
    """The audit as one page without any outside resource.

    Args:
        report: The content of audit.json, schema 1.
        films: Rows of the table of films.
        clusters: Rows of the table of clusters.
        pictures: Called once with the names of the films to show (some hundreds at most).
        made: How it was made: command, settings, time, versions.
        notes: Sentences about what was left out, such as shortcuts that could not be tried.
        seed: Of the random samples.

    Returns:
        The HTML text.
    """
    table = films_of(films)
    sets = copy_sets(clusters, most=MOST_SETS, each=EACH_SET)
    samples = {key: random_films(table, key, count=SAMPLES, seed=seed) for key in CLASSES}
    findings = _findings(report["findings"], table)
    suspects = [
        {**suspect, "label": class_of(suspect["label"])}
        for suspect in (report["label_errors"] or {}).get("suspects", ())[:MOST_SUSPECTS]
    ]
    shown = [
        *(film.image_id for found in sets for film in found.shown),
        *(film.image_id for drawn in samples.values() for film in drawn),
        *(image_id for finding in findings for image_id in finding["pictured"]),
        *(suspect["image_id"] for suspect in suspects),
    ]
    environment = page_environment()
    environment.filters.update(
        count=_count, words_of_split=_words_of_split, sentence=_sentence, file=_file, plain=plain
    )
    script = _source(environment, "audit.js")
    data = {"findings": {finding["place"]: finding["ids"] for finding in findings if finding["more"]}}
    return environment.get_template("audit.html.j2").render(
        title=f"Lucency audit: {report['source']}",
        report=report,
        classes=CLASSES,
        splits=[split for split in SPLITS if report["splits"].get(split)],
        findings=findings,
        severities={word: sum(finding["severity"] == word for finding in findings) for word in _SEVERITIES},
        cards=[finding for finding in findings if finding["severity"] != "note"][:MOST_CARDS],
        sets=sets,
        bad=[film for film in table if film.code],
        samples={key: drawn for key, drawn in samples.items() if drawn},
        seed=seed,
        suspects=suspects,
        pictures=thumbnail_addresses(shown, pictures),
        figures={
            name: embedded(figure, name=f"audit {name}", words=_FIGURES[name])
            for name, figure in _figures(report, table).items()
        },
        made={"Lucency": report["lucency"], "films from": report["source"], **(made or {})},
        notes=notes,
        limits={"bad": MOST_BAD, "ids": MOST_IDS, "first_ids": FIRST_IDS},
        per_page={"sets": PAGE_SETS, "rows": PAGE_ROWS, "ids": PAGE_IDS},
        script=Markup(script),
        script_hash=_content_hash(script),
        data=json_for_page(data),
    )


def json_for_page(content: Any) -> Markup:
    """JSON that cannot end the script element that it stands in, whatever names it holds.

    Args:
        content: Plain JSON values.
    """
    text = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
    # Inside a string of JSON these three can be written as escapes, and they stand nowhere else.
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text)


def _findings(found: Sequence[Mapping[str, Any]], films: Sequence[Film]) -> list[dict[str, Any]]:
    """The findings, the most severe first, each with its place on the page and the names that are shown."""
    unreadable = {film.image_id for film in films if film.code}
    ranked = sorted(found, key=lambda finding: _rank(finding["severity"]))
    rows = []
    for place, finding in enumerate(ranked):
        ids = [str(image_id) for image_id in finding["image_ids"]]
        seen = [image_id for image_id in ids[: 4 * EACH_FINDING] if image_id not in unreadable]
        rows.append(
            {
                **finding,
                "place": place,
                "films": len(ids),
                "ids": ids[:MOST_IDS],
                "first": ids[:FIRST_IDS],
                "more": len(ids) > FIRST_IDS,
                "pictured": seen[:EACH_FINDING],
            }
        )
    return rows


def _rank(severity: str) -> int:
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)


def _figures(report: Mapping[str, Any], films: Sequence[Film]) -> dict[str, Figure]:
    drawn = {
        "radiographs": radiographs_figure(report),
        "look_up": look_up_figure(report),
        "shortcuts": shortcut_figure(report),
        "body_parts": balance_figure(report, "body_part"),
        "views": balance_figure(report, "view"),
        **film_figures(films),
    }
    return {name: figure for name, figure in drawn.items() if figure is not None}


def _source(environment: Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _content_hash(script: str) -> str:
    # Named by its hash in the page's policy, this script runs and no other can, whatever the names of the films.
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _words_of_split(split: str) -> str:
    return _SPLIT_WORDS.get(split, split)


def _sentence(text: str) -> str:
    return f"{text.rstrip('.')}."


def _file(image_id: str) -> str:
    # Below a picture there is no room for the folders, and split and class are named beside it.
    return image_id.rstrip("/").rpartition("/")[2]
