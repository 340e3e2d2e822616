"""Films in an archive, a server that gives them, and the command that fetches them."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty_server import FaultyServer, Served, serving
from fetch_outcome import Outcome, Run

from lucency.cli.main import main
from lucency.datasets import download


@pytest.fixture(scope="module")
def packed(drawn_films: Path) -> bytes:
    """The synthetic films in a zip, within a folder, as people pack them."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path in sorted(drawn_films.rglob("*")):
            if path.is_file():
                archive.write(path, Path("My films", path.relative_to(drawn_films)))
    return stream.getvalue()


@pytest.fixture
def server(packed: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "LONGEST_WAIT", 0.0)
    with serving() as running:
        running.files["/films.zip"] = Served(packed)
        yield running


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls `lucency` in this process; gives exit code, stdout and stderr."""

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["lucency", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err + said.out
        code = ended.value.code
        return (code if isinstance(code, int) else 0), said.out, said.err

    return call
