"""What was found in the data, written down and told before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lucency.errors import StrictError
from lucency.workflows.run_folder import write_json
from lucency.workflows.teller import Teller

if TYPE_CHECKING:
    from lucency.datasets.audit.findings import Finding


def tell_findings(
    findings: Sequence[Finding], folder: Path, *, strict: bool, teller: Teller, notes: bool = False
) -> None:
    """Writes `findings.json`, says what is in it, and stops where that is wanted.

    Args:
        findings: What was found.
        folder: Where the file is written.
        strict: Stop where there is an error or a warning.
        teller: Hears of it.
        notes: Say notes too.

    Raises:
        StrictError: `strict`, and there is an error or a warning.
    """
    write_json(folder / "findings.json", [finding.to_json() for finding in findings])
    # Films that no row can name have no image_ids: their finding is told as it is.
    unreadable = [one for one in findings if one.check == "files" and one.severity == "error" and one.image_ids]
    told = [finding for finding in findings if finding not in unreadable and (notes or finding.severity != "note")]
    leaks = [finding for finding in told if finding.check == "leakage" and finding.severity != "note"]
    for finding in leaks:
        teller.say(f"{finding.severity}: {finding.message}")
    if unreadable:
        count = len({image for finding in unreadable for image in finding.image_ids})
        teller.say(
            f"{count} film(s) cannot be used and are left out; {folder / 'findings.json'} names each with its reason"
        )
    for finding in told:
        if finding not in leaks:
            teller.say(f"{finding.severity}: {finding.message}")
    severe = sum(finding.severity != "note" for finding in findings)
    if strict and severe:
        raise StrictError(
            f"{severe} finding(s) that --strict does not let pass",
            where=folder / "findings.json",
            hint="Mend the data, or go on without --strict",
        )
