"""A made-up audit in the shape of audit.json and its two tables, as large as wanted, for tests of its page."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from lucency.datasets.synthetic import draw_film

Rows = list[dict[str, Any]]
CLASSES = ("fractured", "not_fractured")
_PARTS = ("wrist", "ankle", "hand", "leg", "shoulder", "hip", "foot", "elbow", "knee", "spine", "rib", "skull")


def made_up_audit(films: int, radiographs: int, *, bad: int = 12, seed: int = 0) -> tuple[dict[str, Any], Rows, Rows]:
    """audit.json, the rows of films.csv and those of clusters.csv.

    Args:
        films: Films in all, more than `radiographs`.
        radiographs: Distinct ones.
        bad: Films that cannot be read.
        seed: Of everything.
    """
    chance = np.random.default_rng(seed)
    table = [_film(number, min(number, int(chance.integers(radiographs))), chance) for number in range(films)]
    for row in table[:radiographs]:
        row["radiograph"] = int(row["image_id"][3:])
    for row in table[:bad]:
        row |= {
            "code": "truncated",
            "what": f"{row['path']} ends early: 12 of 20 kB are there",
            "height": 0,
            "width": 0,
        }
    members: dict[int, Rows] = defaultdict(list)
    for row in table:
        members[row["radiograph"]].append(row)
    clusters: Rows = []
    for group in members.values():
        flip = chance.random() < 0.02
        for place, row in enumerate(group):
            row["label"] = int(group[0]["label"] ^ (flip and place == len(group) - 1 and place > 0))
            row["cluster"] = group[0]["image_id"] if len(group) > 1 else ""
            if len(group) > 1:
                clusters.append(_member(group, place, chance))
    return _report(table, clusters), table, clusters


def pictures_of(table: Rows, *, drawn: int = 12) -> Callable[[Sequence[str]], Mapping[str, np.ndarray]]:
    """Thumbnails of synthetic films, a copy turned as its row number tells.

    Args:
        table: Rows of films.csv.
        drawn: Synthetic films that are drawn; further radiographs share them.
    """
    known = {seed: draw_film(seed, fractured=seed % 2 == 0, size=160).pixels for seed in range(drawn)}
    rows = {row["image_id"]: row for row in table if not row["code"]}

    def pictures(image_ids: Sequence[str]) -> Mapping[str, np.ndarray]:
        found = {}
        for image_id in image_ids:
            if image_id in rows:
                film = Image.fromarray(known[rows[image_id]["radiograph"] % drawn])
                film.thumbnail((160, 160))
                sheet = Image.new("L", (160, 160))
                sheet.paste(film, ((160 - film.width) // 2, (160 - film.height) // 2))
                found[image_id] = np.asarray(sheet.rotate(int(rows[image_id]["turned"])))
        return found

    return pictures


def _film(number: int, radiograph: int, chance: np.random.Generator) -> dict[str, Any]:
    label = int(chance.random() < 0.3)
    width, height = (
        (373, 454) if chance.random() < 0.5 else (int(chance.normal(420, 90)) + 60, int(chance.normal(480, 80)))
    )
    return {
        "image_id": f"IMG{number:07d}",
        "path": f"{'Fractured' if label else 'Not_fractured'}/IMG{number:07d}.jpg",
        "radiograph": radiograph,
        "turned": 0 if number == radiograph else int(chance.integers(360)),
        "label": label,
        "split": str(chance.choice(["train", "val", "test"], p=[0.8, 0.1, 0.1])),
        "body_part": str(chance.choice(_PARTS, p=np.arange(12, 0, -1) / 78)),
        "view": str(chance.choice(["frontal", "lateral", ""], p=[0.6, 0.35, 0.05])),
        "height": max(40, height),
        "width": max(40, width),
        "bytes": int(chance.lognormal(10, 0.5)),
        "mean": float(np.clip(chance.normal(80 + 12 * label, 20), 0, 255)),
        "deviation": float(np.clip(chance.normal(50, 12), 0, 128)),
        "code": "",
        "what": "",
    }


def _member(group: Rows, place: int, chance: np.random.Generator) -> dict[str, Any]:
    row = group[place]
    known = {"cluster": group[0]["image_id"], "image_id": row["image_id"], "label": row["label"], "split": row["split"]}
    if place == 0:
        blank = dict.fromkeys(("score", "turned", "mirrored", "inverted", "scale"))
        return known | {"like": "", "kind": ""} | blank
    return known | {
        "like": group[0]["image_id"],
        "kind": str(chance.choice(["near", "near", "near", "bytes", "pixels"])),
        "score": 0.97,
        "turned": float(row["turned"]),
        "mirrored": bool(chance.random() < 0.3),
        "inverted": bool(chance.random() < 0.1),
        "scale": float(chance.choice([1.0, 1.0, 1.2])),
    }


def _report(table: Rows, clusters: Rows) -> dict[str, Any]:
    readable = [row for row in table if not row["code"]]
    in_train = {row["radiograph"] for row in readable if row["split"] == "train"}
    leakage = {
        split: _leakage([row for row in readable if row["split"] == split], in_train) for split in ("val", "test")
    }
    sizes = Counter(row["cluster"] for row in clusters)
    labels: dict[str, set[int]] = defaultdict(set)
    for row in clusters:
        labels[row["cluster"]].add(row["label"])
    contradictory = [row["image_id"] for row in clusters if len(labels[row["cluster"]]) > 1]
    cells = Counter((row["split"], CLASSES[1 - row["label"]], row["body_part"], row["view"]) for row in readable)
    listed = [dict(zip(("split", "label", "body_part", "view"), key, strict=True), films=n) for key, n in cells.items()]
    score = {"as_split": {"films": 1040, "accuracy": 0.986, "auroc": 0.97, "majority_accuracy": 0.7}}
    score["copies_grouped"] = {"films": 1020, "accuracy": 0.792, "auroc": 0.66, "majority_accuracy": 0.769}
    share = leakage["test"]["share_with_copy_in_train"]
    bad = [row["image_id"] for row in table if row["code"]]
    return {
        "schema": 1,
        "lucency": "0.4.0",
        "source": "multi-region fractures",
        "verdict": f"{100 * share:.1f} % of your test films are copies of training films: a nearest-neighbour"
        " look-up scores 98.6 % on your split and 79.2 % once copies are kept on one side.",
        "films": len(table),
        "readable": len(readable),
        "distinct_radiographs": len({row["radiograph"] for row in readable}),
        "classes": {key: _class(table, 1 - place) for place, key in enumerate(CLASSES)},
        "splits_are": "given",
        "splits": {
            split: _split([row for row in table if row["split"] == split]) for split in ("train", "val", "test")
        },
        "leakage": leakage,
        "look_up": {"val": score, "test": score},
        "duplicates": {
            "clusters": len(sizes),
            "films_in_clusters": len(clusters),
            "redundant": len(clusters) - len(sizes),
            "largest": max(sizes.values(), default=0),
            "by_kind": {"bytes": 0, "pixels": 0, "near": len(clusters) - len(sizes)},
            "searched": "pixels",
        },
        "shortcuts": [
            _shortcut("file_name", "File name and number", 0.77, "warning"),
            _shortcut("file_format", "File size and format", 0.68, "warning"),
            _shortcut("columns", "Body part, view and hardware", 0.74, "warning"),
            _shortcut("border", "The border of the film only", 0.58, "note"),
            _shortcut("thumbnail", "The film as 8 x 8 pixels", 0.66, "warning"),
            _shortcut("no_bone", "The film with the bone masked out", 0.49, "note"),
            _shortcut("markers", "Side markers", 0.52, "note"),
        ],
        "balance": {
            "cells": listed,
            "smallest_cell": min(listed, key=lambda cell: cell["films"]),
            "sensitivity": {
                "test": {"positives": 50, "distinct_positives": 40, "half_width": 0.155},
                "val": {"positives": 0, "distinct_positives": 0, "half_width": None},
            },
            "patients": {"known": False, "used_instead": "copies and neighbouring image numbers of one body part"},
            "exams": {"inferred_groups": 241, "agreement": {"given_groups": 250, "adjusted_rand": 0.93}},
        },
        "label_errors": _doubted(readable[:40]),
        "findings": [
            _finding("duplicates", "note", "Copies hold most of the films.", [row["image_id"] for row in clusters]),
            _finding(
                "leakage",
                "warning",
                f"{100 * share:.1f} % of the test films have a copy in train.",
                [row["image_id"] for row in table if row["split"] == "test"],
            ),
            _finding("labels", "warning", "Radiographs stand in the data under both labels.", contradictory),
            _finding("files", "error", f"{len(bad)} films left out (truncated): all of one class.", bad),
            _finding("balance", "note", 'Always answering "not fractured" is 70.0 % accurate.', []),
        ],
    }


def _leakage(rows: Rows, in_train: set[int]) -> dict[str, Any]:
    def counted(films: Rows) -> dict[str, Any]:
        copies = sum(row["radiograph"] in in_train for row in films)
        return {
            "films": len(films),
            "with_copy_in_train": copies,
            "share_with_copy_in_train": copies / len(films) if films else None,
        }

    by_class = {key: counted([row for row in rows if row["label"] == 1 - place]) for place, key in enumerate(CLASSES)}
    groups = {"groups_in_train": 241, "share_of_group_in_train": 0.99, "groups_known_from": "inferred"}
    return counted(rows) | {"by_class": by_class} | groups


def _class(table: Rows, label: int) -> dict[str, int]:
    rows = [row for row in table if row["label"] == label]
    readable = [row for row in rows if not row["code"]]
    return {
        "films": len(rows),
        "readable": len(readable),
        "distinct_radiographs": len({row["radiograph"] for row in readable}),
    }


def _split(rows: Rows) -> dict[str, int]:
    counts = {"films": len(rows), "distinct_radiographs": len({row["radiograph"] for row in rows})}
    for place, key in enumerate(CLASSES):
        inside = [row for row in rows if row["label"] == 1 - place]
        counts |= {key: len(inside), f"distinct_{key}": len({row["radiograph"] for row in inside})}
    return counts


def _doubted(rows: Rows) -> dict[str, Any]:
    suspects = [
        {"image_id": row["image_id"], "label": row["label"], "probability": 0.9 - 0.8 * row["label"], "quality": 0.1}
        for row in rows
    ]
    return {"films": 900, "auroc": 0.86, "estimated": len(rows), "share": 0.04, "suspects": suspects, "note": ""}


def _shortcut(probe: str, title: str, auroc: float, severity: str) -> dict[str, Any]:
    detail = f"AUROC {auroc:.2f} (95 % interval {auroc - 0.03:.2f} to {auroc + 0.03:.2f})."
    action = "Split by group, and balance the classes within what tells them apart" if severity == "warning" else ""
    interval = {"auroc": auroc, "low": auroc - 0.03, "high": auroc + 0.03}
    return {
        "probe": probe,
        "title": title,
        **interval,
        "films": 9000,
        "groups": 571,
        "severity": severity,
        "detail": detail,
        "action": action,
    }


def _finding(check: str, severity: str, message: str, image_ids: list[str]) -> dict[str, Any]:
    action = "Keep all films of a set on one side of the split" if image_ids else "Read AUROC rather than accuracy"
    return {
        "check": check,
        "severity": severity,
        "message": message,
        "image_ids": image_ids,
        "evidence": {},
        "action": action,
    }
