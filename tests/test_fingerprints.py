from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from lucency.bundle import FINGERPRINTS_FILE, Card, read_bundle, write_bundle
from lucency.errors import BundleError
from lucency.fingerprints import CODE_BYTES, FilmPrint, Fingerprints
from lucency.imaging.geometry import InputSpec


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def film_print(text: str, views: int) -> FilmPrint:
    codes = np.random.default_rng(len(text) + views).integers(0, 256, (views, CODE_BYTES), dtype=np.uint8)
    return FilmPrint(sha(text + " pixels"), codes)


PRINTS = {sha(name): film_print(name, views) for name, views in (("one", 4), ("two", 6), ("three", 5))}


def codes_of(known: Fingerprints, name: str) -> np.ndarray:
    row = known.digests.tolist().index(int(sha(name)[:16], 16))
    return known.codes[known.owner == row]


def test_each_film_keeps_its_split_its_pixels_and_its_codes(tmp_path: Path) -> None:
    films = {"val": [sha("three")], "train": [sha("one"), sha("two"), sha("no print")]}
    Fingerprints.of(films, PRINTS, 3).write(tmp_path / "f.npz")
    known = Fingerprints.read(tmp_path / "f.npz")
    assert known.version == 3
    assert known.used("train") == {sha(name)[:16] for name in ("one", "two", "no print")}
    assert known.used("val") == {sha("three")[:16]}
    for name in ("one", "two", "three"):
        assert np.array_equal(codes_of(known, name), PRINTS[sha(name)].codes)
    assert not len(codes_of(known, "no print"))
    row = known.digests.tolist().index(int(sha("two")[:16], 16))
    assert int(known.pixels[row]) == int(sha("two pixels")[:16], 16)


def test_a_file_of_an_older_version_knows_bytes_only(tmp_path: Path) -> None:
    digests = np.sort(np.array([int(sha(name)[:16], 16) for name in ("one", "two")], np.uint64))
    np.savez_compressed(tmp_path / "f.npz", train=digests, val=np.zeros(0, np.uint64))
    known = Fingerprints.read(tmp_path / "f.npz")
    assert known.used("train") == {sha("one")[:16], sha("two")[:16]}
    assert (known.version, len(known.codes), known.used("val")) == (0, 0, frozenset())


def test_further_films_join(tmp_path: Path) -> None:
    first = Fingerprints.of({"train": [sha("one")], "val": [sha("two")]}, PRINTS, 1)
    both = first.joined(Fingerprints.of({"train": [sha("three")]}, PRINTS, 1))
    both.write(tmp_path / "f.npz")
    known = Fingerprints.read(tmp_path / "f.npz")
    assert known.used("train") == {sha("one")[:16], sha("three")[:16]}
    for name in ("one", "two", "three"):
        assert np.array_equal(codes_of(known, name), PRINTS[sha(name)].codes)
    other = first.joined(Fingerprints.of({"train": [sha("three")]}, PRINTS, 2))
    assert sha("three")[:16] in other.used("train")
    assert not len(codes_of(other, "three"))
    assert np.array_equal(codes_of(other, "two"), PRINTS[sha("two")].codes)


def test_a_bundle_carries_them_and_notices_a_change(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"any bytes")
    known = Fingerprints.of({"train": [sha("one")], "val": []}, PRINTS, 1)
    write_bundle(tmp_path, Card("trial", InputSpec(64, 48), ""), films=known)
    read = read_bundle(tmp_path).fingerprints()
    assert read is not None
    assert np.array_equal(read.codes, PRINTS[sha("one")].codes)
    Fingerprints.of({"train": [sha("two")]}).write(tmp_path / FINGERPRINTS_FILE)
    with pytest.raises(BundleError, match=r"fingerprints\.npz"):
        read_bundle(tmp_path)
