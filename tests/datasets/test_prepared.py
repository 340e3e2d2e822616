from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lucency.datasets import prepared as prepared_module
from lucency.datasets import prepared_store
from lucency.datasets.audit.files import CHANGED
from lucency.datasets.folder_lock import folder_lock
from lucency.datasets.layouts import scan
from lucency.datasets.prepared import prepare
from lucency.datasets.prepared_store import store_folder
from lucency.errors import DatasetError, ResourceError
from lucency.imaging import InputSpec, Radiograph, read_radiograph, to_input

SPEC = InputSpec(24, 16)


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """Names of the files that were decoded."""
    names: list[str] = []

    def counting(source) -> Radiograph:
        names.append(Path(source).name)
        return read_radiograph(source)

    monkeypatch.setattr(prepared_module, "read_radiograph", counting)
    return names


def assert_right(result, spec=SPEC):
    """Every film of the result holds the pixels that the predictor would see."""
    for path, row in zip(result.manifest.table["path"], result.rows, strict=True):
        expected = to_input(read_radiograph(path).pixels, spec)[0][:, :, 0]
        np.testing.assert_array_equal(result.images[row], expected)


def test_films_are_what_the_predictor_sees(two_classes, tmp_path):
    told: list[tuple[int, int]] = []
    result = prepare(scan(two_classes), SPEC, tmp_path / "out", progress=lambda *at: told.append(at))
    assert result.images.shape == (12, 24, 16)
    assert result.images.dtype == np.uint8
    assert not result.images.flags.writeable
    assert result.rows.dtype == np.int64
    assert result.sizes.tolist() == [[20, 30]] * 12
    assert result.findings == []
    assert told == [(done, 12) for done in range(13)]
    assert_right(result)


def test_nothing_is_decoded_twice(two_classes, film, tmp_path, decoded):
    prepare(scan(two_classes), SPEC, tmp_path / "out")
    assert len(decoded) == 12
    film("data/fractured/new.png", 77)
    film("data/fractured/copy of f0.png", 0)
    result = prepare(scan(two_classes), SPEC, tmp_path / "out")
    assert decoded[12:] == ["new.png"]
    assert len(result.manifest) == 14
    assert len(set(result.rows.tolist())) == 13
    assert_right(result)


def test_a_folder_is_shared_by_content_not_by_name(two_classes, tmp_path, decoded):
    prepare(scan(two_classes), SPEC, tmp_path / "out")
    moved = two_classes.rename(tmp_path / "moved")
    assert_right(prepare(scan(moved), SPEC, tmp_path / "out"))
    assert len(decoded) == 12


def test_specs_stand_apart_but_channels_do_not(two_classes, tmp_path, decoded):
    manifest = scan(two_classes)
    prepare(manifest, SPEC, tmp_path / "out")
    colour = prepare(manifest, InputSpec(24, 16, channels=3), tmp_path / "out")
    assert len(decoded) == 12
    assert colour.images.shape == (12, 24, 16)
    squashed = InputSpec(24, 16, fit="squash")
    assert_right(prepare(manifest, squashed, tmp_path / "out"), squashed)
    assert len(decoded) == 24


def test_other_pixels_need_another_store(monkeypatch, tmp_path):
    before = store_folder(tmp_path, SPEC)
    monkeypatch.setattr(prepared_store, "PIXEL_PATH_VERSION", prepared_store.PIXEL_PATH_VERSION + 1)
    assert store_folder(tmp_path, SPEC) != before


def test_unreadable_films_are_reported_and_left_out(two_classes, film, tmp_path, decoded):
    whole = film("data/not fractured/cut.png", 50).read_bytes()
    (two_classes / "not fractured" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (two_classes / "not fractured" / "zero.png").write_bytes(b"")
    (two_classes / "fractured" / "text.jpg").write_text("hello")
    manifest = scan(two_classes)
    result = prepare(manifest, SPEC, tmp_path / "out")
    assert len(manifest) == 15
    assert len(result.manifest) == len(result.rows) == 12
    assert {f.evidence["code"]: f.image_ids for f in result.findings} == {
        "truncated": ("not fractured/cut.png",),
        "empty_file": ("not fractured/zero.png",),
        "not_an_image": ("fractured/text.jpg",),
    }
    for finding in result.findings:
        assert (finding.check, finding.severity) == ("files", "error")
        assert finding.evidence["messages"][finding.image_ids[0]]
        assert finding.action
        json.dumps(finding.to_json())
    assert [f.evidence["fractured"] for f in result.findings if f.evidence["code"] == "not_an_image"] == [1]
    assert_right(result)
    # An error may go away, with a codec or a permission, so it is never remembered.
    again = prepare(manifest, SPEC, tmp_path / "out")
    assert sorted(decoded[15:]) == ["cut.png", "text.jpg", "zero.png"]
    assert again.findings == result.findings


def test_a_class_of_which_nothing_can_be_read(two_classes, tmp_path):
    for path in (two_classes / "fractured").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DatasetError, match=r"none of the 6 films of the class fractured \(1\).*empty_file"):
        prepare(scan(two_classes), SPEC, tmp_path / "out")


