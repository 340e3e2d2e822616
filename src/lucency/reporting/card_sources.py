"""What a model card is drafted from: plain dictionaries that others wrote, and facts with the place they came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Fact:
    """A statement for a card or a checklist.

    Attributes:
        text: One or more sentences, in Markdown.
        source: The file that they were drawn from, and where in it.
    """

    text: str
    source: str


@dataclass(frozen=True)
class CardSources:
    """All that is known of a bundle. Nothing else may be said of it.

    Attributes:
        card: Content of `card.json`.
        identity: `name@hash` of the bundle.
        reports: Contents of report.json of this bundle, those of its own run first.
        measured_in_run: Whether the first of them lies in the run folder, and so is of the run's own test films.
        run: Content of `run.json`; None without a run folder, as is all that follows.
        films: Counts of `manifest.csv`: "films"; "splits": split -> {"films", "fractured", "body_part", "view"};
            "with_boxes"; "known": column -> films; "on_two_sides": column -> names that stand in two splits.
        history: {"epochs", "seconds"} of `history.csv`; "seconds" None where an epoch lacks its time.
        findings: Content of `findings.json`.
        audit: Content of `audit.json`.
        stress: Content of `stress.json`.
        origin: Entries of the SOURCE note beside the films.
    """

    card: Mapping[str, Any]
    identity: str
    reports: Sequence[Mapping[str, Any]] = ()
    measured_in_run: bool = False
    run: Mapping[str, Any] | None = None
    films: Mapping[str, Any] | None = None
    history: Mapping[str, Any] | None = None
    findings: Sequence[Mapping[str, Any]] | None = None
    audit: Mapping[str, Any] | None = None
    stress: Mapping[str, Any] | None = None
    origin: Mapping[str, str] = field(default_factory=dict)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """How the bundle was made."""
        return _mapping(self.card.get("provenance"))

    @property
    def recipe(self) -> Mapping[str, Any]:
        """The resolved recipe; empty for an imported model."""
        return _mapping(self.card.get("recipe"))

    @property
    def data(self) -> Mapping[str, Any]:
        """What the bundle was trained on."""
        return _mapping(self.card.get("training_data"))

    @property
    def imported(self) -> Mapping[str, Any] | None:
        """How the model was imported; None where Lucency trained it."""
        found = self.provenance.get("imported")
        return found if isinstance(found, Mapping) else None

    @property
    def recalibrated(self) -> Mapping[str, Any] | None:
        """On what the bundle was calibrated anew for another site; None where it was not."""
        found = self.provenance.get("recalibrated")
        return found if isinstance(found, Mapping) else None

    @cached_property
    def own_figures(self) -> Mapping[str, Any]:
        """The figures of the test films of the bundle's own run, by metric; empty before they were measured."""
        found = _mapping(_mapping(self.card.get("metrics")).get("figures"))
        return found or (_mapping(self.reports[0].get("metrics")) if self.measured_in_run and self.reports else {})

    @cached_property
    def main(self) -> Mapping[str, Any] | None:
        """The evaluation that the card tells of, as in report.json.

        That of the run's own test films: the report with the very figures of the card, or else the card's figures
        alone. Where the card has none, the first report of films.
        """
        for report in self.reports:
            if self.is_own(report):
                return report
        if self.own_figures:
            stored = dict(_mapping(self.card.get("metrics")))
            return {"unit": "film", **stored, "metrics": stored.pop("figures")}
        return next((report for report in self.reports if report.get("unit", "film") == "film"), None)

    @property
    def main_place(self) -> str:
        """The file that `main` came from."""
        return "report.json" if self.main in self.reports else "card.json (metrics)"

    @property
    def others(self) -> list[Mapping[str, Any]]:
        """The reports beside the main one."""
        return [report for report in self.reports if report is not self.main]

    @property
    def elsewhere(self) -> list[Mapping[str, Any]]:
        """The further reports that may be of films from another site: of given films, and with no known flattery."""
        return [report for report in self.others if report.get("data") and not report.get("optimistic_reason")]

    def is_own(self, report: Mapping[str, Any]) -> bool:
        """Whether a report is of the test films of the bundle's own run."""
        return bool(self.own_figures) and report.get("metrics") == self.own_figures

    def evidence(self, name: str) -> Mapping[str, Any] | None:
        """A section of evidence of the main report; None where it has none of that name."""
        found = _mapping(_mapping(self.main).get("evidence")).get(name)
        return found if isinstance(found, Mapping) and found else None

    @cached_property
    def all_findings(self) -> list[Mapping[str, Any]]:
        """What is known to be wrong with the data: of the run, else of the main report; then of an audit."""
        found = self.findings if self.findings is not None else _mapping(self.main).get("findings") or ()
        told = [one for one in found if isinstance(one, Mapping)]
        known = {one.get("message") for one in told}
        audited = _mapping(self.audit).get("findings") or ()
        return told + [one for one in audited if isinstance(one, Mapping) and one.get("message") not in known]

    @property
    def findings_known(self) -> bool:
        """Whether anybody looked for what is wrong with the data."""
        return self.findings is not None or self.audit is not None or "findings" in _mapping(self.main)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
