"""The reference pages are what the code says, whoever generates them and wherever."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lucency.cli.main import EPILOG
from lucency.errors import FILM_ERROR_CODES
from lucency.learning.backend import choose_backend
from lucency.learning.recipe import Recipe, recipe_names


@pytest.fixture
def generator(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """docs/generate.py, working on a copy of the pages."""
    choose_backend()
    spec = importlib.util.spec_from_file_location("generate", repository / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = shutil.copytree(repository / "docs" / "reference", tmp_path / "reference")
    monkeypatch.setattr(module, "REFERENCE", Path(folder))
    return module


@pytest.fixture(scope="module")
def pages(repository: Path) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in (repository / "docs" / "reference").glob("*.md")}


def test_no_page_has_fallen_behind_on_any_terminal(repository: Path) -> None:
    odd = {"COLUMNS": "43", "TERM": "xterm-256color", "FORCE_COLOR": "1", "TERMINAL_WIDTH": "50", "HOME": "/nowhere"}
    command = [sys.executable, str(repository / "docs" / "generate.py"), "--check"]
    surroundings = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    done = subprocess.run(
        command, env={**surroundings, **odd}, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_page_that_fell_behind_is_named_and_mended(
    generator: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cli, errors = generator.REFERENCE / "cli.md", generator.REFERENCE / "errors.md"
    kept = cli.read_text("utf-8")
    cli.write_text(kept.replace("Options:", "Options", 1), "utf-8")
    errors.unlink()
    monkeypatch.setattr(sys, "argv", ["generate.py", "--check"])
    assert generator.main() == 1
    said = capsys.readouterr()
    assert said.err == "docs/reference/cli.md, docs/reference/errors.md: not what the code says now; run `make docs`\n"
    assert not errors.exists()

    monkeypatch.setattr(sys, "argv", ["generate.py"])
    assert generator.main() == 0
    assert cli.read_text("utf-8") == kept
    assert errors.is_file()


def test_every_command_and_option_is_on_the_page(pages: dict[str, str], commands: dict[str, Any]) -> None:
    for name, command in commands.items():
        if not name:
            continue
        (section,) = re.findall(rf"^## lucency {name}\n(.*?)(?=^## |\Z)", pages["cli.md"], re.MULTILINE | re.DOTALL)
        for parameter in command.params:
            named = (*parameter.opts, *parameter.secondary_opts)
            # An argument shows the name that was chosen for readers, where one was.
            shown = named if parameter.param_type_name == "option" else (parameter.metavar or named[0].upper(),)
            for option in shown:
                assert option.lower() in section.lower()


def test_every_recipe_and_every_value_is_on_the_page(pages: dict[str, str]) -> None:
    for name in recipe_names():
        assert f"\n### {name}\n" in pages["recipes.md"]
    for key, field in Recipe.model_fields.items():
        for inner in getattr(field.annotation, "model_fields", {"": None}):
            assert f"| `{key}.{inner}` |".replace(".`", "`") in pages["recipes.md"]


def test_every_exit_code_and_film_error_code_is_on_the_page(pages: dict[str, str]) -> None:
    table = pages["errors.md"].partition("## Exit codes")[2]
    listed = re.findall(r"^\| (\d+) \|", table, re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(re.findall(r"(\d+) [a-z]", EPILOG)) <= set(listed)
    for code in FILM_ERROR_CODES:
        assert f"| `{code}` |" in pages["errors.md"]


def test_links_between_pages_lead_somewhere(repository: Path) -> None:
    for page in [*repository.glob("*.md"), *repository.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\((?!https?://|mailto:)([^)\s]+)\)", page.read_text("utf-8")):
            file, _, anchor = target.partition("#")
            place = page.parent / file if file else page
            assert place.exists(), f"{page.name}: {target}"
            if anchor:
                text = place.read_text("utf-8")
                anchors = {
                    re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
                    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
                }
                assert anchor in anchors, f"{page.name}: {target}"