def test_a_class_of_one_split_of_which_nothing_can_be_read(two_classes, tmp_path):
    manifest = scan(two_classes)
    manifest.table.loc[0, "split"] = "val"
    Path(manifest.table["path"][0]).unlink()
    with pytest.raises(DatasetError, match=r"1 film of the split val .*not_found"):
        prepare(manifest, SPEC, tmp_path / "out")


def test_a_file_that_changed_since_the_scan(two_classes, film, tmp_path):
    manifest = scan(two_classes)
    film("data/fractured/f0.png", 999)
    (finding,) = prepare(manifest, SPEC, tmp_path / "out").findings
    assert finding.image_ids == ("fractured/f0.png",)
    assert finding.evidence["code"] == CHANGED
    assert finding.severity == "error"


def test_warnings_of_the_reader_become_notes_also_from_the_store(two_classes, tmp_path, monkeypatch):
    def warning(source) -> Radiograph:
        film = read_radiograph(source)
        return Radiograph(film.pixels, film.sha256, film.metadata, ("Guessed the range.",))

    monkeypatch.setattr(prepared_module, "read_radiograph", warning)
    manifest = scan(two_classes)
    for _ in range(2):
        (finding,) = prepare(manifest, SPEC, tmp_path / "out").findings
        assert (finding.severity, finding.message) == ("note", "12 films: Guessed the range.")
        assert len(finding.image_ids) == 12


def test_no_films_at_all(two_classes, tmp_path):
    with pytest.raises(DatasetError, match="no films to prepare"):
        prepare(scan(two_classes).subset("val"), SPEC, tmp_path / "out")


def many_films(folder: Path, count: int = 60) -> Path:
    for i in range(count):
        path = folder / ("fractured" if i % 2 else "normal") / f"{i:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 4 * i, dtype=np.uint8)).save(path)
    return folder


