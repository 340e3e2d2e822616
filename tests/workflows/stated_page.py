"""The page that states machine-readable output, for tests that have such output at hand."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]


def stated_json() -> Any:
    """docs/reference/json.md, read by the reader of the contract tests."""
    place = TESTS / "contracts" / "stated_json.py"
    spec = importlib.util.spec_from_file_location("stated_json_of_contracts", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Its dataclasses look their module up by name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.read_page(TESTS.parent / "docs" / "reference" / "json.md")
