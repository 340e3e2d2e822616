"""What may be told of a DICOM file: a short list of facts, each from a list of known codes or a number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

# Body Part Examined of the skeleton (PS3.16 annex L), with the names that detectors add. A code string could
# hold a name as well as a body part, so only known ones pass.
# fmt: off
_BODY_PARTS: Final = frozenset(
    (
        "ABDOMEN", "ACJOINT", "ANKLE", "ARM", "CALCANEUS", "CHEST", "CLAVICLE", "COCCYX", "CSPINE",
        "CTSPINE", "ELBOW", "EXTREMITY", "FACE", "FEMUR", "FINGER", "FOOT", "FOREARM", "FOOT_TOES",
        "HAND", "HEAD", "HEEL", "HIP", "HUMERUS", "JAW", "KNEE", "LEG", "LOWERARM", "LOWERLEG",
        "LOWER_EXTREMITY", "LSPINE", "LSSPINE", "MANDIBLE", "MAXILLA", "NECK", "NOSE", "ORBIT",
        "PATELLA", "PELVIS", "RADIUS", "RIB", "RIBS", "SACRUM", "SCAPULA", "SCJOINT", "SHOULDER",
        "SIJOINT", "SKELETON", "SKULL", "SPINE", "SSPINE", "STERNUM", "TARSUS", "THIGH", "THORAX",
        "THUMB", "TIBIA", "TIBFIB", "TLSPINE", "TMJ", "TOE", "TSPINE", "ULNA", "UPPERARM", "UPPERLEG",
        "UPPER_EXTREMITY", "WHOLEBODY", "WRIST", "ZYGOMA",
    )
)
_VIEWS: Final = frozenset(
    (
        "AP", "PA", "LL", "RL", "LLD", "RLD", "LLO", "RLO", "LAO", "RAO", "LPO", "RPO", "LAT",
        "LATERAL", "OBL", "OBLIQUE", "AXIAL", "TANGENTIAL", "SUNRISE", "MORTISE",
    )
)
# fmt: on
_SIDES: Final = frozenset(("L", "R", "B", "U"))
_INTENTS: Final = frozenset(("FOR PRESENTATION", "FOR PROCESSING"))
_CODE: Final = re.compile(r"[A-Z0-9 _]{1,16}")


def code(dataset: Any, keyword: str) -> str:
    """A code string (VR CS, PS3.5 6.2) in capitals, or "" where the value is absent or no code string."""
    try:
        value = dataset.get(keyword)
    except Exception:
        # pydicom converts values when they are asked for, and a broken one may raise anything.
        return ""
    text = value.strip().upper() if isinstance(value, str) else ""
    return text if _CODE.fullmatch(text) else ""


def numbers(dataset: Any, keyword: str) -> list[float]:
    """All values of a number; empty where it is absent or text."""
    try:
        value = dataset.get(keyword)
        values = value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]
        return [float(item) for item in values if item not in (None, "")]
    except Exception:
        return []


def number(dataset: Any, keyword: str, default: float) -> float:
    """The first value of a number, or `default` where there is no finite one."""
    value = next(iter(numbers(dataset, keyword)), default)
    return value if np.isfinite(value) else default


def harmless_facts(dataset: Any) -> dict[str, str | int | float]:
    """The metadata of a film: nothing that is not on this list, nothing that is free text.

    Args:
        dataset: A pydicom Dataset whose pixels were decoded.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    facts: dict[str, str | int | float] = {"format": "DICOM"}
    modality = code(dataset, "Modality")
    if modality:
        facts["modality"] = modality
    for name, keyword, known in (
        ("body_part", "BodyPartExamined", _BODY_PARTS),
        ("view_position", "ViewPosition", _VIEWS),
        ("laterality", "Laterality", _SIDES),
        ("laterality", "ImageLaterality", _SIDES),
        ("presentation_intent", "PresentationIntentType", _INTENTS),
    ):
        value = code(dataset, keyword)
        if value in known:
            facts[name] = value
    facts["photometric"] = code(dataset, "PhotometricInterpretation")
    facts["bits_stored"] = int(number(dataset, "BitsStored", 0))
    facts["transfer_syntax"] = "private" if syntax.is_private else syntax.name
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        spacing = numbers(dataset, keyword)
        if len(spacing) == 2 and all(0 < value < 100 for value in spacing):
            facts["pixel_spacing_mm"] = f"{spacing[0]:g} x {spacing[1]:g}"
            break
    return facts
