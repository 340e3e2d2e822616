"""Data sets that `lucency fetch` knows by name, and those of Kaggle."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from faulty_server import FaultyServer, Served
from fetch_outcome import Run, error_line

from lucency.datasets import figshare
from lucency.datasets.sources import KNOWN_DATASETS
from lucency.errors import DatasetError
from lucency.workflows.fetch import fetch


class TestKnownByName:
    @pytest.fixture
    def known(self, server: FaultyServer, packed: bytes, monkeypatch: pytest.MonkeyPatch) -> FaultyServer:
        """FracAtlas at the local server, which plays figshare's interface too."""
        server.files["/files/1"] = Served(packed)
        row = replace(
            KNOWN_DATASETS["fracatlas"],
            urls=(f"{server.url}/files/1",),
            md5=hashlib.md5(packed).hexdigest(),
            sha256=hashlib.sha256(packed).hexdigest(),
        )
        monkeypatch.setitem(KNOWN_DATASETS, "fracatlas", row)
        monkeypatch.setattr(figshare.ask_figshare, "__kwdefaults__", {"api": server.url, "timeout": 2.0})
        return server

    def answer(self, server: FaultyServer, url: str, md5: str) -> None:
        entry = {"name": "FracAtlas.zip", "download_url": url, "computed_md5": md5}
        server.files["/articles/22363012/files"] = Served(json.dumps([entry]).encode(), kind="application/json")

    def test_licence_and_citation_come_first_and_stay_beside_the_data(
        self, known: FaultyServer, run: Run, tmp_path: Path, packed: bytes
    ) -> None:
        self.answer(known, f"{known.url}/files/1", hashlib.md5(packed).hexdigest())
        code, _, err = run("fetch", "fracatlas", "--to", tmp_path / "data")
        assert code == 0
        assert "Licence: CC BY 4.0" in err
        assert "Cite: Abedeen et al. 2023" in err
        note = (tmp_path / "data" / "SOURCE.txt").read_text()
        assert "licence: CC BY 4.0\ncite: Abedeen" in note
        assert "checked: sha256 " in note
        assert "page: https://doi.org/10.6084/m9.figshare.22363012" in note

    def test_figshare_silent(self, known: FaultyServer, run: Run, tmp_path: Path) -> None:
        code, _, err = run("fetch", "fracatlas", "--to", tmp_path / "data")
        assert code == 0
        assert "figshare does not tell the newest version" in err

    def test_a_newer_version_has_its_own_md5(
        self, known: FaultyServer, run: Run, tmp_path: Path, packed: bytes
    ) -> None:
        newer = packed + b"\0"
        known.files["/files/2"] = Served(newer)
        self.answer(known, f"{known.url}/files/2", hashlib.md5(newer).hexdigest())
        code, _, err = run("fetch", "fracatlas", "--to", tmp_path / "data")
        assert code == 0
        assert "newer version" in err
        note = (tmp_path / "data" / "SOURCE.txt").read_text()
        assert f"address: {known.url}/files/2\n" in note
        assert f"checked: md5 {hashlib.md5(newer).hexdigest()} (the figshare record)\n" in note

    def test_a_file_that_is_not_what_the_table_says(self, known: FaultyServer, run: Run, tmp_path: Path) -> None:
        known.files["/files/1"] = Served(b"PK\x03\x04 something else")
        outcome = run("fetch", "fracatlas", "--to", tmp_path / "data")
        assert outcome[0] == 4
        assert "(Lucency's table)" in error_line(outcome)
        assert "download FracAtlas.zip at https://doi.org" in error_line(outcome)

    def test_a_mirror(self, known: FaultyServer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        row = KNOWN_DATASETS["fracatlas"]
        monkeypatch.setitem(KNOWN_DATASETS, "fracatlas", replace(row, urls=(f"{known.url}/gone", *row.urls)))
        code, _, err = run("fetch", "fracatlas", "--to", tmp_path / "data")
        assert code == 0
        assert "(404)" in err
        assert "Trying another address" in err


def test_kaggle_from_the_handle_to_the_note(
    server: FaultyServer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("kagglehub")
    from kagglesdk import kaggle_env

    for name, value in {"HOME": str(tmp_path), "KAGGLE_CONFIG_DIR": str(tmp_path), "TQDM_DISABLE": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, server.url)
    service = "/v1/datasets.DatasetApiService"
    facts = {"title": "Bones", "licenseName": "CC0: Public Domain", "currentVersionNumber": 3}
    server.files[f"{service}/GetDataset"] = Served(json.dumps(facts).encode(), kind="application/json")
    server.redirects[f"{service}/DownloadDataset"] = f"{server.url}/films.zip"
    code, out, err = run("fetch", "https://www.kaggle.com/datasets/someone/bones", "--to", tmp_path / "data")
    assert code == 0
    assert "Licence: CC0: Public Domain" in err
    assert "121 files in" in out
    note = (tmp_path / "data" / "SOURCE.txt").read_text()
    assert "source: kaggle:someone/bones\ntitle: Bones\n" in note
    assert "address: kaggle:someone/bones/versions/3\n" in note
    asked = len(server.asked)
    assert "Nothing to do" in run("fetch", "kaggle:someone/bones", "--to", tmp_path / "data")[1]
    assert len(server.asked) == asked
    assert sorted(os.listdir(tmp_path / "data")) == ["My films", "SOURCE.txt"]


def test_kaggle_without_the_library(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    outcome = run("fetch", "kaggle:a/b", "--to", tmp_path / "data")
    assert outcome[0] == 7
    assert 'pip install "lucency[fetch]"' in error_line(outcome)


def test_kaggle_takes_no_checksum(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="Kaggle unpacks by itself"):
        fetch("kaggle:a/b", tmp_path / "data", md5="0" * 32)
    assert not (tmp_path / "data").exists()
