"""AuditReport: what an audit found, as numbers and tables; sentences, figures and pages are drawn from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from lucency.datasets.audit import audit_counts as counts
from lucency.datasets.audit.duplicates import usable
from lucency.datasets.audit.evidence import Evidence
from lucency.datasets.audit.film_tables import clusters_table, films_table
from lucency.datasets.audit.findings import Finding
from lucency.datasets.audit.verdict import audit_verdict

SCHEMA = 1
"""Of `to_json`. It grows by keys; a key that is there stays and keeps its meaning."""

SplitsAre = Literal["given", "random"]


@dataclass(frozen=True, eq=False)
class AuditReport:
    """What an audit found.

    Attributes:
        version: Of Lucency.
        source: Of the films.
        verdict: The worst thing, in one plain sentence or two.
        films: One row per film; see `films_table`.
        clusters: One row per film that has a copy; see `clusters_table`.
        findings: The most severe first.
        readable: Films that can be read.
        distinct_radiographs: Different radiographs among them.
        classes: By class: films, readable, distinct_radiographs.
        splits_are: "given", or "random" where the data set has none: a random one then shows what would leak.
        splits: By split: films and distinct radiographs, also of each class; None for a split without films.
        leakage: For val and test: films with a copy in train, also by class, and films of a group that is in train.
        look_up: For val and test: what copying the nearest film's label scores, as split and with copies grouped.
        duplicates: Clusters of copies, films in them, redundant films, by kind.
        shortcuts: Ways to tell the label without looking at bone.
        balance: Cells, expected width of the interval on sensitivity, patients and exams.
        label_errors: Films whose label a model doubts; None where no model was asked.
    """

    version: str
    source: str
    verdict: str
    films: pd.DataFrame
    clusters: pd.DataFrame
    findings: tuple[Finding, ...]
    readable: int
    distinct_radiographs: int
    classes: Mapping[str, Mapping[str, int]]
    splits_are: SplitsAre
    splits: Mapping[str, Mapping[str, int] | None]
    leakage: Mapping[str, Mapping[str, Any] | None]
    look_up: Mapping[str, Mapping[str, Any] | None]
    duplicates: Mapping[str, Any]
    shortcuts: tuple[Mapping[str, Any], ...]
    balance: Mapping[str, Any]
    label_errors: Mapping[str, Any] | None

    @property
    def findings_table(self) -> pd.DataFrame:
        """One row per finding: check, severity, message, films (how many it names), image_ids, evidence, action."""
        columns = ["check", "severity", "message", "films", "image_ids", "evidence", "action"]
        rows = [finding.to_json() | {"films": len(finding.image_ids)} for finding in self.findings]
        return pd.DataFrame(rows, columns=columns)

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values; the tables are left out, `films` is the number of films."""
        return {
            "schema": SCHEMA,
            "lucency": self.version,
            "source": self.source,
            "verdict": self.verdict,
            "films": len(self.films),
            "readable": self.readable,
            "distinct_radiographs": self.distinct_radiographs,
            "classes": dict(self.classes),
            "splits_are": self.splits_are,
            "splits": dict(self.splits),
            "leakage": dict(self.leakage),
            "look_up": dict(self.look_up),
            "duplicates": dict(self.duplicates),
            "shortcuts": [dict(probe) for probe in self.shortcuts],
            "balance": dict(self.balance),
            "label_errors": None if self.label_errors is None else dict(self.label_errors),
            "findings": [finding.to_json() for finding in self.findings],
        }


def build_report(
    evidence: Evidence,
    *,
    splits_are: SplitsAre,
    look_up: Mapping[str, Mapping[str, Any] | None],
    shortcuts: Sequence[Mapping[str, Any]] | None,
    label_errors: Mapping[str, Any] | None,
    findings: Sequence[Finding],
    version: str,
) -> AuditReport:
    """Counts what the evidence tells and puts it together with what classifiers told.

    Args:
        evidence: Films with their splits; those of `split_at_random` where the data set has none.
        splits_are: "given" or "random".
        look_up: For "val" and "test" what `evaluation.look_up` gave, as JSON values, or None.
        shortcuts: What the shortcut probes gave, each with probe, title, auroc, low, high, films, groups, severity,
            detail and action; None where nobody looked for them.
        label_errors: What a model says of the labels, or None.
        findings: Of all checks, in order.
        version: Of Lucency.
    """
    classes, leakage, duplicates = (
        counts.count_classes(evidence),
        counts.count_leakage(evidence),
        counts.count_duplicates(evidence),
    )
    readable = int(usable(evidence).sum())
    looked_up = {split: look_up.get(split) for split in ("val", "test")}
    return AuditReport(
        version=version,
        source=evidence.manifest.source,
        verdict=audit_verdict(
            films=len(evidence.manifest),
            readable=readable,
            classes=classes,
            splits_are=splits_are,
            leakage=leakage,
            look_up=looked_up,
            shortcuts=shortcuts,
            findings=findings,
            searched=duplicates["searched"],
        ),
        films=films_table(evidence),
        clusters=clusters_table(evidence),
        findings=tuple(findings),
        readable=readable,
        distinct_radiographs=counts.count_distinct(evidence),
        classes=classes,
        splits_are=splits_are,
        splits=counts.count_splits(evidence),
        leakage=leakage,
        look_up=looked_up,
        duplicates=duplicates,
        shortcuts=tuple(shortcuts or ()),
        balance=counts.count_balance(evidence),
        label_errors=label_errors,
    )
