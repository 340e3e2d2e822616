"""Films whose files cannot be used, or only with a guess; known once they have been decoded."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from lucency.datasets.audit.findings import Finding, counted
from lucency.datasets.manifest import Manifest
from lucency.datasets.vocabulary import CLASS_NAMES
from lucency.errors import FilmError

CHANGED = "changed_since_scan"
"""Code in the evidence of a Finding about films whose bytes are not those that were scanned."""


def unreadable(manifest: Manifest, failures: Mapping[str, FilmError]) -> list[Finding]:
    """Films that were left out, one finding for each code.

    Args:
        manifest: All films.
        failures: Why a film cannot be read, by image_id.
    """
    label_of = dict(zip(manifest.table["image_id"], manifest.table["label"], strict=True))
    by_code: dict[str, list[str]] = defaultdict(list)
    for image_id in manifest.table["image_id"]:
        if image_id in failures:
            by_code[failures[image_id].code].append(image_id)
    findings = []
    for code, ids in sorted(by_code.items()):
        labels = Counter(int(label_of[image_id]) for image_id in ids)
        classes = " and ".join(f"{labels[label]} {CLASS_NAMES[label]}" for label in (1, 0) if labels[label])
        first = failures[ids[0]]
        findings.append(
            Finding(
                check="files",
                severity="error",
                message=f"{counted(len(ids), 'film')} left out ({code.replace('_', ' ')}): {classes}. {first.what}.",
                image_ids=tuple(ids),
                evidence={
                    "code": code,
                    "films": len(ids),
                    "fractured": labels[1],
                    "not_fractured": labels[0],
                    "messages": {image_id: failures[image_id].what for image_id in ids},
                },
                action=first.hint or ("Scan again" if code == CHANGED else "Fetch or export the films again"),
            )
        )
    return findings


def noticed(manifest: Manifest, warnings: Sequence[tuple[str, ...]]) -> list[Finding]:
    """What the reader had to guess or leave out, one finding for each sentence.

    Args:
        manifest: The films that were read.
        warnings: Sentences about each of them.
    """
    by_warning: dict[str, list[str]] = defaultdict(list)
    for image_id, sentences in zip(manifest.table["image_id"], warnings, strict=True):
        for warning in sentences:
            by_warning[warning].append(image_id)
    return [
        Finding(
            check="files",
            severity="note",
            message=f"{counted(len(ids), 'film')}: {warning}",
            image_ids=tuple(ids),
            evidence={"warning": warning, "films": len(ids)},
            action="Look at one of them with `lucency show`",
        )
        for warning, ids in sorted(by_warning.items())
    ]
