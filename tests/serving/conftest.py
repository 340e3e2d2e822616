"""Services for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from gated_bundle import gated_bundle
from page_in_browser import OpenPage
from service_process import Serve, Served, starter
from small_bundle import small_bundle

from lucency.bundle import Bundle

if TYPE_CHECKING:
    from playwright.sync_api import Browser


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


@pytest.fixture(scope="session")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return gated_bundle(tmp_path_factory.mktemp("bundles") / "gated")


@pytest.fixture(scope="module")
def url(gated: Bundle) -> Iterator[str]:
    """Address of a service whose model has a gate."""
    with starter(gated) as start:
        yield start().url


@pytest.fixture
def opened(browser: Browser, url: str) -> Iterator[OpenPage]:
    """Its page, which must have complained of nothing when the test ends."""
    found = OpenPage(browser, url)
    yield found
    found.close()
