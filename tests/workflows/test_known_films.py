"""Films that a bundle has seen are found, left out of the figures, and said."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from brightness import brightness_bundle
from heard import Heard
from PIL import Image

from lucency.bundle import Bundle, read_bundle, write_bundle
from lucency.datasets.content_hash import files_sha256
from lucency.datasets.film_prints import PRINTS_VERSION
from lucency.datasets.synthetic import draw_film
from lucency.errors import BundleError, DatasetError, RunError
from lucency.fingerprints import Fingerprints
from lucency.workflows.evaluate import evaluate
from lucency.workflows.film_fingerprints import film_prints, fingerprint_run
from lucency.workflows.known_films import SEEN_FILE, films_seen
from lucency.workflows.run_folder import RunFolder
from lucency.workflows.scan import read_films
from lucency.workflows.teller import Teller

CLASSES = {1: "Fractured", 0: "Not_fractured"}


def write(folder: Path, seeds: range) -> None:
    for seed in seeds:
        label = seed % 2
        path = folder / CLASSES[label] / f"{seed}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw_film(seed, fractured=bool(label), size=192).pixels).save(path)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """own/: 16 films that the bundle has seen. other/: 20 new ones. bundle/. Read only."""
    folder = tmp_path_factory.mktemp("known")
    write(folder / "own", range(400, 416))
    write(folder / "other", range(600, 620))
    films = read_films(folder / "own")
    prints = film_prints(films, folder / "prepared", teller=Teller())
    shas = list(films.table["sha256"])
    seen = Fingerprints.of({"train": shas[:12], "val": shas[12:]}, prints, PRINTS_VERSION)
    brightness_bundle(folder / "bundle", films=seen)
    return folder


@pytest.fixture
def mixed(home: Path, tmp_path: Path) -> Path:
    """The new films and four that are not: one file, one saved in another format, one turned, one mirrored and cut."""
    folder = tmp_path / "mixed"
    shutil.copytree(home / "other", folder)
    shutil.copy(home / "own" / CLASSES[0] / "400.png", folder / CLASSES[0] / "bytes.png")
    Image.open(home / "own" / CLASSES[1] / "401.png").save(folder / CLASSES[1] / "pixels.bmp")
    Image.open(home / "own" / CLASSES[1] / "403.png").rotate(90, expand=True).save(folder / CLASSES[1] / "turned.png")
    film = np.asarray(Image.open(home / "own" / CLASSES[0] / "404.png"))[4:-4, ::-1]
    Image.fromarray(np.ascontiguousarray(film)).save(folder / CLASSES[0] / "mirrored.jpg", quality=60)
    return folder


def rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {Path(row["image_id"]).stem: row for row in csv.DictReader(file)}


def test_what_was_seen_is_left_out_and_said(home: Path, mixed: Path, tmp_path: Path) -> None:
    heard = Heard()
    out = tmp_path / "out"
    report = evaluate(home / "bundle", mixed, out=out, resamples=20, teller=heard)
    assert (report.films, report.optimistic_reason) == (20, None)
    assert any(
        "4 of these 24 films (2 fractured, 2 not) trained this bundle or chose its thresholds"
        " (1 same bytes, 1 same pixels, 2 near copy): they are left out" in line
        for line in heard.lines
    ), heard.lines
    found = rows(out / SEEN_FILE)
    assert {name: row["how"] for name, row in found.items()} == {
        "bytes": "same bytes",
        "pixels": "same pixels",
        "turned": "near copy",
        "mirrored": "near copy",
    }
    assert float(found["bytes"]["likeness"]) == 1
    assert 0.8 <= float(found["turned"]["likeness"]) < 1
    assert {row["split"] for row in found.values()} <= {"train", "val"}
    assert not {"bytes", "turned"} & set(rows(out / "predictions.csv"))
    findings = json.loads((out / "report.json").read_text("utf-8"))["findings"]
    (warning,) = [one for one in findings if one["severity"] == "warning" and one["check"] == "leakage"]
    assert len(warning["image_ids"]) == 4
    assert any("patients" in one["message"] for one in findings if one["severity"] == "note")
    # Without them nothing is written, and an older file goes.
    evaluate(home / "bundle", home / "other", out=out, resamples=20)
    assert not (out / SEEN_FILE).exists()


def test_they_stay_where_one_asks_for_it_and_the_figures_are_optimistic(
    home: Path, mixed: Path, tmp_path: Path
) -> None:
    report = evaluate(home / "bundle", mixed, out=tmp_path / "out", resamples=20, allow_seen=True)
    assert report.films == 24
    assert "4 of these 24 films" in str(report.optimistic_reason)
    assert len(rows(tmp_path / "out" / SEEN_FILE)) == 4


def test_nothing_left_to_measure_is_an_error(home: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="all 16 films are copies") as refused:
        evaluate(home / "bundle", home / "own", out=tmp_path / "out")
    assert "--allow-seen" in str(refused.value.hint)
    folder = tmp_path / "half"
    shutil.copytree(home / "own" / CLASSES[1], folder / CLASSES[1])
    shutil.copytree(home / "other" / CLASSES[0], folder / CLASSES[0])
    with pytest.raises(DatasetError, match="all films that are fractured are copies"):
        evaluate(home / "bundle", folder, out=tmp_path / "out")


def older(home: Path, folder: Path) -> Bundle:
    shutil.copytree(home / "bundle", folder)
    bundle = read_bundle(folder)
    known = {split: [name + 48 * "0" for name in bundle.films_used(split)] for split in ("train", "val")}
    return write_bundle(folder, bundle.card, films=known)


def test_an_older_bundle_knows_bytes_only_and_says_so(home: Path, mixed: Path, tmp_path: Path) -> None:
    bundle = older(home, tmp_path / "older")
    seen = films_seen(bundle, read_films(mixed), tmp_path / "prepared")
    assert [film.how for film in seen.found] == ["same bytes"]
    assert "bytes of its films only" in str(seen.unlooked)
    heard = Heard()
    report = evaluate(bundle, mixed, out=tmp_path / "out", resamples=20, teller=heard)
    assert report.films == 23
    assert any("lucency export RUN" in line for line in heard.lines)


def test_a_bundle_without_fingerprints_knows_nothing(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "bundle", tmp_path / "b")
    (tmp_path / "b" / "fingerprints.npz").unlink()
    card = json.loads((tmp_path / "b" / "card.json").read_text("utf-8"))
    assert card["fingerprints"]["sha256"]
    bundle = write_bundle(tmp_path / "b", read_bundle(home / "bundle").card)
    seen = films_seen(bundle, read_films(home / "own"), tmp_path / "prepared")
    assert (seen.found, seen.films) == ((), 16)
    assert "does not say" in str(seen.unlooked)


def run_with(folder: Path, films: Path) -> RunFolder:
    manifest = read_films(films)
    run = RunFolder.create(folder, {"name": "a run"})
    manifest.table["split"] = ["test" if row % 4 == 0 else "train" for row in range(len(manifest))]
    manifest.write(folder / "manifest.csv")
    return run


def test_export_takes_the_fingerprints_of_the_films_that_trained(home: Path, tmp_path: Path) -> None:
    known = fingerprint_run(run_with(tmp_path / "run", home / "own"), teller=Teller())
    assert known is not None
    assert (len(known.splits), set(known.splits), known.version) == (12, {"train"}, PRINTS_VERSION)
    assert set(known.owner.tolist()) == set(range(12))


def test_where_the_films_are_gone_their_bytes_are_still_known(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "own", tmp_path / "own")
    shas = files_sha256([str(path) for path in sorted((tmp_path / "own").rglob("*.png"))])
    run = run_with(tmp_path / "run", tmp_path / "own")
    shutil.rmtree(tmp_path / "own")
    heard = Heard()
    known = fingerprint_run(run, teller=heard)
    assert known is not None
    assert known.used("train") < {sha[:16] for sha in shas}
    assert (len(known.used("train")), known.version) == (12, 0)
    assert any("Near copies of 12 of the 12 films" in line for line in heard.lines)


def test_a_folder_that_holds_other_things_is_not_written_into(home: Path, mixed: Path, tmp_path: Path) -> None:
    out = tmp_path / "occupied"
    out.mkdir()
    (out / "report.json").write_text("somebody else's", "utf-8")
    (out / "keep.txt").write_text("mine", "utf-8")
    with pytest.raises(RunError, match=r"holds what no evaluation wrote \(keep.txt\)"):
        evaluate(home / "bundle", mixed, out=out)
    (tmp_path / "file").write_text("mine", "utf-8")
    with pytest.raises(RunError, match="is a file"):
        evaluate(home / "bundle", mixed, out=tmp_path / "file")
    assert (out / "report.json").read_text("utf-8") == "somebody else's"


def test_an_unknown_operating_point_or_a_split_of_none_costs_no_time(home: Path, mixed: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no operating point 'foo'"):
        evaluate(home / "bundle", mixed, operating_point="foo", out=tmp_path / "out")
    with pytest.raises(DatasetError, match="has no splits"):
        evaluate(home / "bundle", mixed, split="train", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
