"""Clusters of copies kept by the contents that were compared, so that unchanged films are not compared again."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lucency.workflows.run_folder import write_text

if TYPE_CHECKING:
    from lucency.datasets.audit.copies import Copies, CopyLink
    from lucency.datasets.audit.survey import Survey
    from lucency.datasets.manifest import Manifest


def keep_copies(copies: Copies, manifest: Manifest, survey: Survey, prepared: Path) -> None:
    """Writes which contents show one radiograph; equal bytes need no record.

    Args:
        copies: Of the films.
        manifest: The films.
        survey: What decoding told of them.
        prepared: Home of prepared films.

    Raises:
        ResourceError: The folder cannot be written.
    """
    contents, place = _contents(manifest, survey)
    number = {content: index for index, content in enumerate(contents)}
    shas = list(manifest.table["sha256"])
    heads: dict[int, int] = {}
    cluster = [0] * len(contents)
    for content, rows in place.items():
        cluster[number[content]] = heads.setdefault(int(copies.cluster[rows[0]]), number[content])
    links = [
        [number[shas[link.first]], number[shas[link.second]], link.kind, link.score, link.turned, link.mirrored,
         link.inverted, link.scale]
        for link in copies.links
        if shas[link.first] in number and shas[link.second] in number and shas[link.first] != shas[link.second]
    ]  # fmt: skip
    write_text(_file(contents, prepared), json.dumps({"cluster": cluster, "links": links}))


def kept_copies(manifest: Manifest, survey: Survey, prepared: Path) -> Copies | None:
    """The copies among films whose contents were compared before, in any order and any number; None otherwise.

    Args:
        manifest: The films.
        survey: What decoding told of them.
        prepared: Home of prepared films.
    """
    from lucency.datasets.audit.copies import Copies, CopyLink

    contents, place = _contents(manifest, survey)
    try:
        kept: dict[str, Any] = json.loads(_file(contents, prepared).read_text("utf-8"))
        heads, kept_links = [int(head) for head in kept["cluster"]], list(kept["links"])
        links = [_placed(CopyLink(*link), contents, place) for link in kept_links]
        members: dict[int, list[int]] = defaultdict(list)
        for content, head in zip(contents, heads, strict=True):
            members[head] += place[content]
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None
    cluster = np.arange(len(manifest), dtype=np.int64)
    equal = defaultdict(list)
    for row, sha in enumerate(manifest.table["sha256"]):
        if sha:
            equal[sha].append(row)
    for rows in (*equal.values(), *members.values()):
        cluster[rows] = min(rows)
    same = [CopyLink(rows[0], row, "bytes") for rows in equal.values() for row in rows[1:]]
    return Copies(cluster, (*same, *links))


@cache
def audit_version() -> str:
    """Hash of the code that finds copies and shortcuts: what other code found is not taken for its own."""
    digest = hashlib.sha256()
    for package in ("opencv-python-headless", "faiss-cpu", "scikit-learn", "cleanlab"):
        with suppress(PackageNotFoundError):
            digest.update(f"{package} {version(package)}\n".encode())
    for room, pattern in (("lucency.datasets.audit", "*.py"), ("lucency.evaluation", "*.py")):
        spec = find_spec(room)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            for path in sorted(Path(folder).glob(pattern)):
                digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _contents(manifest: Manifest, survey: Survey) -> tuple[list[str], dict[str, list[int]]]:
    """The different contents that can be decoded, sorted, and the rows of each."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, (sha, known) in enumerate(zip(manifest.table["sha256"], survey.rows.tolist(), strict=True)):
        if known >= 0:
            rows[sha].append(row)
    return sorted(rows), rows


def _file(contents: list[str], prepared: Path) -> Path:
    digest = hashlib.sha256("\n".join([audit_version(), *contents]).encode()).hexdigest()
    return Path(prepared) / "audits" / f"copies-{digest[:24]}.json"


def _placed(link: CopyLink, contents: list[str], place: dict[str, list[int]]) -> CopyLink:
    """The link between the first films of two contents, seen from the one that stands first here."""
    from lucency.datasets.audit.copies import CopyLink

    first, second = (place[contents[index]][0] for index in (link.first, link.second))
    if first < second:
        return CopyLink(first, second, link.kind, link.score, link.turned, link.mirrored, link.inverted, link.scale)
    # The inverse of "mirror, then turn" is itself; that of a turn alone goes the other way round.
    turned = link.turned if link.mirrored else -link.turned % 360
    return CopyLink(
        second,
        first,
        link.kind,
        link.score,
        turned,
        link.mirrored,
        link.inverted,
        1 / link.scale if link.scale else 0.0,
    )
