"""Films counted by split, class, body part and view."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass

from lucency.datasets.audit.duplicates import known_copies, usable
from lucency.datasets.audit.evidence import Evidence
from lucency.datasets.audit.shared_films import CLASS_KEYS

_ORDER = {"train": 0, "val": 1, "test": 2}


@dataclass(frozen=True)
class Cell:
    """Readable films that share all of these; "" where unknown.

    Attributes:
        split: train, val, test or "".
        label: "fractured" or "not_fractured".
        body_part: As in the manifest.
        view: As in the manifest.
        films: How many there are, at least 1.
    """

    split: str
    label: str
    body_part: str
    view: str
    films: int

    def to_json(self) -> dict[str, str | int]:
        """One key for each attribute."""
        return asdict(self)


def cells_of(evidence: Evidence) -> list[Cell]:
    """Every cell that has a film, by split (train, val, test, none), class, body part and view."""
    table = evidence.manifest.table[usable(evidence)]
    counts = Counter(zip(table["split"], table["label"], table["body_part"], table["view"], strict=True))
    ordered = sorted(counts, key=lambda key: (_ORDER.get(key[0], 3), -int(key[1]), str(key[2]), str(key[3])))
    return [Cell(str(key[0]), CLASS_KEYS[int(key[1])], str(key[2]), str(key[3]), counts[key]) for key in ordered]


def distinct_fractured(evidence: Evidence, split: str) -> tuple[int, int]:
    """Readable fractured films of a split, and how many distinct radiographs they show."""
    table = evidence.manifest.table
    rows = usable(evidence) & (table["split"] == split).to_numpy() & (table["label"] == 1).to_numpy()
    return int(rows.sum()), len(set(known_copies(evidence).cluster[rows].tolist()))
