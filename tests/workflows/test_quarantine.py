from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from lucency.errors import DatasetError, ResourceError
from lucency.workflows import careful_move
from lucency.workflows.quarantine import quarantine, restore

posix = pytest.mark.skipif(os.name == "nt", reason="links and permissions of POSIX")


@pytest.fixture
def data(tmp_path) -> Path:
    """Four files of different bytes and times in two folders."""
    for number, name in enumerate(("a/one.jpg", "a/two.jpg", "b/one.jpg", "b/deep/three.png")):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([number]) * (100 + number))
        os.utime(path, ns=(1_600_000_000_123_456_789 + number, 1_500_000_000_987_654_321 + number))
    return tmp_path / "data"


@pytest.fixture(params=["one file system", "another file system"])
def apart(request, monkeypatch) -> str:
    """With "another", hard links are refused as they are between file systems."""
    if request.param == "another file system":
        link = os.link

        def refused(source, target, **options):
            if Path(source).suffix == ".partial":
                return link(source, target, **options)
            raise OSError(errno.EXDEV, "Invalid cross-device link")

        monkeypatch.setattr(careful_move.os, "link", refused)
    return request.param


def state(folder: Path) -> dict[str, tuple[object, int]]:
    """Content and time of every file and link, by path."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[path.relative_to(folder).as_posix()] = (os.readlink(path), path.lstat().st_mtime_ns)
        elif path.is_file():
            found[path.relative_to(folder).as_posix()] = (path.read_bytes(), path.stat().st_mtime_ns)
    return found


def rows(data: Path, *names: str) -> list[tuple[str, str, str]]:
    return [(name, str(data / name), "truncated") for name in names]


ALL = ("a/one.jpg", "a/two.jpg", "b/one.jpg", "b/deep/three.png")


def test_there_and_back(data, tmp_path, apart):
    before = state(data)
    result = quarantine(rows(data, "a/one.jpg", "b/deep/three.png"), tmp_path / "aside", root=data)
    assert result.moved == ("a/one.jpg", "b/deep/three.png")
    assert result.left == ()
    assert set(state(data)) == {"a/two.jpg", "b/one.jpg"}
    aside = state(tmp_path / "aside")
    assert set(aside) == {"films/a/one.jpg", "films/b/deep/three.png", "quarantine.json", "lock"}
    assert aside["films/a/one.jpg"] == before["a/one.jpg"]
    record = json.loads(result.record.read_text())
    film = record["films"][0]
    assert (record["schema"], film["relative"], film["kept"]) == (1, "a/one.jpg", "films/a/one.jpg")
    assert (film["reason"], film["size"], film["root"]) == ("truncated", 100, str(data))

    outcomes = restore(tmp_path / "aside")
    assert [(one.image_id, one.outcome, one.back) for one in outcomes] == [
        ("a/one.jpg", "restored", True),
        ("b/deep/three.png", "restored", True),
    ]
    assert state(data) == before
    assert set(state(tmp_path / "aside")) == {"quarantine.json", "lock"}
    assert restore(tmp_path / "aside") == []


def test_a_real_other_file_system(data):
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or memory.stat().st_dev == data.stat().st_dev:
        pytest.skip("there is no second file system")
    before = state(data)
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        assert len(quarantine(rows(data, *ALL), folder).moved) == 4
        assert state(data) == {}
        assert all(one.outcome == "restored" for one in restore(folder))
    assert state(data) == before


def test_films_come_back_though_their_folder_is_gone(data, tmp_path):
    before = state(data)
    quarantine(rows(data, *ALL), tmp_path / "aside")
    shutil.rmtree(data)
    assert all(one.back for one in restore(tmp_path / "aside"))
    assert state(data) == before


def test_a_data_set_that_has_moved(data, tmp_path):
    before = state(data)
    quarantine(rows(data, "a/one.jpg"), tmp_path / "aside", root=data)
    data.rename(tmp_path / "elsewhere")
    (outcome,) = restore(tmp_path / "aside", root=tmp_path / "elsewhere")
    assert outcome.path == tmp_path / "elsewhere" / "a" / "one.jpg"
    assert state(tmp_path / "elsewhere") == before


def test_what_stands_at_the_place_is_never_overwritten(data, tmp_path, apart):
    before = state(data)
    quarantine(rows(data, *ALL), tmp_path / "aside")
    (data / "a" / "two.jpg").write_text("new")
    outcomes = {one.image_id: one for one in restore(tmp_path / "aside")}
    assert outcomes["a/two.jpg"].outcome == "occupied"
    assert "something else stands at its place" in outcomes["a/two.jpg"].what
    assert all(outcomes[name].outcome == "restored" for name in ALL if name != "a/two.jpg")
    assert (data / "a" / "two.jpg").read_text() == "new"
    (data / "a" / "two.jpg").unlink()
    assert [one.outcome for one in restore(tmp_path / "aside")] == ["restored"]
    assert state(data) == before


def test_a_film_that_changed_in_quarantine_stays_there(data, tmp_path):
    quarantine(rows(data, "a/one.jpg", "a/two.jpg", "b/one.jpg"), tmp_path / "aside", root=data)
    (tmp_path / "aside" / "films" / "a" / "one.jpg").write_text("mended")
    (tmp_path / "aside" / "films" / "b" / "one.jpg").unlink()
    assert [one.outcome for one in restore(tmp_path / "aside")] == ["changed", "restored", "missing"]
    assert (tmp_path / "aside" / "films" / "a" / "one.jpg").read_text() == "mended"
    assert not (data / "a" / "one.jpg").exists()


def test_several_runs_share_a_folder(data, tmp_path):
    before = state(data)
    quarantine(rows(data, "a/one.jpg"), tmp_path / "aside", root=data)
    # Again with the same film, which is away, and another.
    assert quarantine(rows(data, "a/one.jpg", "b/one.jpg"), tmp_path / "aside", root=data).moved == (
        "a/one.jpg",
        "b/one.jpg",
    )
    # A new film at the place of one that is away, and a film of another data set by the same relative path.
    (data / "a" / "one.jpg").write_text("second")
    (tmp_path / "other" / "a").mkdir(parents=True)
    (tmp_path / "other" / "a" / "one.jpg").write_text("third")
    quarantine(rows(data, "a/one.jpg"), tmp_path / "aside", root=data)
    quarantine(rows(tmp_path / "other", "a/one.jpg"), tmp_path / "aside", root=tmp_path / "other")
    kept = state(tmp_path / "aside")
    assert kept["films/a/one.jpg"] == before["a/one.jpg"]
    assert kept["films/a/one~2.jpg"][0] == b"second"
    assert kept["films/a/one~3.jpg"][0] == b"third"
    assert [one.outcome for one in restore(tmp_path / "aside")] == ["restored", "restored", "occupied", "restored"]
    assert state(data) == before
    assert (tmp_path / "other" / "a" / "one.jpg").read_text() == "third"


def test_a_film_may_go_away_twice(data, tmp_path):
    before = state(data)
    for _ in range(2):
        quarantine(rows(data, *ALL), tmp_path / "aside")
        assert all(one.outcome == "restored" for one in restore(tmp_path / "aside"))
    assert state(data) == before
    assert len(json.loads((tmp_path / "aside" / "quarantine.json").read_text())["films"]) == 4


@posix
def test_a_link_is_moved_itself(data, tmp_path, apart):
    (data / "a" / "link.jpg").symlink_to("../b/one.jpg")
    (data / "a" / "dangling.jpg").symlink_to("nowhere.jpg")
    before = state(data)
    result = quarantine(rows(data, "a/link.jpg", "a/dangling.jpg"), tmp_path / "aside", root=data)
    assert len(result.moved) == 2
    assert (data / "b" / "one.jpg").is_file()
    assert os.readlink(tmp_path / "aside" / "films" / "a" / "link.jpg") == "../b/one.jpg"
    assert all(one.outcome == "restored" for one in restore(tmp_path / "aside"))
    assert state(data) == before


def test_what_is_no_file_is_left(data, tmp_path):
    (data / "folder.jpg").mkdir()
    result = quarantine(rows(data, "gone.jpg", "folder.jpg", "a/one.jpg"), tmp_path / "aside")
    assert result.moved == ("a/one.jpg",)
    assert [image_id for image_id, _ in result.left] == ["gone.jpg", "folder.jpg"]
    assert "neither a file nor a link" in result.left[1][1]
    assert (data / "folder.jpg").is_dir()


def test_a_copy_that_went_wrong_leaves_the_original(data, tmp_path, monkeypatch):
    before = state(data)

    def refused(*_, **__):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(careful_move.os, "link", refused)
    monkeypatch.setattr(careful_move.shutil, "copyfileobj", lambda source, copy, size: copy.write(b"something else"))
    result = quarantine(rows(data, "a/one.jpg"), tmp_path / "aside")
    assert "the copy differs" in result.left[0][1]
    assert state(data) == before
    assert set(state(tmp_path / "aside")) == {"quarantine.json", "lock"}
    assert [one.outcome for one in restore(tmp_path / "aside")] == ["in_place"]


def test_a_full_disk_is_one_line_and_loses_nothing(data, tmp_path, monkeypatch):
    before = state(data)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(careful_move.os, "link", full)
        patch.setattr(careful_move.shutil, "copyfileobj", full)
        with pytest.raises(ResourceError, match="the disk is full"):
            quarantine(rows(data, *ALL), tmp_path / "aside")
    assert state(data) == before
    assert len(quarantine(rows(data, *ALL), tmp_path / "aside").moved) == 4
    assert all(one.outcome == "restored" for one in restore(tmp_path / "aside"))
    assert state(data) == before


KILLED = textwrap.dedent(
    """
    import errno, os, sys
    verb, data, aside, steps, apart = sys.argv[1:6]
    from lucency.workflows.quarantine import quarantine, restore
    import lucency.datasets.folder_lock
    left = [int(steps)]
    def dying(name):
        call = getattr(os, name)
        def step(*given, **options):
            if name == "link" and apart == "yes" and not str(given[0]).endswith(".partial"):
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            # Killed before the call.
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)
            return call(*given, **options)
        setattr(os, name, step)
    for name in ("link", "unlink", "symlink", "replace", "utime"):
        dying(name)
    names = ("a/one.jpg", "a/two.jpg", "b/link.jpg")
    if verb == "restore":
        restore(aside)
    else:
        quarantine([(name, os.path.join(data, name), "bad") for name in names], aside, root=data)
    """
)


@posix
@pytest.mark.parametrize("apart", ["no", "yes"])
@pytest.mark.parametrize("verb", ["quarantine", "restore"])
def test_a_kill_at_any_step_loses_nothing(data, tmp_path, verb, apart):
    (data / "b" / "link.jpg").symlink_to("one.jpg")
    before = state(data)
    aside = tmp_path / "aside"
    names = ("a/one.jpg", "a/two.jpg", "b/link.jpg")
    for steps in range(40):
        if verb == "restore":
            assert len(quarantine(rows(data, *names), aside, root=data).moved) == 3
        ended = subprocess.run(
            [sys.executable, "-c", KILLED, verb, str(data), str(aside), str(steps), apart], check=False
        )
        assert ended.returncode in (0, 9)
        contents = {content for content, _ in [*state(data).values(), *state(aside).values()]}
        assert {content for content, _ in before.values()} <= contents
        if verb == "quarantine" and steps % 2:
            # Run again, it finishes the work.
            assert len(quarantine(rows(data, *names), aside, root=data).moved) == 3
            assert set(state(data)) == {"b/one.jpg", "b/deep/three.png"}
        if (aside / "quarantine.json").exists():
            assert all(one.back for one in restore(aside))
        assert state(data) == before
        assert [name for name in state(aside) if name.startswith("films/")] == []
        if ended.returncode == 0:
            break
    assert ended.returncode == 0
    assert steps > 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no quarantine.json"),
        ("{", "cannot be read"),
        ("[]", "broken"),
        ('{"schema": 1}', "broken"),
        ('{"schema": 2, "films": []}', "newer version"),
        ('{"schema": 1, "films": [{"image_id": "a"}]}', "broken"),
    ],
)
def test_a_record_that_cannot_be_used(tmp_path, content, message):
    if content is not None:
        (tmp_path / "quarantine.json").write_text(content)
    with pytest.raises(DatasetError, match=message) as raised:
        restore(tmp_path)
    assert "\n" not in str(raised.value)
    with pytest.raises(DatasetError):
        restore(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("key", "value"), [("kept", "../../secret"), ("relative", "/etc/x"), ("size", "1"), ("link", 3)]
)
def test_a_record_from_elsewhere_reaches_no_further(data, tmp_path, key, value):
    record = quarantine(rows(data, "a/one.jpg"), tmp_path / "aside", root=data).record
    content = json.loads(record.read_text())
    content["films"][0][key] = value
    record.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="broken"):
        restore(tmp_path / "aside")
    with pytest.raises(DatasetError, match="broken"):
        quarantine(rows(data, "a/two.jpg"), tmp_path / "aside", root=data)
    assert (data / "a" / "two.jpg").exists()


def test_a_quarantine_among_the_films_is_refused(data):
    with pytest.raises(DatasetError, match="among the films"):
        quarantine(rows(data, "a/one.jpg"), data / "bad", root=data)
    assert (data / "a" / "one.jpg").exists()
    assert not (data / "bad").exists()
    # Hidden folders are not scanned.
    assert quarantine(rows(data, "a/one.jpg"), data / ".bad", root=data).moved == ("a/one.jpg",)


def test_films_are_not_put_where_they_are(data, tmp_path):
    films = data.rename(tmp_path / "films")
    before = state(tmp_path)
    for root in (films, films / "a", None):
        with pytest.raises(DatasetError, match="quarantine") as raised:
            quarantine(rows(films, "a/one.jpg"), tmp_path, root=root)
        assert "\n" not in str(raised.value)
        assert state(tmp_path) == before


@posix
def test_films_are_not_put_where_they_are_by_another_name(data, tmp_path):
    films = data.rename(tmp_path / "films")
    before = state(films)
    (tmp_path / "alias").symlink_to(tmp_path, target_is_directory=True)
    for root in (films, None):
        with pytest.raises(DatasetError, match="quarantine"):
            quarantine(rows(films, "a/one.jpg"), tmp_path / "alias", root=root)
    (tmp_path / "inside").symlink_to(films / "a", target_is_directory=True)
    with pytest.raises(DatasetError, match="among the films"):
        quarantine(rows(films, "a/one.jpg"), tmp_path / "inside", root=films)
    assert state(films) == before


def test_restoring_into_the_quarantine_is_refused(data, tmp_path):
    before = state(data)
    quarantine(rows(data, *ALL), tmp_path / "aside", root=data)
    aside = state(tmp_path / "aside")
    for root in (tmp_path / "aside" / "films", tmp_path / "aside", tmp_path / "aside" / "films" / "a"):
        with pytest.raises(DatasetError, match="into the quarantine itself") as raised:
            restore(tmp_path / "aside", root=root)
        assert "\n" not in str(raised.value)
        assert state(tmp_path / "aside") == aside
    assert all(one.outcome == "restored" for one in restore(tmp_path / "aside"))
    assert state(data) == before


@posix
def test_the_only_copy_is_never_taken_for_a_second_one(data, tmp_path):
    before = state(data)
    quarantine(rows(data, "a/one.jpg", "a/two.jpg"), tmp_path / "aside", root=data)
    # The folder that films came from now leads to where they are kept.
    (data / "a").rmdir()
    (data / "a").symlink_to(tmp_path / "aside" / "films" / "a", target_is_directory=True)
    outcomes = restore(tmp_path / "aside")
    assert [(one.outcome, one.back) for one in outcomes] == [("occupied", False)] * 2
    assert "in the quarantine itself" in outcomes[0].what
    (data / "a").unlink()
    assert all(one.outcome == "restored" for one in restore(tmp_path / "aside"))
    assert state(data) == before


def test_a_folder_that_cannot_be_written(data, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="cannot write here"):
        quarantine(rows(data, "a/one.jpg"), tmp_path / "file" / "aside")
    assert (data / "a" / "one.jpg").exists()


@posix
def test_names_that_are_no_text_and_no_films_at_all(data, tmp_path):
    odd = os.fsencode(str(data / "a")) + b"/\xff\xfe.jpg"
    try:
        with open(odd, "wb") as file:
            file.write(b"odd")
    except OSError:
        pytest.skip("the file system wants names that are text")
    before = state(data)
    name = os.fsdecode(odd)
    assert quarantine([("odd", name, "truncated")], tmp_path / "aside").moved == ("odd",)
    assert all(one.back for one in restore(tmp_path / "aside"))
    assert state(data) == before
    assert quarantine([], tmp_path / "none").moved == ()
    assert restore(tmp_path / "none") == []