KILLED = textwrap.dedent(
    """
    import os, signal, sys
    from pathlib import Path
    from lucency.datasets import prepared_store
    from lucency.datasets.layouts import scan
    from lucency.datasets.prepared import prepare
    from lucency.imaging import InputSpec

    # A job that a shell starts in the background inherits a SIGINT that is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    prepared_store.COMMIT_BYTES = 24 * 16 * 10
    how = getattr(signal, sys.argv[3])

    def progress(done, total):
        if done == 35:
            os.kill(os.getpid(), how)

    # No `if __name__` guard: a plain script must do.
    prepare(scan(sys.argv[1]), InputSpec(24, 16), Path(sys.argv[2]), progress=progress)
    """
)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(("how", "kept"), [("SIGKILL", 30), ("SIGINT", 35)])
def test_an_interrupted_job_goes_on_where_it_stopped(tmp_path, decoded, how, kept):
    films = many_films(tmp_path / "films")
    script = tmp_path / "job.py"
    script.write_text(KILLED)
    source = str(Path(prepared_module.__file__).parents[2])
    job = subprocess.run(
        [sys.executable, str(script), str(films), str(tmp_path / "out"), how],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert job.returncode == -getattr(signal, how)
    journal = store_folder(tmp_path / "out", SPEC) / "films.jsonl"
    assert len(journal.read_text().splitlines()) == kept
    result = prepare(scan(films), SPEC, tmp_path / "out")
    assert len(decoded) == 60 - kept
    assert sorted(result.rows.tolist()) == list(range(60))
    assert_right(result)


def test_a_journal_cut_short_and_an_array_cut_short(tmp_path, decoded):
    manifest = scan(many_films(tmp_path / "films"))
    prepare(manifest, SPEC, tmp_path / "out", workers=1)
    home = store_folder(tmp_path / "out", SPEC)
    journal = home / "films.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:50]) + lines[50][:-9])
    os.truncate(home / "films.u8", 40 * 24 * 16 + 5)
    decoded.clear()
    result = prepare(manifest, SPEC, tmp_path / "out")
    assert len(decoded) == 20
    assert_right(result)
    assert all(json.loads(line) for line in journal.read_text().splitlines())


def test_too_little_space_is_refused_before_anything_is_decoded(tmp_path, decoded, monkeypatch):
    manifest = scan(many_films(tmp_path / "films"))
    usage = type("Usage", (), {"free": 2**20})
    monkeypatch.setattr(prepared_store.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(ResourceError, match=r"too full for 60 prepared films: .* 1 MiB free"):
        prepare(manifest, SPEC, tmp_path / "out")
    assert decoded == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_up_keeps_what_is_prepared(tmp_path, decoded, monkeypatch, code):
    manifest = scan(many_films(tmp_path / "films"))
    real, room = os.write, [25 * 24 * 16]

    def write(descriptor: int, data: memoryview) -> int:
        room[0] -= len(data)
        if room[0] < 0:
            raise OSError(code, os.strerror(code))
        return real(descriptor, data)

    with monkeypatch.context() as patch:
        patch.setattr(prepared_store.os, "write", write)
        patch.setattr(prepared_store, "COMMIT_BYTES", 24 * 16 * 10)
        with pytest.raises(ResourceError, match="disk is full; the films prepared so far are kept"):
            prepare(manifest, SPEC, tmp_path / "out", workers=1)
    decoded.clear()
    result = prepare(manifest, SPEC, tmp_path / "out")
    assert 30 <= len(decoded) <= 50
    assert_right(result)


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small disk")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_real_full_disk(tiny_disk, tmp_path, monkeypatch, decoded):
    manifest = scan(many_films(tmp_path / "films"))
    spec = InputSpec(100, 100)
    with pytest.raises(ResourceError, match="too full"):
        prepare(manifest, spec, tiny_disk)
    plenty = type("Usage", (), {"free": 2**40})
    monkeypatch.setattr(prepared_store.shutil, "disk_usage", lambda path: plenty)
    monkeypatch.setattr(prepared_store, "COMMIT_BYTES", 10_000)
    with pytest.raises(ResourceError, match="disk is full"):
        prepare(manifest, spec, tiny_disk)
    home = store_folder(tiny_disk, spec)
    kept = len((home / "films.jsonl").read_text().splitlines())
    assert 15 <= kept <= 25
    subprocess.run(["mount", "-o", "remount,size=2m", str(tiny_disk)], check=True)
    decoded.clear()
    result = prepare(manifest, spec, tiny_disk)
    assert len(decoded) == 60 - kept
    assert_right(result, spec)
    del result


def test_a_folder_that_cannot_be_written(two_classes, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ResourceError, match="cannot write here"):
        prepare(scan(two_classes), SPEC, tmp_path / "file")


def test_two_jobs_at_once_share_the_work(tmp_path, decoded):
    manifest = scan(many_films(tmp_path / "films"))
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(prepare(manifest, SPEC, tmp_path / "out"))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(decoded) == 60
    assert len(results) == 3
    for result in results:
        assert_right(result)


def test_the_lock_is_waited_for_and_given_up(tmp_path, caplog):
    with folder_lock(tmp_path):
        start = time.monotonic()
        with pytest.raises(ResourceError, match="another process"), folder_lock(tmp_path, wait=0.3):
            raise AssertionError("two held the lock")
        assert time.monotonic() - start >= 0.3
    assert "waiting for it" in caplog.text
    with folder_lock(tmp_path, wait=0):
        pass


def test_decoded_films_never_pile_up_before_the_disk(tmp_path, monkeypatch):
    manifest = scan(many_films(tmp_path / "films"))
    begun: list[int] = []
    seen: list[int] = []
    real = prepared_module._decode

    def counting(*job):
        begun.append(1)
        return real(*job)

    def progress(done: int, total: int) -> None:
        if done == 1:
            # Time enough for three threads to decode all sixty, if nothing held them back.
            time.sleep(0.3)
            seen.append(len(begun))

    monkeypatch.setattr(prepared_module, "_decode", counting)
    prepare(manifest, SPEC, tmp_path / "out", workers=3, progress=progress)
    assert seen == [6]
    assert len(begun) == 60
