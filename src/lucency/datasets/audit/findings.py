"""Finding: what is wrong with a data set, with the evidence and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing that a person should know before they trust a number.

    Attributes:
        check: Theme: "files", "duplicates", "leakage", "labels", "balance" ...
        severity: "error": the films cannot be used. "warning": the number will not mean what it seems to.
            "note": good to know.
        message: One or two sentences.
        image_ids: The films it is about; empty where it is about all of them.
        evidence: Figures and names, plain JSON values.
        action: What to do, as a sentence.
    """

    check: str
    severity: Severity
    message: str
    image_ids: tuple[str, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    action: str = ""

    def to_json(self) -> dict[str, Any]:
        """The finding as plain JSON values, one key for each attribute."""
        return {
            "check": self.check,
            "severity": self.severity,
            "message": self.message,
            "image_ids": list(self.image_ids),
            "evidence": dict(self.evidence),
            "action": self.action,
        }


def counted(number: int, one: str, many: str = "") -> str:
    """The number and its noun: "1 film", "2 films"."""
    return f"{number} {one if number == 1 else many or one + 's'}"
