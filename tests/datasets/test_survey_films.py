from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lucency.datasets.audit import survey_films as survey_module
from lucency.datasets.audit.files import CHANGED
from lucency.datasets.audit.measure_film import measure_film
from lucency.datasets.audit.survey import THUMB
from lucency.datasets.audit.survey_films import survey_films
from lucency.datasets.layouts import scan
from lucency.datasets.manifest import Manifest
from lucency.datasets.prepared_store import store_folder
from lucency.datasets.synthetic import write_dataset
from lucency.errors import ResourceError
from lucency.imaging import read_radiograph, to_input


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Path:
    """300 synthetic films; read only."""
    return write_dataset(tmp_path_factory.mktemp("many") / "films", films=300, seed=8, size=64)


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """Names of the files that were decoded."""
    names: list[str] = []

    def counting(path):
        names.append(Path(path).name)
        return measure_film(path)

    monkeypatch.setattr(survey_module, "measure_film", counting)
    return names


def spoil(folder: Path) -> None:
    whole = folder / "fractured" / "f0.png"
    (folder / "fractured" / "cut.png").write_bytes(whole.read_bytes()[:200])
    (folder / "fractured" / "zero.png").write_bytes(b"")
    (folder / "not fractured" / "text.jpg").write_text("hello")


def test_facts_and_thumbs_stand_in_the_order_of_the_manifest(two_classes, film, tmp_path):
    spoil(two_classes)
    film("data/fractured/copy of f0.png", 0)
    manifest = scan(two_classes)
    told: list[tuple[int, int]] = []
    survey = survey_films(manifest, tmp_path / "out", progress=lambda *at: told.append(at))
    assert len(survey) == len(manifest) == len(survey.rows) == 16
    assert survey.thumbs.shape == (12, 160, 160)
    assert not survey.thumbs.flags.writeable
    assert survey.rows.dtype == np.int64
    assert told[0] == (0, 16)
    assert told[-1] == (16, 16)
    codes = {}
    for name, path, sha, facts, row in zip(
        *(manifest.table[column] for column in ("image_id", "path", "sha256")), survey.facts, survey.rows, strict=True
    ):
        assert facts.sha256 == sha
        assert facts.size == Path(path).stat().st_size
        if facts.readable:
            np.testing.assert_array_equal(survey.thumbs[row], to_input(read_radiograph(path).pixels, THUMB)[0][:, :, 0])
        else:
            assert row == -1
            codes[name] = facts.code
    assert codes == {
        "fractured/cut.png": "truncated",
        "fractured/zero.png": "empty_file",
        "not fractured/text.jpg": "not_an_image",
    }
    ids = list(manifest.table["image_id"])
    assert survey.rows[ids.index("fractured/f0.png")] == survey.rows[ids.index("fractured/copy of f0.png")]


def test_a_second_survey_decodes_nothing(many, tmp_path, decoded):
    films = tmp_path / "films"
    shutil.copytree(many, films, ignore=shutil.ignore_patterns("dataset.csv"))
    spoiled = films / "Fractured" / "cut.jpg"
    spoiled.write_bytes(next((films / "Fractured").glob("S*.jpg")).read_bytes()[:300])
    (films / "Fractured" / "zero.jpg").write_bytes(b"")
    manifest = scan(films)
    first = survey_films(manifest, tmp_path / "out")
    assert len(decoded) == len(manifest) == 302
    again = survey_films(scan(films.rename(tmp_path / "moved")), tmp_path / "out")
    assert len(decoded) == len(manifest)
    assert again.facts == first.facts
    assert again.rows.tolist() == first.rows.tolist()
    # Films of another manifest are known too, and only the new one is read.
    shutil.copy(tmp_path / "moved" / "Fractured" / "cut.jpg", tmp_path / "moved" / "Fractured" / "cut again.jpg")
    (tmp_path / "moved" / "Fractured" / "new.jpg").write_text("a web page")
    survey_films(scan(tmp_path / "moved"), tmp_path / "out")
    assert decoded[len(manifest) :] == ["new.jpg"]


