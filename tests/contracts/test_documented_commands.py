"""Every command that a page, a hint or a help text shows exists, with the options that it is given."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from .conftest import REPOSITORY
from .documented_commands import ShownCommand, problem, shown_commands, shown_inline

PAGES = [*sorted(REPOSITORY.glob("*.md")), *sorted(REPOSITORY.glob("docs/**/*.md"))]
SHOWN = [one for page in PAGES for one in shown_commands(page, str(page.relative_to(REPOSITORY)))]
INLINE = [one for page in PAGES for one in shown_inline(page, str(page.relative_to(REPOSITORY)))]


def of(program: str, shown: list[ShownCommand]) -> list[ShownCommand]:
    return [one for one in shown if one.words[:1] == [program]]


@pytest.fixture(autouse=True)
def _a_bundle_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # Pages may have set it beforehand.
    monkeypatch.setenv("LUCENCY_BUNDLE", "bundle")


@pytest.fixture(scope="module")
def targets(repository: Path) -> set[str]:
    """The targets of the Makefile."""
    return set(re.findall(r"^([a-z][\w-]*):", (repository / "Makefile").read_text("utf-8"), re.MULTILINE))


def test_the_readme_shows_commands() -> None:
    pages = {one.page for one in of("lucency", SHOWN)}
    assert "README.md" in pages
    assert of("make", SHOWN)


@pytest.mark.parametrize("one", of("lucency", SHOWN), ids=lambda one: f"{one.page}: {one.text}")
def test_a_shown_command_can_be_typed(one: ShownCommand, commands: dict[str, Any]) -> None:
    assert problem(one.words, commands) is None


@pytest.mark.parametrize("one", of("lucency", INLINE), ids=lambda one: f"{one.page}: {one.text}")
def test_a_command_in_prose_exists(one: ShownCommand, commands: dict[str, Any]) -> None:
    assert problem(one.words, commands, whole=False) is None


@pytest.mark.parametrize("one", of("make", [*SHOWN, *INLINE]), ids=lambda one: f"{one.page}: {one.text}")
def test_a_shown_target_exists(one: ShownCommand, targets: set[str]) -> None:
    wanted = [word for word in one.words[1:] if not word.startswith("-") and "=" not in word]
    assert set(wanted) <= targets


def test_targets_are_all_declared_phony(repository: Path, targets: set[str]) -> None:
    (phony,) = re.findall(r"^\.PHONY: (.+)$", (repository / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert set(phony.split()) == targets


def test_hints_name_commands_that_exist(repository: Path, commands: dict[str, Any]) -> None:
    texts = [
        (path.name, node.value)
        for path in (repository / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    named = [
        (file, ["lucency", *words.split()])
        for file, text in texts
        for words in re.findall(r"(?:`|: )lucency ([a-z-]+(?: --?[a-z-]+)*)", text)
    ]
    assert len(named) > 5
    assert [(file, found) for file, words in named if (found := problem(words, commands, whole=False))] == []


def test_extras_that_are_named_exist(repository: Path) -> None:
    extras = set(metadata.metadata("lucency").get_all("Provides-Extra") or [])
    sources = [*PAGES, *(repository / "src").rglob("*.py")]
    named = {
        (path.name, extra)
        for path in sources
        for given in re.findall(r"lucency\[([a-z, -]+)\]|extra=\"([a-z-]+)\", need=", path.read_text("utf-8"))
        for extra in re.split(r", *", given[0] or given[1])
    }
    assert named
    assert {(name, extra) for name, extra in named if extra not in extras} == set()


def test_python_on_the_pages_uses_names_that_exist() -> None:
    import lucency

    for page in PAGES:
        for block in re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL):
            for node in ast.walk(ast.parse(block)):
                if isinstance(node, ast.ImportFrom) and node.module == "lucency":
                    for alias in node.names:
                        assert alias.name in dir(lucency), f"{page.name}: {alias.name}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lucency trian films", "no command trian"),
        ("lucency --verbose scan films", "no option --verbose"),
        ("lucency train films --epochs 5", "--epochs"),
        ("lucency train", None),
        ("lucency predict --json", "Missing argument"),
        ("lucency show films --count none", "--count"),
        ("lucency train films --recipe mobilnet", "mobilnet"),
        ("lucency train films --set training.epoch=5", "training.epochs"),
        ("lucency predict a.png -b run --json | head -3", None),
        ("$ KERAS_BACKEND=jax lucency train films --recipe mine.toml --set training.epochs=2 > log", None),
        ("lucency predict 'films/*.png' --bundle run --csv > out.csv", None),
        ("lucency --version", None),
    ],
)
def test_a_mistake_is_found(text: str, words: str | None, commands: dict[str, Callable[..., Any]]) -> None:
    found = problem(ShownCommand("page", text).words, commands)
    assert found is None if words is None else words in str(found)
