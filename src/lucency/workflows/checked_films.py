"""The checks before training: files, copies and leakage; copies and exams are kept together from then on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lucency.errors import MissingExtraError
from lucency.workflows.audit_films import compare_films, decode_once
from lucency.workflows.group_copies import group_copies
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.datasets.audit import Evidence, Finding
    from lucency.datasets.audit.copies import Copies
    from lucency.datasets.audit.survey import Survey
    from lucency.datasets.manifest import Manifest
    from lucency.workflows.run_series import RunSeries

COPIES_TOGETHER = "copies_together"
"""Key of a plan: that the groups of its films join copies. Older series know groups as they were given."""


@dataclass(frozen=True, eq=False)
class CheckedFilms:
    """Films that were decoded and compared, or not.

    Attributes:
        films: All films, unreadable ones included.
        survey: What decoding told of them; None where nothing was looked at.
        copies: Which of them show one radiograph; None where equal bytes are all that is known.
    """

    films: Manifest
    survey: Survey | None = None
    copies: Copies | None = None

    def keep_together(self, films: Manifest, teller: Teller) -> Manifest:
        """Some of the films, with copies and inferred exams joined in their groups, so that no split divides them.

        Args:
            films: Readable films, in the order of all films.
            teller: Hears what was joined.
        """
        copies = self._of(films)[1]
        if copies is None:
            return films
        grouped, note = group_copies(films, copies)
        if note:
            teller.say(note)
        return grouped

    def findings(self, films: Manifest, split: Manifest, decoded: Sequence[Finding]) -> list[Finding]:
        """What is wrong: warnings of leakage, then the most severe first.

        Args:
            films: Readable films, with the groups that the data set gives.
            split: The same films with their splits.
            decoded: What preparing them found.
        """
        from lucency.datasets.audit import CHECKS, Evidence, in_order

        sides = dict(zip(split.table["image_id"], split.table["split"], strict=True))
        split_of = films.table["image_id"].map(sides).astype("str")
        told = replace(films, table=films.table.assign(split=split_of), notes=split.notes)
        survey, copies = self._of(films)
        some, every = Evidence(told, survey, copies), Evidence(self.films, self.survey, self.copies)
        found: list[Finding] = []
        for check in sorted(CHECKS, key=lambda check: check.theme != "leakage"):
            # Preparing says what is left out, by the same reader.
            if check.name != "unreadable":
                found += check.run(every if check.theme == "files" else some)
        if copies is not None and not any(finding.check == "leakage" for finding in found):
            found.insert(0, _no_leakage(some))
        kept = decoded if self.survey is None else [finding for finding in decoded if finding.severity == "error"]
        # A film that is left out spoils no figure; one that stands on two sides does.
        return sorted(
            in_order([*kept, *found]),
            key=lambda finding: (finding.check, finding.severity) != ("leakage", "warning"),
        )

    def _of(self, films: Manifest) -> tuple[Survey | None, Copies | None]:
        """What is known of some of the films, row by row."""
        from lucency.datasets.audit.copies import Copies
        from lucency.datasets.audit.survey import Survey

        if self.survey is None:
            return None, None
        row_of = {image_id: row for row, image_id in enumerate(self.films.table["image_id"])}
        rows = [row_of[image_id] for image_id in films.table["image_id"]]
        survey = Survey(tuple(self.survey.facts[row] for row in rows), self.survey.thumbs, self.survey.rows[rows])
        if self.copies is None:
            return survey, None
        place = {row: index for index, row in enumerate(rows)}
        first: dict[int, int] = {}
        heads = [first.setdefault(head, index) for index, head in enumerate(self.copies.cluster[rows].tolist())]
        links = tuple(
            replace(link, first=place[link.first], second=place[link.second])
            for link in self.copies.links
            if link.first in place and link.second in place
        )
        return survey, Copies(np.array(heads, dtype=np.int64), links)


def check_films(films: Manifest, prepared: Path, *, workers: int | None, teller: Teller) -> CheckedFilms:
    """Decodes films and looks for copies, as far as the packages for it are installed.

    Args:
        films: All films, unreadable ones included.
        prepared: Home of prepared films.
        workers: Threads.
        teller: Hears of progress, and of a package that is missing.

    Raises:
        ResourceError: The folder cannot be written.
    """
    survey = decode_once(films, prepared, workers=workers, teller=teller)
    try:
        return CheckedFilms(films, survey, compare_films(films, survey, prepared, workers=workers, teller=teller))
    except MissingExtraError as missing:
        teller.say(f"Only equal bytes are known as copies. {missing}")
        return CheckedFilms(films, survey)


def check_series(series: RunSeries, films: Manifest, *, workers: int | None, teller: Teller) -> CheckedFilms:
    """The same for a search or a cross-validation; one that an older version began goes on with the groups it has.

    Args:
        series: Whose films they are.
        films: Those that can be read.
        workers: Threads.
        teller: Hears of progress.
    """
    if series.begun and not series.plan().get(COPIES_TOGETHER):
        return CheckedFilms(films)
    return check_films(films, series.path / series.runs / "prepared", workers=workers, teller=teller)


def _no_leakage(evidence: Evidence) -> Finding:
    from lucency.datasets.audit import Finding
    from lucency.datasets.audit.audit_counts import count_distinct
    from lucency.datasets.audit.duplicates import usable
    from lucency.datasets.audit.findings import counted

    films, distinct = int(usable(evidence).sum()), count_distinct(evidence)
    compared, show = counted(films, "film was", "films were"), "shows" if films == 1 else "show"
    return Finding(
        check="leakage",
        severity="note",
        message=f"No copy was found on two sides of the split: {compared} compared, turned and mirrored too, and"
        f" {show} {counted(distinct, 'distinct radiograph')}.",
        evidence={"films": films, "distinct": distinct},
    )
