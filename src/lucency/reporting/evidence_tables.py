"""Sections of evidence (subgroups, heat maps, abstention, gate, shift, a stress test) as sentences and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from lucency.reporting.figure_words import code, figure, number, percent, plain, table

_SENTENCES = ("verdict", "sentences", "sentence", "reason", "notes", "note")
_AT_A_GLANCE = ("auroc", "sensitivity", "specificity")
_MAPS = {"model": "The model's map", "flat": "A flat map", "centre": "The centre", "elsewhere": "Other films' boxes"}

Table = tuple[str, Sequence[str], Sequence[Sequence[str]]]
"""Title ("" for none), headings, rows."""


def is_figure(value: Any) -> bool:
    """Whether a value is a figure: {"value", "low", "high", ...}."""
    return isinstance(value, Mapping) and {"value", "low", "high"} <= set(value)


def evidence_sentences(section: Mapping[str, Any] | None) -> list[str]:
    """What a section says in words; nothing where there is none.

    Args:
        section: Of "evidence" in report.json, or the content of stress.json.
    """
    told = []
    for key in _SENTENCES:
        value = (section or {}).get(key)
        for one in value if isinstance(value, list | tuple) else (value,):
            if isinstance(one, str) and one.strip():
                text = plain(one)
                told.append(text if text.endswith((".", "!", "?")) else f"{text}.")
    return told


def evidence_lines(name: str, section: Mapping[str, Any] | None, *, sentences: bool = True) -> list[str]:
    """A section in Markdown: its sentences, then its tables.

    Args:
        name: "subgroups", "heat_maps", "stress", ...; one that has no row in `_TABLES` is shown row by row as it is.
        section: As for `evidence_sentences`.
        sentences: Whether to begin with what it says in words.
    """
    if not section:
        return []
    lines = [line for text in evidence_sentences(section) if sentences for line in (text, "")]
    for title, columns, rows in _TABLES.get(name, _any_tables)(section):
        lines += [*([f"{title}:", ""] if title else []), *table(columns, rows), ""]
    return lines


def _subgroups(section: Mapping[str, Any]) -> Iterator[Table]:
    for trait in section.get("traits") or ():
        rows = [
            (
                plain(row.get("value", "")),
                f"{row.get('films', 0):,}",
                f"{row.get('fractured', 0):,}",
                *(figure((row.get("metrics") or {}).get(name)) for name in _AT_A_GLANCE),
            )
            for row in trait.get("rows") or ()
        ]
        # A kind with one value is all films once more.
        if len(rows) > 1:
            title = plain(str(trait.get("name", "")).replace("_", " "))
            yield title, (title.capitalize(), "Films", "Fractured", "AUROC", "Sensitivity", "Specificity"), rows


def _heat_maps(section: Mapping[str, Any]) -> Iterator[Table]:
    rows = []
    for part in section.get("sets") or ():
        maps = part.get("maps") or {}
        found = [figure((maps.get(name) or {}).get("pointing")) for name in _MAPS]
        rows.append((plain(part.get("words") or part.get("name", "")), f"{part.get('films', 0):,}", *found))
    if rows:
        yield (
            "How often the hottest cell lies in a box, or at most a cell beside it",
            ("Films", "Number", *_MAPS.values()),
            rows,
        )


def _stress(section: Mapping[str, Any]) -> Iterator[Table]:
    clean = section.get("clean") or {}
    if clean:
        of = f" of {code(section['data'])}" if section.get("data") else ""
        films = f"{section.get('films', 0):,} {plain(section.get('split', ''))} films{of} as they are"
        yield films, ("AUROC", "Sensitivity", "Specificity"), [[figure(clean.get(name)) for name in _AT_A_GLANCE]]
    corruptions = section.get("corruptions") or []
    levels = sorted({cell["severity"] for row in corruptions for cell in row.get("severities") or ()})
    rows = []
    for row in corruptions:
        at = {cell["severity"]: number(cell.get("auroc")) for cell in row.get("severities") or ()}
        status = f"at {row['breaks_at']}" if row.get("breaks_at") is not None else plain(row.get("status", ""))
        rows.append((plain(row.get("title") or row.get("name", "")), *(at.get(level, "-") for level in levels), status))
    if rows:
        yield "AUROC by severity of the damage", ("Damage", *map(str, levels), "Breaks"), rows


def _abstention(section: Mapping[str, Any]) -> Iterator[Table]:
    rows = [
        (
            percent(rate["error_rate"]),
            *(figure(rate.get(name)) for name in ("uncertain", "wrong", "sensitivity", "specificity")),
        )
        for rate in section.get("rates") or ()
        if isinstance(rate.get("error_rate"), float)
    ]
    if rows:
        yield (
            "At each error rate",
            (
                "Error rate",
                "Uncertain",
                "Wrong among decided",
                "Sensitivity among decided",
                "Specificity among decided",
            ),
            rows,
        )


def _decision_curve(section: Mapping[str, Any]) -> Iterator[Table]:
    at = section.get("operating_point")
    if isinstance(at, Mapping) and is_figure(at.get("model")):
        finds = at.get("finds_per_100")
        yield (
            "Net benefit",
            ("Operating point", "Threshold", "Model", "Calling all fractured", "More finds per 100 films"),
            [
                (
                    code(at.get("name", "")),
                    number(at.get("threshold")),
                    figure(at["model"]),
                    number(at.get("treat_all")),
                    figure(finds) if is_figure(finds) else number(finds),
                )
            ],
        )


_TABLES: dict[str, Callable[[Mapping[str, Any]], Iterator[Table]]] = {
    "subgroups": _subgroups,
    "heat_maps": _heat_maps,
    "stress": _stress,
    "abstention": _abstention,
    "decision_curve": _decision_curve,
}


def _any_tables(section: Mapping[str, Any]) -> Iterator[Table]:
    own = [(plain(key.replace("_", " ")), figure(one)) for key, one in section.items() if is_figure(one)]
    if own:
        yield "", ("Measure", "Value (interval)"), own
    for key, found in section.items():
        rows = found if isinstance(found, list) else list(found.values()) if isinstance(found, Mapping) else []
        if is_figure(found) or not rows or not all(isinstance(row, Mapping) for row in rows):
            continue
        shown = [name for name in dict.fromkeys(name for row in rows for name in row) if _shown(rows, name)]
        if not any(is_figure(row.get(name)) for row in rows for name in shown):
            continue
        names = [plain(str(name).replace("_", " ")) for name in found] if isinstance(found, Mapping) else []
        cells: list[Sequence[str]] = [[_cell(row.get(name)) for name in shown] for row in rows]
        if names:
            cells = [(name, *row) for name, row in zip(names, cells, strict=True)]
        heads = [*(["Name"] if names else []), *(plain(name.replace("_", " ").capitalize()) for name in shown)]
        yield plain(key.replace("_", " ")).capitalize(), heads, cells


def _shown(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    return all(
        is_figure(value) or isinstance(value, str | int | float | None) for value in (row.get(name) for row in rows)
    )


def _cell(value: Any) -> str:
    if is_figure(value):
        return figure(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or isinstance(value, float):
        return number(value)
    return f"{value:,}" if isinstance(value, int) else plain(value)