def test_other_measures_need_another_survey(monkeypatch, tmp_path):
    noted = survey_module._NOTED
    assert store_folder(tmp_path, THUMB, noted) != store_folder(tmp_path, THUMB, (*noted, "more"))
    assert store_folder(tmp_path, THUMB, noted) != store_folder(tmp_path, THUMB)


def test_what_may_pass_is_tried_again(two_classes, tmp_path, decoded):
    manifest = scan(two_classes)
    gone = two_classes / "fractured" / "f1.png"
    kept = gone.read_bytes()
    gone.unlink()
    survey = survey_films(manifest, tmp_path / "out")
    assert Counter(facts.code for facts in survey.facts) == {"": 11, "not_found": 1}
    gone.write_bytes(kept)
    survey = survey_films(manifest, tmp_path / "out")
    assert decoded[12:] == ["f1.png"]
    assert all(facts.readable for facts in survey.facts)
    assert sorted(survey.rows.tolist()) == list(range(12))


def test_a_film_that_changed_since_the_scan_is_no_film(two_classes, film, tmp_path):
    manifest = scan(two_classes)
    film("data/fractured/f2.png", 99)
    survey = survey_films(manifest, tmp_path / "out")
    row = list(manifest.table["image_id"]).index("fractured/f2.png")
    assert survey.facts[row].code == CHANGED
    assert survey.rows[row] == -1
    survey = survey_films(scan(two_classes), tmp_path / "out")
    assert survey.facts[row].readable


def test_a_copy_answers_for_a_file_that_is_gone(two_classes, film, tmp_path):
    film("data/fractured/copy of f0.png", 0)
    manifest = scan(two_classes)
    (two_classes / "fractured" / "copy of f0.png").unlink()
    assert all(facts.readable for facts in survey_films(manifest, tmp_path / "out").facts)


def test_an_interrupted_survey_goes_on(many, tmp_path, decoded):
    manifest = scan(many)

    def stop(done: int, total: int) -> None:
        if done >= 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        survey_films(manifest, tmp_path / "out", progress=stop)
    before = len(decoded)
    assert 100 <= before < 120
    survey = survey_films(manifest, tmp_path / "out")
    # The few that were under way are done again.
    assert 300 <= len(decoded) < 320
    assert sorted(survey.rows.tolist()) == list(range(300))
    assert all(facts.readable for facts in survey.facts)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_survey_goes_on(many, tmp_path, decoded):
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from lucency.datasets import prepared_store
        from lucency.datasets.audit.survey_films import survey_films
        from lucency.datasets.layouts import scan
        prepared_store.COMMIT_BYTES = 160 * 160 * 10
        survey_films(scan(sys.argv[1]), Path(sys.argv[2]), workers=1,
                     progress=lambda done, total: print(done, flush=True))
        """
    )
    command = [sys.executable, "-c", script, str(many), str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            if int(line) >= 50:
                os.kill(child.pid, signal.SIGKILL)
                break
    survey = survey_films(scan(many), tmp_path / "out")
    assert len(decoded) <= 260
    for path, row, facts in zip(scan(many).table["path"], survey.rows, survey.facts, strict=True):
        film = read_radiograph(path)
        assert facts.sha256 == film.sha256
        np.testing.assert_array_equal(survey.thumbs[row], to_input(film.pixels, THUMB)[0][:, :, 0])


def test_a_folder_that_cannot_be_written_is_one_line(two_classes, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="cannot write"):
        survey_films(scan(two_classes), tmp_path / "file")


def test_no_films_are_no_error(two_classes, tmp_path):
    manifest = scan(two_classes)
    none: Manifest = replace(manifest, table=manifest.table.head(0))
    survey = survey_films(none, tmp_path / "out")
    assert len(survey) == 0
    assert survey.thumbs.shape == (0, 160, 160)
