"""`lucency audit` and `restore` through the command itself: what is printed, exit codes, one line for an error."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

Outcome = tuple[int, str, str]
Run = Callable[..., Outcome]


def error_line(outcome: Outcome) -> str:
    lines = [line for line in outcome[2].splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, outcome[2]
    return lines[0]


@pytest.fixture(scope="module")
def films(drawn_films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 films in class folders: one of each class twice, seven more of one class cut. Read only."""
    folder = tmp_path_factory.mktemp("audit_cli") / "films"
    for name in ("Fractured", "Not_fractured"):
        (folder / name).mkdir(parents=True)
        good = sorted((drawn_films / name).iterdir())[:20]
        for film in good:
            shutil.copy(film, folder / name / film.name)
        shutil.copy(good[0], folder / name / f"twice_{good[0].name}")
        if name == "Fractured":
            for number in range(7):
                (folder / name / f"cut{number}.jpg").write_bytes(good[number].read_bytes()[:700])
    return folder


QUICK = ("--no-shortcuts",)


def test_the_verdict_comes_first_and_files_last(run: Run, films: Path, tmp_path: Path) -> None:
    code, out, _ = run("audit", films, "--out", tmp_path / "runs" / "audit" / "films", "--html", *QUICK)
    assert code == 0
    lines = out.splitlines()
    content = json.loads((tmp_path / "runs" / "audit" / "films" / "audit.json").read_text("utf-8"))
    assert lines[0] == content["verdict"]
    (head,) = [
        line for line in lines if "distinct" in line and "films" in line and not line.startswith(("n", "w", "e"))
    ][:1]
    assert head.split()[0] == "films"
    assert [line.split()[0] for line in lines[4:8]] == ["all", "train", "val", "test"]
    assert lines[4].split()[1] == "49"
    (error,) = [place for place, line in enumerate(lines) if line.startswith("error: 7 films left out (truncated)")]
    assert lines[error + 1].strip().endswith("and 2 more")
    notes = [place for place, line in enumerate(lines) if line.startswith("note: ")]
    assert notes
    assert all(not lines[place + 1].startswith("  ") for place in notes)
    assert lines[-1].startswith("Written: ")
    for name in ("audit.json", "films.csv", "clusters.csv", "findings.csv", "audit.html"):
        assert name in lines[-1]
        assert (tmp_path / "runs" / "audit" / "films" / name).is_file()


