"""Checks of the film files themselves: what cannot be read, and what a careless reader would read wrongly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, Final

from lucency.datasets.audit import files
from lucency.datasets.audit.evidence import Evidence
from lucency.datasets.audit.film_facts import FilmFacts
from lucency.datasets.audit.findings import Finding, Severity, counted
from lucency.datasets.file_names import misnamed_films
from lucency.errors import FilmError
from lucency.imaging.readers import IMAGE_SUFFIXES

WHITE_SHARE = 0.5
"""Films with so much pure white were clipped or inverted: in FracAtlas no film has more than 0.2 %."""

JUMP_SHARE = 0.03
"""Films with so many leaps from black to white wrapped around at 256: FracAtlas has at most 1.0 %, the low byte of a
12-bit film 5 % and more."""

COLOUR_SHARE = 0.001
"""So many clearly coloured pixels make a mark that a person sees: 400 of 640 x 640. FracAtlas has none at all."""

TINTED_SHARE = 0.2
"""With so many, the film itself is coloured, and not a mark on it."""

BLANK_SPREAD = 16.0
"""Grey levels between the first and the 99th percentile, below which nothing can be seen; FracAtlas has 78 and more."""

BLANK_FLAT = 0.97
"""Share of one grey level from which too little is left for a bone; FracAtlas has at most 77 %."""

TINY_SIDE = 64
"""Shorter side below which a fracture line is finer than a pixel: a forearm of 100 mm has then 1.6 mm a pixel."""

EXTREME_ASPECT = 4.0
"""A strip: letterboxed, less than a quarter of the input would show it. A film cassette is 1.2 to 3 times as long."""

_SUFFIXES: Final = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "WebP": (".webp",),
    "DICOM": (".dcm", ".dicom", ".dic"),
}


def unreadable(evidence: Evidence) -> list[Finding]:
    """Films that cannot be decoded, one finding for each code."""
    survey, manifest = evidence.survey, evidence.manifest
    if survey is None:
        return []
    return files.unreadable(
        manifest,
        {
            image_id: FilmError(facts.what, code=facts.code, hint=facts.hint)
            for image_id, facts in zip(manifest.table["image_id"], survey.facts, strict=True)
            if not facts.readable
        },
    )


def misnamed(evidence: Evidence) -> list[Finding]:
    """Films that no table can name, and that are left out for it."""
    names = evidence.manifest.misnamed
    if not names:
        return []
    # They have no rows, and so no image_ids.
    found = {"films": len(names), "names": list(names)}
    return [Finding("files", "error", f"{misnamed_films(names)}.", (), found, "Then audit again")]


def noticed(evidence: Evidence) -> list[Finding]:
    """What the reader had to guess or leave out; films of several pictures have a check of their own."""
    survey, manifest = evidence.survey, evidence.manifest
    if survey is None:
        return []
    return files.noticed(manifest, [facts.warnings if facts.frames == 1 else () for facts in survey.facts])


def wrong_suffix(evidence: Evidence) -> list[Finding]:
    """Files whose name says another format than their content."""
    named: Counter[str] = Counter()

    def misnamed(facts: FilmFacts, path: str) -> bool:
        suffix = PurePath(path).suffix.lower()
        wrong = suffix in IMAGE_SUFFIXES and suffix not in _SUFFIXES.get(facts.format, (suffix,))
        if wrong:
            named[f"{facts.format} named {suffix}"] += 1
        return wrong

    return _finding(
        evidence,
        misnamed,
        "note",
        lambda films: (
            f"{films} named for another format than {_has(films, 'it has', 'they have')}"
            f" ({', '.join(f'{number} {name}' for name, number in named.most_common())})."
        ),
        action="Nothing here: content decides. Other programs may refuse them; rename copies for those",
        more=lambda: {"names": dict(named)},
    )


def several_frames(evidence: Evidence) -> list[Finding]:
    """Files that hold more than one picture."""
    return _finding(
        evidence,
        lambda facts, _: facts.frames > 1,
        "note",
        lambda films: f"{films} with several pictures in one file: only the first is read.",
        action="Extract the picture that the label is about",
    )


def turned_by_exif(evidence: Evidence) -> list[Finding]:
    """Films that their EXIF block turns or mirrors."""
    return _finding(
        evidence,
        lambda facts, _: facts.orientation != 1,
        "note",
        lambda films: (
            f"{films} turned by EXIF: shown upright here, but boxes and other programs may use the unrotated frame."
        ),
        action="Look at the boxes of one of them with `lucency show`",
    )


def deep_films(evidence: Evidence) -> list[Finding]:
    """Picture files of more than 8 bits; of a DICOM every program expects them."""
    return _finding(
        evidence,
        lambda facts, _: facts.bits > 8 and facts.format != "DICOM",
        "note",
        lambda films: (
            f"{films} of more than 8 bits a pixel: read in full here, but readers that convert to 8 bits clip"
            " them to white."
        ),
        action="Give other programs an 8-bit copy that was scaled, not cut off",
    )


def lost_depth(evidence: Evidence) -> list[Finding]:
    """8-bit films that look like 16-bit ones that were converted badly."""
    wrapped = _finding(
        evidence,
        lambda facts, _: facts.bits <= 8 and facts.jumps >= JUMP_SHARE,
        "warning",
        lambda films: (
            f"{films} with leaps between black and white all over, as when the high byte of a 16-bit film is"
            " thrown away."
        ),
        action="Look at one of them with `lucency show`, and export them again from the 16-bit original",
    )
    clipped = _finding(
        evidence,
        lambda facts, _: facts.bits <= 8 and facts.jumps < JUMP_SHARE and WHITE_SHARE <= facts.white < BLANK_FLAT,
        "note",
        lambda films: f"{films} whose pixels are mostly pure white: clipped from 16 bits, or shown inverted.",
        action="Look at one of them with `lucency show`; export clipped films again from the original",
    )
    return wrapped + clipped


def coloured(evidence: Evidence) -> list[Finding]:
    """Films with colour in them: marks of a reader, boxes drawn in, or photographs of a screen."""
    marked = _finding(
        evidence,
        lambda facts, _: COLOUR_SHARE <= facts.colour < TINTED_SHARE,
        "warning",
        lambda films: (
            f"{films} with coloured marks, such as arrows, boxes or text: a model may read those and not the bone."
        ),
        action="Take the films without annotations, or leave these out",
    )
    tinted = _finding(
        evidence,
        lambda facts, _: facts.colour >= TINTED_SHARE,
        "note",
        lambda films: f"{films} in colour: a photograph or a picture of another kind, read as grey.",
        action="Look at one of them with `lucency show`",
    )
    return marked + tinted


def blank(evidence: Evidence) -> list[Finding]:
    """Films on which nothing can be seen."""
    return _finding(
        evidence,
        lambda facts, _: facts.high - facts.low < BLANK_SPREAD or facts.flat >= BLANK_FLAT,
        "warning",
        lambda films: (
            f"{films} blank, or nearly so: {_has(films, 'its label is', 'their labels are')} about something"
            " that cannot be seen."
        ),
        action="Look at them with `lucency show`; fetch them again or leave them out",
    )


def tiny(evidence: Evidence) -> list[Finding]:
    """Films too small to show a fracture line."""
    return _finding(
        evidence,
        lambda facts, _: min(facts.height, facts.width) < TINY_SIDE,
        "note",
        lambda films: (
            f"{films} with a side under {TINY_SIDE} pixels: thumbnails, on which a fine fracture line cannot be seen."
        ),
        action="Fetch the films in full size",
    )


def strips(evidence: Evidence) -> list[Finding]:
    """Films of extreme aspect."""
    return _finding(
        evidence,
        lambda facts, _: max(facts.height, facts.width) > EXTREME_ASPECT * min(facts.height, facts.width),
        "note",
        lambda films: (
            f"{films} more than {EXTREME_ASPECT:g} times as long as wide: little is left of"
            f" {_has(films, 'it', 'them')} in a square input."
        ),
        action="Crop them to the bone",
    )


def _finding(
    evidence: Evidence,
    wanted: Callable[[FilmFacts, str], bool],
    severity: Severity,
    message: Callable[[str], str],
    *,
    action: str,
    more: Callable[[], dict[str, Any]] = dict,
) -> list[Finding]:
    """One finding about the readable films that are `wanted`, by their facts and path; none where there is none."""
    survey, table = evidence.survey, evidence.manifest.table
    if survey is None:
        return []
    ids = tuple(
        image_id
        for image_id, path, facts in zip(table["image_id"], table["path"], survey.facts, strict=True)
        if facts.readable and wanted(facts, path)
    )
    if not ids:
        return []
    found = {"films": len(ids), **more()}
    return [Finding("files", severity, message(counted(len(ids), "film")), ids, found, action)]


def _has(films: str, one: str, many: str) -> str:
    return one if films == "1 film" else many
