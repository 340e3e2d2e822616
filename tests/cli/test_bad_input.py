"""Bad input through the command itself: one clear line on stderr, a documented exit code, nothing lost."""

from __future__ import annotations

import json
import shutil
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from lucency.workflows.train import TrainResult

Outcome = tuple[int, str, str]
Run = Callable[..., Outcome]


def error_line(outcome: Outcome) -> str:
    lines = [line for line in outcome[2].splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, outcome[2]
    return lines[0]


@pytest.fixture
def good(drawn_films: Path) -> Path:
    return sorted((drawn_films / "Fractured").iterdir())[0]


def claimed_png(side: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


BAD_FILMS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "truncated.jpg": (lambda good: good[: len(good) // 2], "truncated"),
    "empty.jpg": (lambda good: b"", "empty_file"),
    "text.jpg": (lambda good: b"Dear colleague, please find the film attached.", "not_an_image"),
    "pointer.jpg": (lambda good: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "lfs_pointer"),
    "huge.png": (lambda good: claimed_png(60_000), "too_large"),
}


@pytest.mark.parametrize("name", BAD_FILMS)
def test_a_bad_film_gets_its_line_and_the_others_their_answer(
    name: str, run: Run, trained: TrainResult, good: Path, tmp_path: Path
) -> None:
    make, code = BAD_FILMS[name]
    bad = tmp_path / name
    bad.write_bytes(make(good.read_bytes()))
    bundle = trained.run / "bundle"
    other = sorted(good.parent.iterdir())[1]
    outcome = run("predict", good, bad, other, "--bundle", bundle)
    assert outcome[0] == 3
    assert name in error_line(outcome)
    assert [line.split()[0] for line in outcome[1].splitlines()[1:]] == [str(good), str(other)]
    outcome = run("predict", bad, good, "--bundle", bundle, "--json")
    first, second = json.loads(outcome[1])["predictions"]
    assert outcome[0] == 3
    assert first["error"]["code"] == code
    assert first["path"] == str(bad)
    assert 0 <= second["probability"] <= 1
    outcome = run("predict", bad, good, "--bundle", bundle, "--csv")
    assert code in outcome[1].splitlines()[1]
    assert "fractured" in outcome[1].splitlines()[2]
    assert run("show", bad, "--out", tmp_path / "x.png")[0] == 3


def test_a_film_that_is_not_there(run: Run, trained: TrainResult, good: Path) -> None:
    outcome = run("predict", "nowhere.jpg", good, "--bundle", trained.run)
    assert outcome[0] == 3
    assert "nowhere.jpg" in error_line(outcome)


def test_an_empty_folder_and_a_pattern_without_match(run: Run, trained: TrainResult, tmp_path: Path) -> None:
    for given in (tmp_path, tmp_path / "*.jpg"):
        outcome = run("predict", given, "--bundle", trained.run)
        assert outcome[0] == 4
        error_line(outcome)
    assert run("scan", tmp_path)[0] == 4


def copied(source: Path, target: Path, *, keep: Callable[[str], bool] = lambda name: True) -> Path:
    for film in sorted(source.rglob("*.jpg")):
        if keep(film.parent.name):
            (target / film.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(film, target / film.parent.name)
    return target


def test_a_class_without_films(run: Run, drawn_films: Path, tmp_path: Path) -> None:
    folder = copied(drawn_films, tmp_path / "d", keep=lambda name: name == "Fractured")
    outcome = run("scan", folder)
    assert outcome[0] == 4
    assert "not fractured" in error_line(outcome) or "Not_fractured" in error_line(outcome)


def test_an_unknown_folder_name_lists_what_was_found_and_how_to_name_it(
    run: Run, drawn_films: Path, tmp_path: Path
) -> None:
    folder = copied(drawn_films, tmp_path / "d")
    (folder / "Fractured").rename(folder / "kaputt")
    outcome = run("scan", folder)
    assert outcome[0] == 4
    assert "kaputt" in error_line(outcome)
    assert "--label" in error_line(outcome)
    outcome = run("scan", folder, "--label", "kaputt=1", "--json")
    assert outcome[0] == 0
    assert json.loads(outcome[1])["fractured"] == 60


def test_a_split_with_one_class(run: Run, drawn_films: Path, tmp_path: Path) -> None:
    films = sorted((drawn_films / "Fractured").iterdir())
    others = sorted((drawn_films / "Not_fractured").iterdir())
    for place, film in enumerate([*films, *others]):
        side = "test" if film in films[:9] else ("val", "train")[place % 3 > 0]
        target = tmp_path / "d" / side / film.parent.name
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(film, target)
    small = ("--set", "input.height=64", "--set", "input.width=64")
    outcome = run("train", tmp_path / "d", "--recipe", "tiny-vgg", *small, "--out", tmp_path / "run")
    assert outcome[0] == 4
    assert "test" in error_line(outcome)


@pytest.mark.parametrize(
    ("row", "words"), [("{good},2", "2"), ("nowhere.jpg,1", "nowhere.jpg"), ("{good},maybe", "maybe")]
)
def test_a_table_with_a_bad_row(run: Run, good: Path, tmp_path: Path, row: str, words: str) -> None:
    table = tmp_path / "films.csv"
    table.write_text(f"path,label\n{good},1\n{row.format(good=good)}\n")
    outcome = run("scan", table)
    assert outcome[0] == 4
    assert words in error_line(outcome)


def test_a_group_on_two_sides_warns_and_strict_stops(run: Run, drawn_films: Path, tmp_path: Path) -> None:
    films = [*sorted((drawn_films / "Fractured").iterdir()), *sorted((drawn_films / "Not_fractured").iterdir())]
    sides = ("train", "train", "val", "test")
    rows = [
        f"{film},{int(film.parent.name == 'Fractured')},{sides[n % 4]},patient{n // 5}" for n, film in enumerate(films)
    ]
    table = tmp_path / "films.csv"
    table.write_text("path,label,split,group\n" + "\n".join(rows) + "\n")
    outcome = run("scan", table)
    assert outcome[0] == 0
    assert "warning: " in outcome[1]
    small = [item for text in ("input.height=64", "input.width=64", "training.epochs=1") for item in ("--set", text)]
    outcome = run("train", table, "-r", "tiny-vgg", *small, "--out", tmp_path / "run", "--strict")
    assert outcome[0] == 10
    assert "--strict" in error_line(outcome)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--recipe", "tiny-vg"], "tiny-vgg"),
        (["--recipe", "tiny-vgg", "--set", "training.epoch=1"], "training.epochs"),
        (["--recipe", "tiny-vgg", "--set", "training.epochs=-1"], "training.epochs"),
        (["--recipe", "mobilenet", "--weights", "nowhere.h5"], "nowhere.h5"),
    ],
)
def test_a_recipe_typo(run: Run, drawn_films: Path, tmp_path: Path, arguments: list[str], words: str) -> None:
    outcome = run("train", drawn_films, *arguments, "--out", tmp_path / "run")
    assert outcome[0] == 5
    assert words in error_line(outcome)
    assert not (tmp_path / "run").exists()


def test_a_bundle_that_was_altered_or_is_too_new(run: Run, trained: TrainResult, good: Path, tmp_path: Path) -> None:
    shutil.copytree(trained.run / "bundle", tmp_path / "b")
    model = tmp_path / "b" / "model.onnx"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(bytes(content))
    outcome = run("predict", good, "--bundle", tmp_path / "b")
    assert outcome[0] == 6
    assert "hash" in error_line(outcome)
    card = json.loads((tmp_path / "b" / "card.json").read_text())
    (tmp_path / "b" / "card.json").write_text(json.dumps({**card, "schema_version": 99}))
    outcome = run("predict", good, "--bundle", tmp_path / "b")
    assert outcome[0] == 6
    assert "Upgrade" in error_line(outcome)
    assert run("predict", good, "--bundle", tmp_path / "nowhere")[0] == 6


def test_a_missing_extra_is_named(
    run: Run, trained: TrainResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = tmp_path / "film.dcm"
    film.write_bytes(b"\0" * 128 + b"DICM" + b"\x02\x00\x00\x00UL\x04\x00\x00\x00\x00\x00" + b"\0" * 64)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    outcome = run("predict", film, "--bundle", trained.run)
    assert outcome[0] == 7
    assert 'pip install "lucency[dicom]"' in error_line(outcome)


def test_an_overlay_folder_that_cannot_be_written(run: Run, trained: TrainResult, good: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    outcome = run("predict", good, "--bundle", trained.run, "--overlay", tmp_path / "file")
    assert outcome[0] == 8
    error_line(outcome)


def test_wrong_usage_exits_with_2(run: Run, drawn_films: Path, trained: TrainResult, good: Path) -> None:
    assert run("train")[0] == 2
    assert run("train", drawn_films, "--resume", trained.run)[0] == 2
    assert run("nonsense")[0] == 2
    assert run("predict")[0] == 2
    assert run("predict", good, "--bundle", trained.run, "--json", "--csv")[0] == 2
    assert run("scan", drawn_films, "--label", "x=2")[0] == 2
    assert run("train", "--resume", trained.run.parent / "nowhere")[0] == 9
