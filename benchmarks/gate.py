"""What the gate of a run's bundle refuses, how surely, and what it costs.

`python -m benchmarks.gate RUN [--without PART ...] [--pictures FOLDER] [--films FOLDER] [--json FILE]`. The run's test
films should pass; drawn pictures, those that scikit-image ships and those of `--pictures` should not; `--films` are
radiographs of another anatomy or another clinic. With `--without`, gates are fitted anew on the run's films without a
body part, which the new gate has then never seen (the network has). Nothing in the run is changed.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from lucency.bundle import read_bundle
from lucency.cli.printing import table
from lucency.errors import FilmError
from lucency.evaluation.gate_report import gate_section
from lucency.gate import Gate, GateAnswer
from lucency.imaging.geometry import to_input
from lucency.imaging.readers import read_radiograph
from lucency.predictor import Predictor
from lucency.workflows.bundle_gate import GateFilms, films_of_run, fit_films_gate, judge_drawn
from lucency.workflows.run_folder import RunFolder, read_rows
from lucency.workflows.teller import Teller

SKIMAGE = (
    *("astronaut", "brick", "camera", "cat", "cell", "clock", "coffee", "coins", "colorwheel", "grass", "gravel"),
    *("horse", "hubble_deep_field", "immunohistochemistry", "logo", "microaneurysms", "moon", "page", "retina"),
    *("rocket", "shepp_logan_phantom", "text"),
)
"""Pictures that lie in scikit-image itself; the last but one is a drawn head."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, help="run whose bundle has a gate, and whose films are at hand")
    parser.add_argument("--without", nargs="*", default=[], metavar="PART", help="body parts to leave out in turn")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="further pictures that are no radiographs")
    parser.add_argument("--films", type=Path, metavar="FOLDER", help="further radiographs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    given = parser.parse_args()
    folder, bundle = RunFolder.open(given.run), read_bundle(given.run)
    if bundle.gate_path is None:
        parser.error(f"the bundle of {given.run} has no gate")
    gate, predictor, teller = Gate.read(bundle.gate_path), Predictor(bundle, gate=False), Teller()
    test = films_of_run(folder, bundle.card.input, splits=("test",), teller=teller)["test"]
    passed = judged(predictor, gate, test.films)
    others = judge_drawn(predictor, gate, teller=teller)
    for name, pictures in (("scikit-image", _skimage()), ("given pictures", _files(given.pictures))):
        shown = [to_input(pixels, bundle.card.input)[0] for pixels in pictures]
        if shown:
            others[name] = judged(predictor, gate, shown)
    strange = [to_input(pixels, bundle.card.input)[0] for pixels in _files(given.films)]
    if strange:
        others["given_film"] = judged(predictor, gate, strange)
    names = [str(place) for place in range(len(passed))]
    section = gate_section(np.zeros(len(passed), int), passed, image_ids=names, drawn=others)
    print("\n".join(section["sentences"]))
    columns = ("kind", "pictures", "refused", "not a radiograph", "AUROC")
    cells = ("kind", "films", "refused", "not_a_radiograph", "auroc")
    rows = [[_text(row[cell]) for cell in cells] for row in section["drawn"]["kinds"]]
    print(table(columns, rows, right=columns[1:]))
    found: dict[str, Any] = {"gate": section, "time": _times(predictor, gate, test.films[0])}
    print(
        f"a film: {found['time']['gate']:.2f} ms in the gate, {found['time']['network']:.1f} ms in the network, "
        f"{100 * found['time']['share']:.1f} % (median of {found['time']['turns']}; load {os.getloadavg()[0]:.1f}); "
        f"gate.npz {bundle.gate_path.stat().st_size / 1000:.0f} kB"
    )
    found["without"] = [_without(folder, predictor, part, teller) for part in given.without]
    for row in found["without"]:
        print(
            f"without {row['part']}: refuses {row['refused']} of {row['films']} films of it and "
            f"{row['others_refused']} of {row['others']} test films of other parts; AUROC {row['auroc']:.3f}"
        )
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


def judged(predictor: Predictor, gate: Gate, films: Sequence[Any]) -> list[GateAnswer]:
    """What the gate says of films, uint8 (H, W, C) each."""
    answers = []
    for start in range(0, len(films), 16):
        batch = np.asarray(films[start : start + 16])
        found = predictor.score(batch).get("embedding")
        answers += [gate.judge(film, None if found is None else found[place]) for place, film in enumerate(batch)]
    return answers


def _without(folder: RunFolder, predictor: Predictor, part: str, teller: Teller) -> dict[str, Any]:
    def films(keep: Callable[[Any], bool], *splits: str) -> dict[str, GateFilms]:
        return films_of_run(folder, predictor.bundle.card.input, splits=splits, keep=keep, teller=teller)

    rest = films(lambda row: row["body_part"] != part, "train", "val", "test")
    gate, _ = fit_films_gate(predictor, rest["train"], rest["val"], teller=teller)
    splits = {row["split"] for row in read_rows(folder.path / "manifest.csv") if row["body_part"] == part}
    left_out = films(lambda row: row["body_part"] == part, *sorted(splits - {""}))
    unseen = [answer for one in left_out.values() for answer in judged(predictor, gate, one.films)]
    known = judged(predictor, gate, rest["test"].films)
    names = [str(place) for place in range(len(known))]
    section = gate_section(np.zeros(len(known), int), known, image_ids=names, drawn={f"{part}_film": unseen})
    row = section["drawn"]["other_anatomy"]
    return {
        "part": part,
        "films": row["films"],
        "refused": row["refused"],
        "auroc": row["auroc"],
        "others": len(known),
        "others_refused": section["refused"]["all"]["refused"],
    }


def _times(predictor: Predictor, gate: Gate, film: Any, turns: int = 60) -> dict[str, float]:
    embedding = predictor.score(film[None]).get("embedding")
    own = None if embedding is None else embedding[0]
    network, judging = [], []
    for _ in range(turns):
        begun = time.perf_counter()
        predictor.score(film[None])
        middle = time.perf_counter()
        gate.judge(film, own)
        network.append(1000 * (middle - begun))
        judging.append(1000 * (time.perf_counter() - middle))
    share = median(judging) / median(network)
    return {"gate": median(judging), "network": median(network), "share": share, "turns": turns}


def _skimage() -> Iterator[Any]:
    try:
        from skimage import data
    except ModuleNotFoundError:
        return
    for name in SKIMAGE:
        picture = np.asarray(getattr(data, name)())
        if picture.dtype != np.uint8:
            picture = np.rint(255.0 * picture).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(picture).save(file, format="PNG")
        yield read_radiograph(file.getvalue()).pixels


def _files(folder: Path | None) -> Iterator[Any]:
    for path in sorted(folder.rglob("*")) if folder else ():
        try:
            yield read_radiograph(path).pixels
        except FilmError:
            continue


def _text(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
