"""Services for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from service_process import Serve, Served, starter
from small_bundle import small_bundle

from lucency.bundle import Bundle


@pytest.fixture(scope="session")
def bright(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("bundles") / "bright")


@pytest.fixture
def serve(bright: Bundle) -> Iterator[Serve]:
    """Starts services that end with the test; `--workers 1` and any free port where nothing else is said."""
    with starter(bright) as start:
        yield start


@pytest.fixture(scope="module")
def served(bright: Bundle) -> Iterator[Served]:
    """One service for the tests of a file, which leave it as it was."""
    with starter(bright) as start:
        running = start("--workers", "2")
        running.logged("serving")
        yield running
