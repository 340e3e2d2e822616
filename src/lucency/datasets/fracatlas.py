"""FracAtlas (Abedeen et al. 2023, Scientific Data, doi 10.1038/s41597-023-02432-4) in its own layout."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

from lucency.datasets.audit.findings import counted
from lucency.datasets.film_tree import FilmTree
from lucency.datasets.group_file import apply_groups
from lucency.datasets.manifest import Manifest
from lucency.datasets.manifest_file import complete, parse_boxes
from lucency.datasets.table_cells import read_cells
from lucency.errors import DatasetError

CLASS_FOLDERS = {"fractured": 1, "non_fractured": 0}
BODY_PARTS = ("hand", "leg", "hip", "shoulder")
VIEWS = ("frontal", "lateral", "oblique")


def base_of(tree: FilmTree) -> tuple[str, ...] | None:
    """The folder of the tree that holds `images/Fractured`, `images/Non_fractured` and `dataset.csv`."""
    folders = set(tree.folders)
    for parts in tree.folders:
        if (
            len(parts) >= 2
            and (parts[-2], parts[-1]) == ("images", "Fractured")
            and (*parts[:-1], "Non_fractured") in folders
            and Path(tree.path(parts[:-2]), "dataset.csv").is_file()
        ):
            return parts[:-2]
    return None


def read(tree: FilmTree, labels: Mapping[str, int]) -> Manifest:
    """Reads FracAtlas: the label is the folder, the rest comes from `dataset.csv` and the COCO annotations.

    Films that are not there are no error, since parts of the data set are passed around. Where `dataset.csv`
    disagrees with the folder, its label is kept in the column second_label. `groups.csv` beside it is
    applied.

    Args:
        tree: The folder, for which `base_of` is not None.
        labels: Not used: FracAtlas names its own.

    Raises:
        DatasetError: `dataset.csv`, the annotations or `groups.csv` cannot be read.
    """
    del labels
    parts = base_of(tree) or ()
    base = Path(tree.path(parts))
    depth = len(parts)
    films = [
        film
        for film in tree.films
        if len(film) == depth + 3
        and film[:depth] == parts
        and film[depth] == "images"
        and film[depth + 1].casefold() in CLASS_FOLDERS
    ]
    described = _describe(base / "dataset.csv")
    boxes, coco_note = _boxes(base)
    names = [film[-1] for film in films]
    label = [CLASS_FOLDERS[film[-2].casefold()] for film in films]
    clash = {name for name, count in Counter(names).items() if count > 1}
    table = complete(
        {
            "image_id": ["/".join(f[depth + 1 :]) if f[-1] in clash else f[-1] for f in films],
            "path": [tree.path(film) for film in films],
            "label": label,
            "body_part": [described.get(name, {}).get("body_part", "") for name in names],
            "view": [described.get(name, {}).get("view", "") for name in names],
            "boxes": [
                boxes.get(name, "" if one or coco_note else "[]") for name, one in zip(names, label, strict=True)
            ],
            "hardware": [described.get(name, {}).get("hardware", "") for name in names],
            "second_label": [described.get(name, {}).get("fractured", "") for name in names],
        }
    )
    notes = [coco_note] if coco_note else []
    bare = sum(name not in described for name in names)
    if bare:
        notes.append(f"{counted(bare, 'film is', 'films are')} not in dataset.csv")
    absent = len(described.keys() - set(names))
    if absent:
        notes.append(f"{counted(absent, 'film of dataset.csv is', 'films of dataset.csv are')} not here")
    elsewhere = len(tree.films) - len(films)
    if elsewhere:
        notes.append(f"{counted(elsewhere, 'image')} outside images/Fractured and images/Non_fractured ignored")
    if (base / "groups.csv").is_file():
        table, note = apply_groups(table, base / "groups.csv")
        notes.append(note)
    return Manifest(table, source=str(base), notes=tuple(notes))


def _describe(path: Path) -> dict[str, dict[str, str]]:
    cells = read_cells(path)
    absent = [name for name in ("image_id", "fractured") if name not in cells.columns]
    if absent:
        raise DatasetError(
            f"FracAtlas needs the column {' and '.join(absent)}; found {', '.join(cells.columns)}", where=path
        )
    described = {}
    for row in cells.to_dict("records"):
        part = [name for name in BODY_PARTS if row.get(name) == "1"]
        view = [name for name in VIEWS if row.get(name) == "1"]
        described[str(row["image_id"])] = {
            "body_part": "mixed" if row.get("mixed") == "1" or len(part) > 1 else "".join(part),
            "view": "+".join(view),
            "hardware": str(row.get("hardware", "")) if row.get("hardware") in ("0", "1") else "",
            "fractured": str(row["fractured"]) if row["fractured"] in ("0", "1") else "",
        }
    return described


def _boxes(base: Path) -> tuple[dict[str, str], str]:
    """Boxes by file name, and a note where there are no annotations."""
    files = sorted(base.glob("Annotations/COCO JSON/*.json"))
    if not files:
        return {}, "no COCO annotations: boxes are unknown"
    found: dict[str, list[list[float]]] = defaultdict(list)
    for path in files:
        try:
            coco = json.loads(path.read_text(encoding="utf-8"))
            name_of = {image["id"]: image["file_name"] for image in coco["images"]}
            for annotation in coco["annotations"]:
                found[name_of[annotation["image_id"]]].append(annotation["bbox"])
        except (OSError, ValueError, KeyError, TypeError) as bad:
            raise DatasetError(f"these are not COCO annotations ({bad!r})", where=path) from bad
    parsed = {name: parse_boxes(json.dumps(boxes)) for name, boxes in found.items()}
    bad_names = sorted(name for name, boxes in parsed.items() if boxes is None)
    if bad_names:
        raise DatasetError(f"the boxes of {bad_names[0]} are not [x, y, width, height]", where=files[0])
    return {name: boxes for name, boxes in parsed.items() if boxes}, ""
