"""The words of the field: how folders, columns and cells name labels, splits and films."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lucency.errors import DatasetError

LABEL_WORDS: dict[str, int] = {
    "fractured": 1,
    "fracture": 1,
    "fractures": 1,
    "bone fracture": 1,
    "broken": 1,
    "positive": 1,
    "abnormal": 1,
    "1": 1,
    "not fractured": 0,
    "non fractured": 0,
    "unfractured": 0,
    "not broken": 0,
    "no fracture": 0,
    "normal": 0,
    "healthy": 0,
    "negative": 0,
    "0": 0,
}
"""Names of a class, in folders and in cells; case, spaces, underscores and hyphens do not matter."""

CELL_LABEL_WORDS: dict[str, int] = {"true": 1, "yes": 1, "false": 0, "no": 0, "1.0": 1, "0.0": 0}
"""Further words for a label in a cell of a table, too vague for a folder."""

# fmt: off
BODY_WORDS = frozenset((
    "ankle", "arm", "bone", "bones", "carpal", "clavicle", "distal", "elbow", "femur", "fibula", "finger",
    "fingers", "foot", "forearm", "hand", "head", "hip", "humerus", "joint", "knee", "left", "leg", "lower",
    "metacarpal", "metatarsal", "middle", "neck", "pelvis", "phalanx", "proximal", "radius", "ray", "rib",
    "ribs", "right", "scaphoid", "scapula", "shaft", "shoulder", "skull", "spine", "tarsal", "thumb", "tibia",
    "toe", "ulna", "upper", "wrist", "x", "xray",
))
KIND_WORDS = frozenset((
    "acute", "avulsion", "buckle", "closed", "comminuted", "complete", "compound", "compression", "detected",
    "displaced", "greenstick", "hairline", "impacted", "incomplete", "linear", "nondisplaced", "oblique",
    "open", "pathological", "segmental", "simple", "spiral", "stress", "suspected", "torus", "transverse",
    "undisplaced", "visible",
))
# fmt: on
"""Words that a class of marked objects may carry beside the one that is a label, as in "left elbow positive" and
"oblique fracture". A kind alone is not taken for a fracture: "oblique" may as well be a view."""

OTHER_OBJECTS = frozenset(
    (
        "bone anomaly", "bone lesion", "foreign body", "hardware", "implant", "metal", "periosteal reaction",
        "pronator sign", "soft tissue", "text",
    )
)  # fmt: skip
"""Objects that are marked on films and are no fracture: those of GRAZPEDWRI-DX (Nagy et al. 2022, Scientific Data, doi
10.1038/s41597-022-01328-z), and implants."""

_NEGATIONS = frozenset(("no", "non", "not", "un", "without"))

SPLIT_WORDS: dict[str, str] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
"""Names of a split, in folders and in cells."""

COLUMN_ALIASES: dict[str, tuple[str, ...]] = {
    "path": ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path"),
    "label": ("label", "fractured", "fracture", "target", "class", "y"),
    "group": ("group", "cluster"),
    "patient_id": ("patient_id", "patient"),
    "study_id": ("study_id", "study"),
    "image_id": ("image_id",),
    "sha256": ("sha256",),
    "body_part": ("body_part",),
    "view": ("view",),
    "split": ("split",),
    "boxes": ("boxes",),
    "hardware": ("hardware", "metal", "implant"),
    "second_label": ("second_label",),
    "kind": ("kind",),
}
"""Column of the manifest -> how tables of others call it, the preferred name first; case does not matter."""

UNKNOWN_WORDS = frozenset({"", "none", "nan", "na", "n/a", "null", "unknown"})
"""What stands in a cell where a group or patient is not known; such films are not thrown into one group."""

CLASS_NAMES = {0: "not fractured (0)", 1: "fractured (1)"}


def squeeze(name: str) -> str:
    """The name without case, spaces, underscores and hyphens."""
    return re.sub(r"[\s_\-]+", "", name.casefold())


_LABELS = {squeeze(word): label for word, label in LABEL_WORDS.items()}
_CELL_LABELS = {squeeze(word): label for word, label in CELL_LABEL_WORDS.items()}
_OTHER_OBJECTS = frozenset(squeeze(word) for word in OTHER_OBJECTS)


class LabelNames:
    """Looks labels up by name: the words of the caller first, then those of the field.

    Args:
        given: Names of the caller, such as `{"bruch": 1, "heil": 0}`.

    Raises:
        DatasetError: A given label is not 0 or 1, or one name is given both.
    """

    def __init__(self, given: Mapping[str, int] | None = None):
        self._given: dict[str, int] = {}
        for name, label in (given or {}).items():
            if label not in (0, 1):
                raise DatasetError(f"label {label!r} for the name {name!r} is not 0 or 1", hint="1 means fractured")
            if self._given.get(squeeze(name), label) != label:
                raise DatasetError(f"the name {name!r} is given both labels")
            self._given[squeeze(name)] = int(label)

    def of_cell(self, cell: str) -> int | None:
        """Label of a cell of a table, or None where the word is not known."""
        key = squeeze(cell)
        return self._given.get(key, _LABELS.get(key, _CELL_LABELS.get(key)))

    def of_object(self, name: str) -> int | None:
        """Whether a class of marked objects is a fracture: 1, 0 for something else, None where it is not known.

        Bare digits mean nothing here, since they number the classes.

        Args:
            name: Such as "wrist positive", "Humerus-Fracture" or "metal".
        """
        key = squeeze(name)
        if key in self._given:
            return self._given[key]
        if key.isdigit():
            return None
        if key in _LABELS or key in _OTHER_OBJECTS:
            return _LABELS.get(key, 0)
        words = [word.casefold() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", name)]
        # "Non-displaced fracture" is a fracture: where something is denied, it must be the fracture itself.
        beside = BODY_WORDS if _NEGATIONS & set(words) else BODY_WORDS | KIND_WORDS
        rest = "".join(word for word in words if word not in beside)
        return None if rest.isdigit() else _LABELS.get(rest)

    def of_folders(self, parts: tuple[str, ...]) -> int | None:
        """Label of a film by the folders it lies in, or None where no folder names one.

        Words of the caller count before the field's, and those before bare digits, which may as well number
        patients.

        Args:
            parts: Names of the folders, outermost first.

        Raises:
            DatasetError: The folders name both classes.
        """
        keys = [squeeze(part) for part in parts]
        for table in (
            self._given,
            {key: label for key, label in _LABELS.items() if not key.isdigit()},
            {key: label for key, label in _LABELS.items() if key.isdigit()},
        ):
            found = {table[key] for key in keys if key in table}
            if len(found) == 2:
                raise DatasetError(
                    "the folders of one film name both classes",
                    where="/".join(parts),
                    hint="Rename one of them, or say which counts, for example --label NAME=1",
                )
            if found:
                return found.pop()
        return None


def split_of_folders(parts: tuple[str, ...]) -> str:
    """Split that the innermost folder with a split name gives, "" where there is none."""
    for part in reversed(parts):
        if (split := SPLIT_WORDS.get(squeeze(part))) is not None:
            return split
    return ""
