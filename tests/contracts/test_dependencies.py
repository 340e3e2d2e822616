"""What the code imports is what the package asks for, and `lucency info` tells of the same extras."""

from __future__ import annotations

import ast
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lucency.workflows.info import EXTRAS

BROUGHT_ALONG = {"markupsafe": "jinja2", "kagglesdk": "kagglehub", "requests": "kagglehub", "starlette": "fastapi"}
"""Distributions whose names are part of the interface of another, which always brings them."""

USED_WHERE_FOUND = {"tf-keras"}
"""Distributions that no extra may ask for: tf-keras would bring a second TensorFlow."""


@pytest.fixture(scope="module")
def project(repository: Path) -> dict[str, Any]:
    settings: dict[str, Any] = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))
    return settings["project"]


@pytest.fixture(scope="module")
def providers() -> dict[str, set[str]]:
    """The distributions that bring each importable name here."""
    return {name: set(map(canonicalize_name, given)) for name, given in metadata.packages_distributions().items()}


def asked_for(project: dict[str, Any], extra: str = "") -> set[str]:
    """Names of the distributions that an extra asks for here, through the extras that it names; the base for ""."""
    names: set[str] = set()
    for line in project["optional-dependencies"][extra] if extra else project["dependencies"]:
        one = Requirement(line)
        if one.marker is not None and not one.marker.evaluate():
            continue
        if one.name == project["name"]:
            names |= {name for inner in one.extras for name in asked_for(project, inner)}
        else:
            names.add(canonicalize_name(one.name))
    return names


def nested(project: dict[str, Any], extra: str) -> set[str]:
    """The extras that an extra names."""
    lines = map(Requirement, project["optional-dependencies"][extra])
    return {inner for one in lines if one.name == project["name"] for inner in one.extras}


def test_every_import_is_asked_for(project: dict[str, Any], providers: dict[str, set[str]], repository: Path) -> None:
    asked = asked_for(project).union(*(asked_for(project, extra) for extra in project["optional-dependencies"]))
    undeclared = {
        (path.name, name)
        for path in (repository / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in top_names(node) - sys.stdlib_module_names - {"lucency"}
        if not {BROUGHT_ALONG.get(one, one) for one in providers.get(name, {name})} & (asked | USED_WHERE_FOUND)
    }
    assert undeclared == set()


def test_info_tells_of_every_extra_that_brings_something_of_its_own(project: dict[str, Any]) -> None:
    # `learn` is half of an extra, `all` several, and `train-gpu` shows as `train`.
    assert set(EXTRAS) == set(project["optional-dependencies"]) - {"learn", "all", "train-gpu"}


@pytest.mark.parametrize("extra", EXTRAS)
def test_info_looks_for_what_an_extra_brings(
    extra: str, project: dict[str, Any], providers: dict[str, set[str]]
) -> None:
    asked = asked_for(project, extra)
    told_elsewhere = set().union(*(asked_for(project, inner) for inner in nested(project, extra) & set(EXTRAS)))
    here = {canonicalize_name(one.name) for one in metadata.distributions()}
    looked_for = set().union(*(providers.get(name, set()) for name in EXTRAS[extra]))
    assert (asked - told_elsewhere) & here <= looked_for
    for name in EXTRAS[extra]:
        assert providers.get(name, asked) & asked, f"no distribution of {extra} brings {name}"


def top_names(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and not node.level:
        return {(node.module or "").partition(".")[0]}
    return set()
