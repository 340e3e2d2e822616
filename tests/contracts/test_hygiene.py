"""What must never be in the repository."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(?:work|root|tmp|home|Users)/\w")
# In pieces, so that this file does not hold what it forbids.
REGISTRIES = [".".join(parts) for parts in (("pypi", "org"), ("files", "pythonhosted", "org"), ("npmjs", "org"))]
REGISTRIES += ["deb.debian" + ".org", "conda.anaconda" + ".org"]
PICTURES = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg"}
LEARNT_FROM_DRAWN_FILMS = "src/lucency/datasets/print_axes.npz"
"""Made by `python -m benchmarks.print_axes`."""
SHIPPED = re.compile(r"src/lucency/models/[a-z0-9-]+/(?:model\.onnx|gate\.npz|fingerprints\.npz)")
"""The models in the box: what `test_shipped_bundle.py` looks into."""
BINARY_STARTS = {
    b"\x89PNG": "a PNG",
    b"\xff\xd8\xff": "a JPEG",
    b"GIF8": "a GIF",
    b"II*\x00": "a TIFF",
    b"MM\x00*": "a TIFF",
    b"\x89HDF": "HDF5 weights",
    b"PK\x03\x04": "an archive or .keras file",
    b"\x1f\x8b": "an archive",
    b"PAR1": "a Parquet table",
    b"\x93NUMPY": "an array",
}
LARGEST = 25 * 2**20


@pytest.fixture(scope="module")
def tracked(repository: Path) -> list[Path]:
    """Every tracked file."""
    if not (repository / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=repository, capture_output=True, check=True).stdout
    return [path for name in listed.decode("utf-8").split("\0") if name and (path := repository / name).is_file()]


@pytest.fixture(scope="module")
def texts(tracked: list[Path]) -> dict[Path, str]:
    contents = {path: path.read_bytes() for path in tracked}
    return {path: content.decode("utf-8") for path, content in contents.items() if b"\0" not in content}


def test_no_path_of_a_machine(texts: dict[Path, str]) -> None:
    found = {path.name: MACHINE_PATH.findall(text) for path, text in texts.items() if path != Path(__file__)}
    assert {name: paths for name, paths in found.items() if paths} == {}


def test_no_registry_host(texts: dict[Path, str]) -> None:
    assert {(path.name, host) for path, text in texts.items() for host in REGISTRIES if host in text} == set()


def test_no_film_no_data_set_and_no_weights_but_those_that_ship(tracked: list[Path], repository: Path) -> None:
    pictures = repository / "docs" / "images"
    for path in tracked:
        with path.open("rb") as file:
            head = file.read(132)
        kind = next((kind for start, kind in BINARY_STARTS.items() if head.startswith(start)), None)
        if head[128:132] == b"DICM":
            kind = "a DICOM film"
        drawn = path.is_relative_to(pictures) and path.suffix in PICTURES
        place = path.relative_to(repository).as_posix()
        allowed = drawn or place == LEARNT_FROM_DRAWN_FILMS or SHIPPED.fullmatch(place) is not None
        assert allowed or kind is None, f"{place} is {kind}"
        assert allowed or b"\0" not in head, f"{place} is a binary file"


def test_no_large_file(tracked: list[Path]) -> None:
    assert [path.name for path in tracked if path.stat().st_size > LARGEST] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see /" + "work/main/x", True),
        ('"/' + 'tmp/films"', True),
        ("https://host/" + "root/x", False),
        ("framework/" + "work/x", False),
        ("../shared/data", False),
    ],
)
def test_a_path_of_a_machine_is_known_by_its_root(text: str, found: bool) -> None:
    assert bool(MACHINE_PATH.search(text)) == found
