"""Films in an archive and a server that gives them; films with leakage and their audit."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty_server import FaultyServer, Served, serving
from leaky_films import leaky_folder

from lucency.datasets import download
from lucency.workflows.audit import Audited, audit_films


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


@pytest.fixture(scope="session")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read only."""
    return leaky_folder(tmp_path_factory.mktemp("leaky"))


@pytest.fixture(scope="session")
def audited(leaky: Path, tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """The audit of the leaky films with its page, below runs/audit. Read only."""
    return audit_films(leaky, out=tmp_path_factory.mktemp("here") / "runs" / "audit" / "films", html=True)
