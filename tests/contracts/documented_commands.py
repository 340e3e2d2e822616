"""Finds the commands that pages show, and says what is wrong with one without running it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lucency.errors import RecipeError

SHELLS = ("sh", "bash", "shell", "console")


@dataclass(frozen=True)
class ShownCommand:
    """A command line on a page."""

    page: str
    text: str

    @property
    def words(self) -> list[str]:
        """The words of the command itself, without variables before it, and without what it is piped or written to."""
        lexer = shlex.shlex(self.text.removeprefix("$ "), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if word and set(word) <= set("|&;<>()"):
                break
            if words or not re.fullmatch(r"[A-Z][A-Z0-9_]*=.*", word):
                words.append(word)
        return words


def shown_commands(page: Path, name: str) -> Iterator[ShownCommand]:
    """The commands in the fenced shell blocks of a Markdown page."""
    fences = re.findall(r"^ *```(\w+)[^\n]*\n(.*?)^ *```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    for language, block in fences:
        if language not in SHELLS:
            continue
        for line in block.replace("\\\n", " ").splitlines():
            # In a console block only lines with a prompt are typed; the rest is what was answered.
            if line.strip() and (language != "console" or line.lstrip().startswith("$ ")):
                yield ShownCommand(name, line.strip())


def shown_inline(page: Path, name: str) -> Iterator[ShownCommand]:
    """The commands between backticks in the prose of a Markdown page."""
    prose = re.sub(r"^ *```.*?^ *```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for text in re.findall(r"`((?:lucency|make) [^`\n]+)`", prose):
        yield ShownCommand(name, text)


def problem(words: list[str], commands: Mapping[str, Any], *, whole: bool = True) -> str | None:
    """What is wrong with a `lucency` command, or None.

    Args:
        words: The command, from "lucency" on.
        commands: The tree of commands; "" is `lucency` itself.
        whole: Whether it stands for itself, so that nothing that it needs may be missing.
    """
    own = {option for parameter in commands[""].params for option in parameter.opts} | {"--help", "-h"}
    rest = words[1:]
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option not in own:
            return f"lucency has no option {option}"
    if not rest:
        return None
    command = commands.get(rest[0])
    if command is None:
        return f"lucency has no command {rest[0]}"
    if not whole:
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        missing = [
            word for word in rest[1:] if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in known | own
        ]
        return f"lucency {rest[0]} has no option {missing[0]}" if missing else None
    if {"--help", "-h"} & set(rest):
        return None
    try:
        context = command.make_context(rest[0], rest[1:])
    except Exception as error:  # Typer and Click raise classes of their own for every mistake in usage.
        explain = getattr(error, "format_message", error.__str__)
        return f"lucency {rest[0]}: {explain()}"
    return _recipe_problem(context.params)


def _recipe_problem(values: Mapping[str, Any]) -> str | None:
    from lucency.learning.recipe import load_recipe

    recipe = values.get("recipe") or values.get("show")
    if "recipe" not in values and "show" not in values:
        return None
    try:
        load_recipe(recipe if recipe and not str(recipe).endswith(".toml") else "tiny-vgg", values.get("set_") or ())
    except RecipeError as error:
        return str(error)
    return None