def test_json_is_alone_on_stdout(run: Run, films: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs" / "audit" / "films"
    code, text, said = run("audit", films, "--out", out, "--json", "--fix", "--quarantine", tmp_path / "bad", *QUICK)
    content = json.loads(text)
    assert code == 0
    assert content["films"] == 49
    assert content["leakage"]["test"]["share_with_copy_in_train"] >= 0
    assert content == json.loads((out / "audit.json").read_text("utf-8"))
    assert "Cleaned: " in said
    assert "lucency restore" in said
    assert run("restore", tmp_path / "bad")[0] == 0


def test_fail_on_decides_the_exit_code_after_all_is_written(run: Run, films: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs" / "audit" / "films"
    for severity in ("error", "warning"):
        outcome = run("audit", films, "--out", out, "--fail-on", severity, *QUICK)
        assert outcome[0] == 10
        assert f"--fail-on {severity}" in error_line(outcome)
        assert "Written: " in outcome[1]
    clean = tmp_path / "clean"
    for name in ("Fractured", "Not_fractured"):
        shutil.copytree(films / name, clean / name, ignore=shutil.ignore_patterns("cut*", "twice*"))
    assert run("audit", clean, "--out", out.with_name("clean"), "--fail-on", "error", *QUICK)[0] == 0
    outcome = run("audit", films, "--fail-on", "note")
    assert outcome[0] == 2
    assert "--fail-on" in outcome[2]


def test_fix_writes_a_table_without_what_was_wrong(run: Run, films: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs" / "audit" / "films"
    code, text, _ = run("audit", films, "--out", out, "--fix", *QUICK)
    assert code == 0
    assert f"lucency train {out / 'cleaned.csv'}" in text
    assert json.loads((out / "cleaned.json").read_text("utf-8"))["left_out_by_reason"]["unreadable"] == 7
    outcome = run("audit", out / "cleaned.csv", "--out", out.with_name("cleaned"), "--json", *QUICK)
    content = json.loads(outcome[1])
    assert content["splits_are"] == "given"
    assert [content["leakage"][split]["with_copy_in_train"] for split in ("val", "test")] == [0, 0]
    assert content["readable"] == content["films"]


def test_quarantine_moves_and_restore_brings_back(run: Run, films: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(films, tmp_path / "films"))
    before = {path.relative_to(data): path.read_bytes() for path in data.rglob("*.jpg")}
    words = ("audit", data, "--out", tmp_path / "runs" / "audit" / "films", *QUICK)
    outcome = run(*words, "--quarantine", data / "bad")
    assert outcome[0] == 4
    assert "among the films" in error_line(outcome)
    assert len(list(data.rglob("*.jpg"))) == len(before)
    assert not (tmp_path / "runs").exists()
    code, text, _ = run(*words, "--quarantine", tmp_path / "bad")
    assert code == 0
    assert f"Moved 7 films into {tmp_path / 'bad'}" in text
    assert len(list(data.rglob("*.jpg"))) == len(before) - 7
    assert "No film is damaged" in run(*words, "--quarantine", tmp_path / "bad")[1]
    (data / "Fractured" / "cut3.jpg").write_bytes(b"somebody else's")
    outcome = run("restore", tmp_path / "bad")
    assert outcome[0] == 4
    assert "1 of 7 films are not back" in error_line(outcome)
    assert "occupied: " in outcome[1]
    (data / "Fractured" / "cut3.jpg").unlink()
    assert "Films that are back: 1" in run("restore", tmp_path / "bad")[1]
    assert {path.relative_to(data): path.read_bytes() for path in data.rglob("*.jpg")} == before
    assert "No film is in quarantine" in run("restore", tmp_path / "bad")[1]


def test_only_damaged_films_are_moved(run: Run, films: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(films, tmp_path / "data", ignore=shutil.ignore_patterns("cut*")))
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12345\n"
    (data / "Fractured" / "pointer.jpg").write_text(pointer)
    (data / "Fractured" / "empty.jpg").write_bytes(b"")
    (data / "Fractured" / "words.jpg").write_text("no picture at all")
    code, text, _ = run("audit", data, "--out", tmp_path / "a", "--quarantine", tmp_path / "bad", *QUICK)
    assert code == 0
    assert "1 unreadable film left in place" in text
    assert "Moved 2 films" in text
    assert (data / "Fractured" / "pointer.jpg").read_text() == pointer
    assert not (data / "Fractured" / "empty.jpg").exists()


def test_the_folder_of_the_films_is_no_quarantine(run: Run, films: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(films, tmp_path / "films"))
    before = {path.relative_to(data) for path in data.rglob("*")}
    outcome = run("audit", data, "--out", tmp_path / "a", "--quarantine", tmp_path, *QUICK)
    assert outcome[0] == 4
    assert "quarantine" in error_line(outcome)
    assert {path.relative_to(data) for path in data.rglob("*")} == before


@pytest.mark.parametrize("option", ["--out", "--quarantine"])
def test_a_folder_that_holds_something_else_is_left_alone(run: Run, films: Path, tmp_path: Path, option: str) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "film.png").write_bytes(b"of another data set")
    code, _, err = run("audit", films, "--no-shortcuts", option, other)
    assert code == 4
    assert "other things than" in err.splitlines()[-1]
    assert [path.name for path in other.iterdir()] == ["film.png"]


def test_quarantine_does_not_wait_for_a_fix_that_fails(run: Run, films: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "fractured"
    folder.mkdir(parents=True)
    shutil.copy(next((films / "Fractured").glob("S*")), folder)
    (folder / "empty.jpg").write_bytes(b"")
    words = ("audit", tmp_path / "data", "--out", tmp_path / "a", "--fix", "--quarantine", tmp_path / "bad", *QUICK)
    outcome = run(*words)
    assert outcome[0] == 4
    error_line(outcome)
    assert "Moved 1 film " in outcome[1]
    assert not (folder / "empty.jpg").exists()


def test_a_film_that_could_not_be_moved_is_told_by_the_exit_code(
    run: Run, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    data = Path(shutil.copytree(films, tmp_path / "data"))
    monkeypatch.setattr("lucency.workflows.quarantine.move_file", refused)
    words = ("audit", data, "--out", tmp_path / "a", "--quarantine", tmp_path / "bad", *QUICK)
    outcome = run(*words)
    assert outcome[0] == 4
    assert "could not be moved: 7" in error_line(outcome)
    assert outcome[1].count("not moved: ") == 7
    assert len(list(data.rglob("cut*.jpg"))) == 7
    assert run(*words, "--fail-on", "error")[0] == 10


def test_what_cannot_be_audited_gets_one_line(run: Run, films: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "unknown" / "kaputt").mkdir(parents=True)
    shutil.copy(next((films / "Fractured").glob("S*")), tmp_path / "unknown" / "kaputt")
    (tmp_path / "table.csv").write_text("path,label\nnowhere.jpg,1\n")
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n")
    for data, code in (("empty", 4), ("nowhere", 4), ("table.csv", 4), ("odd.csv", 4), ("file", 4), ("unknown", 4)):
        outcome = run("audit", tmp_path / data, "--out", tmp_path / "a")
        assert outcome[0] == code, data
        error_line(outcome)
    for words in (("--out", tmp_path / "file"), ("--out", tmp_path / "a", "--quarantine", tmp_path / "file" / "bad")):
        outcome = run("audit", films, *words)
        assert outcome[0] == 8
        error_line(outcome)
    for folder in ("empty", "nowhere", "file"):
        outcome = run("restore", tmp_path / folder)
        assert outcome[0] == 4, folder
        error_line(outcome)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "quarantine.json").write_text("{")
    assert run("restore", tmp_path / "broken")[0] == 4
    outcome = run("audit", films, "--run", tmp_path / "empty", "--out", tmp_path / "a")
    assert outcome[0] == 9
    error_line(outcome)


def test_one_film_of_one_class_is_audited(run: Run, films: Path, tmp_path: Path) -> None:
    (tmp_path / "one" / "fractured").mkdir(parents=True)
    shutil.copy(next((films / "Fractured").glob("S*")), tmp_path / "one" / "fractured")
    code, text, _ = run("audit", tmp_path / "one", "--out", tmp_path / "a", "--html")
    assert code == 0
    assert text.startswith("The only film is fractured")
    outcome = run("audit", tmp_path / "one", "--out", tmp_path / "a", "--fix")
    assert outcome[0] == 4
    error_line(outcome)


def test_training_can_leave_the_audit_out(run: Run, films: Path, tmp_path: Path) -> None:
    small = [item for text in ("input.height=64", "input.width=64", "training.epochs=1") for item in ("--set", text)]
    words = ("train", films, "-r", "tiny-vgg", *small, "--test-from-val", "--strict")
    outcome = run(*words, "--out", tmp_path / "one" / "run", "--no-audit")
    assert outcome[0] == 10
    assert not list((tmp_path / "one" / "prepared").glob("160x160-letterbox-*"))
    assert run("train", "--resume", tmp_path / "one" / "run", "--no-audit")[0] == 2
    assert run(*words, "--out", tmp_path / "two" / "run")[0] == 10
    assert list((tmp_path / "two" / "prepared").glob("160x160-letterbox-*"))


def test_films_that_are_missing_or_misnamed_do_not_stop_an_audit(run: Run, films: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(films, tmp_path / "data", ignore=shutil.ignore_patterns("cut*")))
    rows = [f"{film.relative_to(data)},{int(film.parent.name == 'Fractured')}" for film in sorted(data.rglob("*.jpg"))]
    (data / "manifest.csv").write_text("\n".join(["path,label", *rows, "Fractured/lost.jpg,1"]))
    try:
        os.rename(data / rows[0].partition(",")[0], os.fsencode(data) + b"/Fractured/caf\xe9.jpg")
        named = True
    except OSError:
        (data / rows[0].partition(",")[0]).unlink()
        named = False
    words = ("audit", data, "--out", tmp_path / "a", "--html", "--fix", "--quarantine", tmp_path / "bad", *QUICK)
    code, text, _ = run(*words, "--fail-on", "error")
    assert code == 10
    assert "error: 2 films left out (not found): 2 fractured (1)." in text
    assert (
        "error: 1 film left out, since its name is not valid UTF-8; rename it: Fractured/caf\\xe9.jpg." in text
    ) == named
    assert "left in place" not in text
    assert "Cleaned: 40 of 43 films are kept (left out: 2 unreadable, 1 copy)" in text
    assert "lost" not in (tmp_path / "a" / "cleaned.csv").read_text("utf-8")
    outcome = run("train", data, "-r", "tiny-vgg", "--out", tmp_path / "run")
    assert outcome[0] == 4
    assert "2 of 43 films are not there" in error_line(outcome)
