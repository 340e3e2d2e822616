"""One look for all figures, and the ways to save them."""

from __future__ import annotations

import io
import re
from functools import lru_cache
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

# Okabe and Ito's palette: told apart by colour-blind readers too.
FRACTURED = "#d55e00"
NOT_FRACTURED = "#0072b2"
INK = "#20262d"
MUTED = "#79828c"

_THEMED = {
    INK: "currentColor",
    MUTED: "var(--muted)",
    FRACTURED: "var(--fractured)",
    NOT_FRACTURED: "var(--normal)",
}
_FONT = "DejaVu Sans"


def new_figure(width: float, height: float) -> Figure:
    """An empty figure that does not touch pyplot.

    Args:
        width: In inches.
        height: In inches.
    """
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def style(axes: Axes, *, title: str = "", x: str = "", y: str = "", grid: bool = True) -> None:
    """Give an axes the common look.

    Args:
        axes: What to style, after drawing.
        title: Above it, at the left.
        x: Label of the horizontal axis.
        y: Label of the vertical axis.
        grid: Whether faint lines are drawn.
    """
    axes.set_facecolor("none")
    axes.set_title(title, loc="left", fontsize=10.5, color=INK, parse_math=False)
    axes.set_xlabel(x, fontsize=10, color=INK)
    axes.set_ylabel(y, fontsize=10, color=INK)
    axes.tick_params(labelsize=9, colors=INK, length=3, width=0.8)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(INK)
        spine.set_linewidth(0.8)
    if grid:
        axes.grid(visible=True, color=MUTED, alpha=0.25, linewidth=0.6)
        axes.set_axisbelow(True)


def legend(axes: Axes, place: Literal["best", "upper left", "upper right", "lower left", "lower right"]) -> None:
    """A frameless legend.

    Args:
        axes: What it explains.
        place: A corner, or "best".
    """
    # Matplotlib warns of a legend without entries, as where no operating point lies on a curve.
    if not axes.get_legend_handles_labels()[1]:
        return
    axes.legend(loc=place, fontsize=9, frameon=False, labelcolor=INK, handlelength=1.6)


def printable(text: str) -> str:
    """The text with a question mark for each character that the font lacks, so that no film name can warn."""
    known = _characters()
    return "".join(char if ord(char) in known or char == "\n" else "?" for char in text)


@lru_cache(maxsize=1)
def _characters() -> frozenset[int]:
    return frozenset(get_font(findfont(FontProperties(family=_FONT))).get_charmap())


def to_png(figure: Figure, *, dpi: int = 160) -> bytes:
    """The figure as a PNG file on white.

    Args:
        figure: What to save.
        dpi: Pixels per inch.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def to_svg(figure: Figure) -> bytes:
    """The figure as an SVG file on white, the same bytes for the same figure."""
    return _numbered_ids(_raw_svg(figure, transparent=False), "f").encode()


def to_inline_svg(figure: Figure, *, name: str) -> str:
    """The figure as an `<svg>` element for a page: transparent, its colours taken from the page's theme.

    Args:
        figure: What to draw.
        name: Unique on the page; prefix of the ids inside.
    """
    svg = _raw_svg(figure, transparent=True)
    svg = _numbered_ids(svg[svg.index("<svg") :], re.sub(r"[^a-z0-9]+", "-", name.lower()))
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # Inside HTML the namespaces are known, and the page must not name any address.
    svg = re.sub(r' (?:xmlns(?::xlink)?|version)="[^"]*"', "", svg).replace("xlink:href", "href")
    for colour, variable in _THEMED.items():
        svg = svg.replace(colour, variable)
    return re.sub(
        r'(<svg[^>]*?) width="[^"]*"',
        r"\1",
        re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1),
        count=1,
    )


def _raw_svg(figure: Figure, *, transparent: bool) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=transparent, metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _numbered_ids(svg: str, prefix: str) -> str:
    # Matplotlib salts its ids at random, and two figures on one page may share some.
    numbers: dict[str, str] = {}
    for found in re.findall(r' id="([^"]+)"', svg):
        numbers.setdefault(found, f"{prefix}-{len(numbers)}")
    return re.sub(
        r'( id="|url\(#|href="#)([^")]+)',
        lambda hit: hit.group(1) + numbers.get(hit.group(2), hit.group(2)),
        svg,
    )
