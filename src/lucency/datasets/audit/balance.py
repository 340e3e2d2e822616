"""How many films there are of each class, and whether that is enough to measure anything."""

from __future__ import annotations

import math
from collections import Counter

from lucency.datasets.audit.evidence import Evidence
from lucency.datasets.audit.findings import Finding, counted
from lucency.datasets.audit.random_split import is_random
from lucency.datasets.audit.split_cells import Cell, cells_of, distinct_fractured

FEW_POSITIVES = 30
"""With fewer films, a 95 % interval of a sensitivity of 0.8 is about 30 points wide (Wilson)."""

FEW_IN_CELL = 5
"""A cell with fewer films says nothing about films of its kind."""

_NORMAL_QUANTILE = 1.96
_CERTAIN_ENOUGH = 0.05
_LOPSIDED_FILMS = 20
_LOPSIDED_SHARE = 0.95
_LOPSIDED_ERRORS = 3.0


def class_balance(evidence: Evidence) -> list[Finding]:
    """What always giving the more frequent answer would score."""
    manifest = evidence.manifest
    fractured, films = int(manifest.table["label"].sum()), len(manifest)
    if not films:
        return []
    majority = max(fractured, films - fractured) / films
    answer = "fractured" if 2 * fractured > films else "not fractured"
    return [
        Finding(
            check="balance",
            severity="note",
            message=f"{fractured} of {counted(films, 'film')} are fractured ({100 * fractured / films:.1f} %): always"
            f' answering "{answer}" is {100 * majority:.1f} % accurate.',
            evidence={"films": films, "fractured": fractured, "majority_accuracy": majority},
            action="Read AUROC, sensitivity and specificity rather than accuracy",
        )
    ]


def lopsided_columns(evidence: Evidence) -> list[Finding]:
    """Body parts and views nearly all of whose films are of one class."""
    table = evidence.manifest.table
    findings = []
    for column, word in (("body_part", "body part"), ("view", "view")):
        films: Counter[str] = Counter(table[column])
        fractured: Counter[str] = Counter(table.loc[table["label"] == 1, column])
        share = sum(fractured.values()) / max(1, len(table))
        counts = {
            value: {"films": films[value], "fractured": fractured[value]}
            for value in sorted(films)
            if value and _lopsided(films[value], fractured[value], share)
        }
        if counts:
            told = ", ".join(f"{value} ({c['fractured']} of {c['films']} fractured)" for value, c in counts.items())
            findings.append(
                Finding(
                    check="balance",
                    severity="note",
                    message=f"Nearly all films of one {word} are of one class: {told}; of all films"
                    f" {100 * share:.1f} % are fractured.",
                    image_ids=tuple(table.loc[table[column].isin(list(counts)), "image_id"]),
                    evidence={"column": column, "values": counts, "share_fractured": share},
                    action=f"Report figures for each {word}: a model that only knows the {word} scores well on these",
                )
            )
    return findings


def _lopsided(films: int, fractured: int, share: float) -> bool:
    if films < _LOPSIDED_FILMS or max(fractured, films - fractured) < _LOPSIDED_SHARE * films:
        return False
    error = math.sqrt(films * share * (1 - share))
    return error > 0 and abs(fractured - films * share) > _LOPSIDED_ERRORS * error


def smallest_cell(evidence: Evidence) -> list[Finding]:
    """The smallest group of films that share split, class, body part and view, where body parts or views are known."""
    cell = smallest(cells_of(evidence))
    if cell is None or cell.films >= FEW_IN_CELL or not (cell.body_part or cell.view):
        return []
    words = ", ".join(word for word in (cell.split, cell.label.replace("_", " "), cell.body_part, cell.view) if word)
    return [
        Finding(
            check="balance",
            severity="note",
            message=f"The smallest cell of split, class, body part and view has {counted(cell.films, 'film')}"
            f" ({words}): nothing can be said about films of its kind.",
            evidence=cell.to_json(),
            action="Do not quote figures for single body parts or views that rest on so few films",
        )
    ]


def smallest(cells: list[Cell]) -> Cell | None:
    """The cell with the fewest films, the first of equals; None where there are no cells."""
    return min(cells, key=lambda cell: cell.films, default=None)


def tiny_splits(evidence: Evidence) -> list[Finding]:
    """Validation and test splits with too few films of a class."""
    manifest = evidence.manifest
    counts = Counter(zip(manifest.table["split"], manifest.table["label"], strict=True))
    findings = []
    for split in ("val", "test"):
        fractured, normal = counts[split, 1], counts[split, 0]
        if fractured + normal and min(fractured, normal) < FEW_POSITIVES:
            random = "A random " if is_random(manifest) else ""
            findings.append(
                Finding(
                    check="balance",
                    severity="note",
                    message=f"{random}{split} has {fractured} fractured and {normal} other films: its figures"
                    f" {'would' if random else 'will'} be uncertain.",
                    evidence={"split": split, "fractured": fractured, "not_fractured": normal},
                    action="Read the intervals, or bring more films",
                )
            )
    return findings


def half_width(positives: int) -> float | None:
    """Half of the expected 95 % interval on sensitivity, as a share 0..1; None without positives.

    It is the normal approximation at the worst case, a sensitivity of 0.5: 1.96 * sqrt(0.25 / positives). With 50
    positives that is 0.139; a Wilson interval at a sensitivity of 0.8 would be about 0.11 to either side.
    """
    return min(1.0, _NORMAL_QUANTILE * math.sqrt(0.25 / positives)) if positives else None


def sensitivity_width(evidence: Evidence) -> list[Finding]:
    """How well the test films can tell the sensitivity, or the validation films where there are no test films."""
    for split in ("test", "val"):
        positives, distinct = distinct_fractured(evidence, split)
        width = half_width(distinct)
        if width is None:
            continue
        if width <= _CERTAIN_ENOUGH:
            return []
        shown = counted(positives, "positive")
        if distinct < positives:
            shown += f" that show {counted(distinct, 'distinct radiograph')}"
        place = f"{'a random ' if is_random(evidence.manifest) else ''}{split}"
        return [
            Finding(
                check="balance",
                severity="note",
                message=f"With {shown} in {place}, your sensitivity is known to ±{100 * width:.0f} points (95 %, at"
                " the worst case of 0.5).",
                evidence={
                    "split": split,
                    "positives": positives,
                    "distinct_positives": distinct,
                    "half_width": width,
                    "assumes": "normal approximation at a sensitivity of 0.5",
                },
                action="Quote the interval with the figure, or bring more fractured films",
            )
        ]
    return []
