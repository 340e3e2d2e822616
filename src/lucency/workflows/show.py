"""A film, or a grid of films, as a picture: what the program sees, not what a viewer makes of the file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lucency.errors import DatasetError, FilmError, ResourceError
from lucency.workflows.scan import read_films

_GRID_SIDE = 360


def show_films(
    source: str | os.PathLike[str],
    *,
    names: Sequence[str] = (),
    label: int | None = None,
    count: int = 1,
    seed: int | None = None,
    out: str | os.PathLike[str] = "show.png",
    labels: Mapping[str, int] | None = None,
    boxes: bool = True,
) -> list[str]:
    """Writes the picture.

    Args:
        source: A film, a folder of films, or a table.
        names: Films of the data set by image_id or file name; random ones where empty.
        label: Only films of this class (1 = fractured).
        count: How many random films.
        seed: Of the choice; None draws anew each time.
        out: File to write; its suffix says the format.
        labels: Further names of classes.
        boxes: Draw the truth boxes.

    Returns:
        One line a film: its name, its label and its size; or why it cannot be shown.

    Raises:
        DatasetError: There is no such film.
        FilmError: The only film asked for cannot be read.
        ResourceError: The picture cannot be written.
    """
    path = Path(source)
    if path.is_file() and path.suffix.lower() not in (".csv", ".parquet"):
        rows: list[dict[str, Any]] = [{"image_id": path.name, "path": str(path), "label": None, "boxes": ""}]
    else:
        rows = _choose(_films(path, labels, label), names, label, count, seed, path)
    if Path(out).resolve() in {Path(row["path"]).resolve() for row in rows} | {path.resolve()}:
        raise DatasetError(
            "is a film or the data set itself, and would be replaced", where=out, hint="Give another --out"
        )
    pictures, captions, lines = [], [], []
    for row in rows:
        try:
            picture, size = _picture(row, boxes)
        except FilmError as error:
            if len(rows) == 1:
                raise
            lines.append(str(error))
            continue
        truth = {1: "fractured", 0: "not fractured"}.get(row["label"], "label unknown")
        pictures.append(picture)
        captions.append(f"{row['image_id']}\n{truth}")
        lines.append(f"{row['image_id']}: {truth}, {size}")
    if not pictures:
        raise DatasetError("none of the chosen films can be read", where=source)
    _write(pictures, captions, Path(out))
    return lines


def _films(path: Path, labels: Mapping[str, int] | None, label: int | None) -> Any:
    try:
        return read_films(path, labels=labels).table
    except DatasetError:
        # Films can be looked at before anybody says which class they are.
        if label is not None or labels or not path.is_dir():
            raise
        import pandas as pd

        from lucency.datasets.film_tree import list_films

        found = list_films(path)
        if not found.films:
            raise
        rows = [
            {"image_id": "/".join(parts), "path": found.path(parts), "label": None, "boxes": ""}
            for parts in found.films
        ]
        return pd.DataFrame(rows).astype(object)


def _choose(
    table: Any, names: Sequence[str], label: int | None, count: int, seed: int | None, where: Path
) -> list[dict[str, Any]]:
    if label is not None:
        table = table[table["label"] == label]
    if names:
        base = table["path"].map(os.path.basename)
        table = table[table["image_id"].isin(names) | base.isin(names)]
        missing = [name for name in names if name not in set(table["image_id"]) | set(base)]
        if missing:
            raise DatasetError(f"holds no film named {', '.join(missing)}", where=where)
    else:
        chosen = np.random.default_rng(seed).permutation(len(table))[:count]
        table = table.iloc[np.sort(chosen)]
    if len(table) == 0:
        raise DatasetError("holds no such film", where=where)
    return [dict(row) for row in table.to_dict("records")]


def _picture(row: Mapping[str, Any], boxes: bool) -> tuple[Image.Image, str]:
    from PIL import ImageDraw

    from lucency.imaging.readers import read_radiograph

    film = read_radiograph(row["path"])
    picture = Image.fromarray(np.rint(film.pixels).astype(np.uint8)).convert("RGB")
    drawer = ImageDraw.Draw(picture)
    width = max(2, max(picture.size) // 250)
    for x, y, w, h in json.loads(row["boxes"]) if boxes and row["boxes"] else []:
        drawer.rectangle((x, y, x + w, y + h), outline=(255, 176, 0), width=width)
    return (
        picture,
        f"{picture.width} x {picture.height} pixels, {film.metadata.get('format', 'unknown format')}",
    )


def _write(pictures: Sequence[Image.Image], captions: Sequence[str], out: Path) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if len(pictures) == 1:
            pictures[0].save(out)
            return
        from lucency.reporting.canvas import to_png
        from lucency.reporting.films import contact_sheet

        for picture in pictures:
            picture.thumbnail((_GRID_SIDE, _GRID_SIDE))
        png = to_png(contact_sheet([np.asarray(picture) for picture in pictures], captions))
        if out.suffix.lower() == ".png":
            out.write_bytes(png)
        else:
            import io

            Image.open(io.BytesIO(png)).convert("RGB").save(out)
    except ValueError:
        raise DatasetError("is no picture format that can be written", where=out, hint="Use .png or .jpg") from None
    except OSError as error:
        raise ResourceError(f"the picture cannot be written ({error.strerror or error})", where=out) from None
