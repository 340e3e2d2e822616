from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lucency.errors import FILM_ERROR_CODES, FilmError
from lucency.imaging import read_radiograph

from .dicom_files import compressed, dataset

REPOSITORY = Path(__file__).resolve().parents[2]
NOISE = np.random.default_rng(4).integers(0, 256, (64, 64), dtype=np.uint8)


def test_damaged_files_neither_end_nor_hold_up_the_survey(tmp_path):
    """The benchmark itself, on a few hundred files; `python -m benchmarks.mutated_films` takes ten thousand."""
    pytest.importorskip("imagecodecs")
    if not (REPOSITORY / "benchmarks").is_dir():
        pytest.skip("the benchmarks are not beside the tests")
    command = [sys.executable, "-m", "benchmarks.mutated_films", "--files", "494", "--seed", "5"]
    ended = subprocess.run(
        [*command, "--json", str(tmp_path / "figures.json")],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["answered"] == figures["files"] == figures["read"] + figures["refused"] == 494
    assert (figures["crashes"], figures["hangs"], figures["unknown_codes"]) == (0, 0, [])
    assert len(figures["formats"]) == 26
    for one in figures["formats"].values():
        assert one["files"] == 19
        assert 0 < one["refused"] <= 19
        assert set(one["codes"]) <= set(FILM_ERROR_CODES)
    assert figures["read"] > 50


@pytest.mark.slow
def test_the_benchmark_sees_a_survey_that_dies(tmp_path):
    """A film that ends the process, and one that never ends, are named; the others have their outcome."""
    if not (REPOSITORY / "benchmarks").is_dir():
        pytest.skip("the benchmarks are not beside the tests")
    script = """
import os, sys, time
from pathlib import Path
from benchmarks import mutated_films
folder = Path(sys.argv[1])
films, aside = folder / "films", folder / "aside"
aside.mkdir()
mutated_films.write_films(films, 20, 1)
victims = sorted(path.name for path in films.rglob("*.*"))
(folder / "child.py").write_text(f'''
import os, sys, time
sys.path.insert(0, {str(mutated_films.SCRIPTS)!r})
import survey_mutated
measure = survey_mutated.measure_film
def deadly(path):
    if path.endswith({victims[3]!r}):
        os.abort()
    if path.endswith({victims[7]!r}):
        time.sleep(600)
    if path.endswith({victims[9]!r}):
        raise ValueError("broken")
    return measure(path)
survey_mutated.measure_film = deadly
survey_mutated.main()
''')
mutated_films.CHILD = folder / "child.py"
mutated_films.SILENCE = 4.0
outcome = mutated_films.survey(films, folder / "store", aside)
told = {*outcome.crashed, *outcome.hung}
assert {victims[3], victims[9]} <= set(outcome.crashed), outcome.crashed
assert victims[7] in outcome.hung, outcome.hung
assert "broken" in outcome.crashed[victims[9]]
assert set(victims) == {*outcome.codes, *outcome.crashed, *outcome.hung}
assert len(outcome.codes) >= 16
"""
    ended = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


def many_passes(passes: int) -> bytes:
    """A progressive JPEG of 9,900 x 9,900 pixels in a few kilobytes; each pass would walk over all of them."""
    stream = io.BytesIO()
    Image.fromarray(NOISE).save(stream, "JPEG", progressive=True)
    data = bytearray(stream.getvalue())
    struct.pack_into(">HH", data, data.index(b"\xff\xc2") + 5, 9_900, 9_900)
    starts = [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xda"]
    end = data.rindex(b"\xff\xd9")
    return bytes(data[:end]) + bytes(data[starts[-1] : end]) * passes + b"\xff\xd9"


def test_a_jpeg_of_a_thousand_passes_is_refused_at_once():
    start = time.monotonic()
    with pytest.raises(FilmError, match="passes") as refused:
        read_radiograph(many_passes(1000))
    assert refused.value.code == "corrupt"
    data = many_passes(1000)
    film = dataset(np.zeros((8, 8), np.uint8), Rows=9_900, Columns=9_900)
    with pytest.raises(FilmError, match="passes"):
        read_radiograph(compressed(film, "1.2.840.10008.1.2.4.50", data))
    assert time.monotonic() - start < 2


def test_the_passes_of_other_programs_are_read():
    stream = io.BytesIO()
    Image.fromarray(np.stack((NOISE,) * 3, axis=2)).save(stream, "JPEG", progressive=True, restart_marker_blocks=1)
    # A second picture behind the first, as cameras put it there, is none of its passes.
    data = stream.getvalue() + stream.getvalue() * 30
    assert data.count(b"\xff\xda") > 100
    assert read_radiograph(data).pixels.shape == (64, 64)


def test_overlapping_directories_of_a_tiff_do_not_hold_up_the_reader():
    """A thousand directories of 65,535 entries each in less than a megabyte."""
    stream = io.BytesIO()
    Image.fromarray(NOISE).save(stream, "TIFF")
    data = bytearray(stream.getvalue())
    first = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, first)[0]
    data += bytes(-len(data) % 4)
    base = len(data)
    struct.pack_into("<I", data, first + 2 + 12 * count, base)
    data += b"\xff" * (2 + 12 * 65_535)
    data += b"".join(struct.pack("<I", base + 4 * step) for step in range(1, 1001))
    # Whatever lies under a count must be one, so that the chain goes on.
    assert struct.unpack_from("<H", data, base + 4)[0] == 65_535
    start = time.monotonic()
    assert read_radiograph(bytes(data)).pixels.shape == (64, 64)
    assert time.monotonic() - start < 2
