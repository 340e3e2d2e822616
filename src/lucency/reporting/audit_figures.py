"""Figures of an audit, drawn from the numbers of audit.json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lucency.reporting.audit_films import CLASSES, SPLITS
from lucency.reporting.canvas import FRACTURED, INK, MUTED, NOT_FRACTURED, legend, new_figure, printable, style

Report = Mapping[str, Any]

WIDTH = 5.2
"""Inches; so narrow that the words can be read on a phone."""

_SPLIT_WORDS = {"train": "training", "val": "validation", "test": "test"}
_COLOURS = {"fractured": FRACTURED, "not_fractured": NOT_FRACTURED}
_ROW, _FRAME, _BAR = 0.42, 0.75, 0.34
_CHANCE = 0.5
_LINES = ((_CHANCE, "chance", "right"), (0.6, "warning", "left"))
_MOST_VALUES = 10
_FAINT = 0.3


@dataclass(frozen=True)
class _Bar:
    words: str
    value: float
    told: str
    colour: str
    faint: float | None = None


def radiographs_figure(report: Report) -> Figure | None:
    """Films and, within them, distinct radiographs of each split and class; None without films.

    Args:
        report: The content of audit.json.
    """
    bars = []
    for split, counts in _splits(report):
        for key, words in CLASSES.items():
            films, distinct = counts[key], counts[f"distinct_{key}"]
            if films:
                told = f"{films:,} film{'s' if films != 1 else ''}, {distinct:,} distinct"
                place = f"{_SPLIT_WORDS[split].capitalize()}, " if split else ""
                bars.append(_Bar(f"{place}{words}".capitalize(), distinct, told, _COLOURS[key], faint=films))
    if not bars:
        return None
    figure, axes = _bars(bars, most=max(bar.faint or 0 for bar in bars), told_above=True)
    style(axes, title="Films (faint) and distinct radiographs (full)", x="Films")
    return _bare(figure, axes)


def _splits(report: Report) -> list[tuple[str, Mapping[str, int]]]:
    named = [(split, report["splits"].get(split)) for split in SPLITS]
    found = [(split, counts) for split, counts in named if counts]
    if found:
        return found
    classes = report["classes"]
    films = {key: classes[key]["films"] for key in CLASSES}
    distinct = {f"distinct_{key}": classes[key]["distinct_radiographs"] for key in CLASSES}
    return [("", films | distinct)]


def look_up_figure(report: Report) -> Figure | None:
    """What copying the nearest film's label scores; None where it was not tried.

    Args:
        report: The content of audit.json.
    """
    bars = []
    for split in ("test", "val"):
        scores = report["look_up"].get(split)
        if not scores:
            continue
        place = _SPLIT_WORDS[split].capitalize()
        apart = scores.get("copies_grouped")
        majority = (apart or {}).get("majority_accuracy") or scores["as_split"].get("majority_accuracy")
        rows = (
            ("look-up, as split", scores["as_split"]["accuracy"], FRACTURED),
            ("look-up, copies kept on one side", (apart or {}).get("accuracy"), NOT_FRACTURED),
            ("always the commoner class", majority, MUTED),
        )
        bars += [
            _Bar(f"{place}: {words}", 100 * value, f"{100 * value:.1f} %", colour)
            for words, value, colour in rows
            if value is not None
        ]
    if not bars:
        return None
    figure, axes = _bars(bars, most=100)
    style(axes, title="Accuracy without any model", x="Films labelled rightly, in per cent")
    return _bare(figure, axes)


def shortcut_figure(report: Report) -> Figure | None:
    """How well each shortcut tells the label, with its interval; None where none was tried.

    Args:
        report: The content of audit.json.
    """
    probes = sorted(report["shortcuts"], key=lambda probe: -probe["auroc"])
    if not probes:
        return None
    figure, axes = _rows(len(probes), below=0.95)
    ends = [value for probe in probes for value in (probe["auroc"], probe["low"]) if value is not None]
    start = max(0.0, min(0.4, *ends) - 0.02)
    for place, probe in enumerate(probes):
        warned = probe["severity"] == "warning"
        # From chance on: the length of a bar is what the probe knows.
        colour = FRACTURED if warned else NOT_FRACTURED
        axes.barh(place, probe["auroc"] - _CHANCE, left=_CHANCE, height=_BAR, color=colour, linewidth=0)
        if probe["low"] is not None:
            axes.plot([probe["low"], probe["high"]], [place, place], color=INK, linewidth=1.4)
            for end in (probe["low"], probe["high"]):
                axes.plot([end, end], [place - 0.1, place + 0.1], color=INK, linewidth=1.4)
        # Beside the bars only, so that no line runs through words.
        for value, *_ in _LINES:
            axes.plot([value, value], [place - 0.2, place + 0.2], color=INK, linewidth=1)
        _write(axes, start, place, f"{_shortened(probe['title'], 44)}{' (warning)' if warned else ''}")
        axes.text(1.02, place, f"{probe['auroc']:.2f}", va="center", fontsize=9.5, color=INK, transform=_beside(axes))
    for value, words, side in _LINES:
        # To either side, so that the two never meet where the scale is narrow.
        axes.text(value, -0.78, f"{value:.2f}\n{words}", ha=side, va="bottom", fontsize=8.5, color=INK)
    axes.set(xlim=(start, 1.0), ylim=(len(probes) - 0.55, -0.78))
    style(axes, x="AUROC, with its 95 % interval")
    return _bare(figure, axes)


def balance_figure(report: Report, column: str) -> Figure | None:
    """Films of each body part or view, by class; None where they are not known.

    Args:
        report: The content of audit.json.
        column: "body_part" or "view".
    """
    counts: Counter[tuple[str, str]] = Counter()
    for cell in report["balance"]["cells"]:
        counts[cell[column], cell["label"]] += cell["films"]
    totals: Counter[str] = Counter()
    for (value, _), films in counts.items():
        totals[value] += films
    if not any(totals):
        return None
    ranked = [value for value, _ in sorted(totals.items(), key=lambda item: (-item[1], item[0]))]
    shown, others = ranked[:_MOST_VALUES], ranked[_MOST_VALUES:]
    rows = [(value or "not known", [value]) for value in shown]
    if others:
        rows.append((f"{len(others)} more", others))
    figure, axes = _rows(len(rows), below=0.95)
    most = max(sum(totals[value] for value in values) for _, values in rows)
    for place, (words, values) in enumerate(rows):
        left = 0
        for key, name in CLASSES.items():
            films = sum(counts[value, key] for value in values)
            label = name if place == 0 else None
            axes.barh(place, films, left=left, height=_BAR, color=_COLOURS[key], linewidth=0, label=label)
            left += films
        fractured = sum(counts[value, "fractured"] for value in values)
        _write(axes, 0, place, f"{_shortened(words, 28)}: {left:,}, {100 * fractured / left:.0f} % fractured")
    axes.set(xlim=(0, 1.02 * most), ylim=(len(rows) - 0.55, -0.9))
    style(axes, title={"body_part": "Body parts", "view": "Views"}[column], x="Films")
    legend(axes, "lower right")
    return _bare(figure, axes)


def _bars(bars: Sequence[_Bar], *, most: float, told_above: bool = False) -> tuple[Figure, Axes]:
    figure, axes = _rows(len(bars))
    for place, bar in enumerate(bars):
        if bar.faint is not None:
            axes.barh(place, bar.faint, height=_BAR, color=bar.colour, alpha=_FAINT, linewidth=0)
        axes.barh(place, bar.value, height=_BAR, color=bar.colour, linewidth=0)
        _write(axes, 0, place, f"{bar.words}: {bar.told}" if told_above else bar.words)
        if not told_above:
            axes.text(1.02, place, bar.told, va="center", fontsize=9.5, color=INK, transform=_beside(axes))
    axes.set(xlim=(0, most), ylim=(len(bars) - 0.55, -0.8))
    return figure, axes


def _rows(count: int, *, below: float = _FRAME) -> tuple[Figure, Axes]:
    figure = new_figure(WIDTH, _ROW * count + below)
    return figure, figure.add_subplot()


def _write(axes: Axes, x: float, place: int, words: str) -> None:
    # Above its bar, where a long title has the whole width of the figure.
    axes.text(x, place - 0.24, printable(words), va="bottom", fontsize=9.5, color=INK, parse_math=False)


def _beside(axes: Axes) -> Any:
    return axes.get_yaxis_transform()


def _bare(figure: Figure, axes: Axes) -> Figure:
    axes.set_yticks([])
    if axes.get_xlim()[1] > 1000:
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.spines["left"].set_visible(False)
    return figure


def _shortened(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
