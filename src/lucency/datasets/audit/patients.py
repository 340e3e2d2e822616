"""Which films are of one patient or exam: what is known of it, and what is used where nothing is."""

from __future__ import annotations

from typing import Any

from lucency.datasets.audit.duplicates import known_copies
from lucency.datasets.audit.evidence import Evidence
from lucency.datasets.audit.exam_runs import Agreement, agreement, inferred_groups
from lucency.datasets.audit.film_sides import given_groups
from lucency.datasets.audit.findings import Finding


def patients_known(evidence: Evidence) -> dict[str, Any]:
    """Whether patient ids are known ("known"), and what tells films of one patient otherwise ("used_instead")."""
    table = evidence.manifest.table
    if not len(table):
        return {"known": False, "used_instead": "nothing: there are no films"}
    if table["patient_id"].ne("").all():
        return {"known": True, "used_instead": ""}
    # The order of trust: what the data set says of a patient, then of an exam, then what can be inferred.
    for column, word in (("patient_id", "patient ids of some films"), ("study_id", "studies"), ("group", "groups")):
        if table[column].ne("").any():
            return {"known": False, "used_instead": f"{word} given by the data set"}
    copies = "equal bytes" if evidence.copies is None else "copies"
    if inferred_groups(evidence.manifest, known_copies(evidence)) is not None:
        return {
            "known": False,
            "used_instead": f"exams inferred from {copies} and neighbouring image numbers of one body part",
        }
    return {"known": False, "used_instead": f"{copies} only"}


def unknown_patients(evidence: Evidence) -> list[Finding]:
    """No column says which films are of one patient."""
    table = evidence.manifest.table
    if not len(table) or given_groups(evidence.manifest) is not None:
        return []
    used = patients_known(evidence)["used_instead"]
    return [
        Finding(
            check="balance",
            severity="note",
            message="No patient, study or group is known: films of one patient may stand on both sides of the split,"
            f" and the intervals may be too narrow. Used instead: {used}.",
            evidence={"films": len(table), "used_instead": used},
            action="Give a table with patient_id, or --groups",
        )
    ]


def exams_compared(evidence: Evidence) -> tuple[int, Agreement | None] | None:
    """Number of inferred exams and their agreement with given groups; None where none can be inferred."""
    inferred = inferred_groups(evidence.manifest, known_copies(evidence))
    if inferred is None:
        return None
    given = given_groups(evidence.manifest)
    return len(set(inferred)), None if given is None else agreement(inferred, given)


def inferred_exams(evidence: Evidence) -> list[Finding]:
    """Exams inferred from copies and image numbers, and how far they agree with given groups."""
    compared = exams_compared(evidence)
    if compared is None:
        return []
    exams, agrees = compared
    copies = "equal bytes" if evidence.copies is None else "copies"
    message = (
        f"{len(evidence.manifest)} films are probably {exams} exams: {copies} joined with runs of neighbouring image"
        " numbers of one body part."
    )
    action = "Keep each on one side of the split; better, bring patient ids"
    if agrees is not None:
        message += (
            f" Of the {agrees.films} films whose group is given, {100 * agrees.same_group:.1f} % are in exactly the"
            f" same group (adjusted Rand index {agrees.adjusted_rand:.2f})."
        )
        action = "None needed: the given groups are used"
    return [
        Finding(
            check="balance",
            severity="note",
            message=message,
            evidence={"inferred_groups": exams, "agreement": None if agrees is None else agrees.to_json()},
            action=action,
        )
    ]
