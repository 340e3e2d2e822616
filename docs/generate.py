"""Writes the reference pages that follow from the code; `--check` names those that have fallen behind it."""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

REFERENCE = Path(__file__).resolve().parent / "reference"
HELP_WIDTH = 100
PREFACE = "<!-- Written by docs/generate.py. Do not edit: run `make docs`. -->\n\n"

FILM_ERROR_MEANINGS = {
    "not_found": "there is no such file, or it is a folder",
    "empty_file": "the file has no bytes",
    "truncated": "the file ends before the picture does",
    "corrupt": "the file is of a known format, but its content cannot be decoded",
    "not_an_image": "the content is neither a picture nor DICOM, whatever the suffix says",
    "lfs_pointer": "a Git-LFS pointer stands where the picture should be; `git lfs pull` fetches it",
    "too_large": "the file claims more pixels than any radiograph has; it is refused before memory is taken",
    "too_small": "the picture has too few pixels to show anything",
    "no_pixels": "a DICOM object without a picture, such as a report",
    "unsupported_modality": "a DICOM picture that is no radiograph, such as a CT or MR slice",
    "multi_frame": "a file with several pictures where one is expected",
    "unsupported_format": "a known picture format that is not read, or a layout of it that is not",
    "unsupported_syntax": "a DICOM transfer syntax that no installed decoder reads",
    "permission_denied": "the file may not be read",
    "missing_extra": "reading such a film needs an optional dependency; the message names it",
}


def cli_page() -> str:
    """The help of `lucency` and of each of its commands."""
    import typer

    from lucency.cli.main import app

    group: Any = typer.main.get_command(app)
    top = _context(group, "lucency", None)
    parts = ["# Command line\n", _fenced(group.get_help(top))]
    for name in group.list_commands(top):
        command = group.get_command(top, name)
        parts.append(f"## lucency {name}\n")
        parts.append(_fenced(command.get_help(_context(command, name, top))))
    return PREFACE + "\n".join(parts)


def _context(command: Any, name: str, parent: Any) -> Any:
    settings = {**command.context_settings, "terminal_width": HELP_WIDTH, "max_content_width": HELP_WIDTH}
    return command.context_class(command, info_name=name, parent=parent, **settings)


def recipes_page() -> str:
    """The recipes that ship, every value a recipe can have, and the tables that its words come from."""
    from lucency.learning.recipe import load_recipe, recipe_names

    parts = [
        "# Recipes\n",
        "A recipe decides what a run does, apart from the data. It is named (`--recipe tiny-vgg`) or given as a TOML\n"
        "file (`--recipe mine.toml`); single values are changed with `--set training.epochs=10`. A key that is not\n"
        "known, or a value out of range, is an error that names the nearest known one.\n",
        "## Recipes that ship\n",
    ]
    for name in recipe_names():
        recipe = load_recipe(name)
        parts += [
            f"### {name}\n",
            f"{recipe.title}.\n",
            f"- Source: {recipe.source}",
            f"- Parameters: {recipe.parameters:,}" if recipe.parameters else "- Parameters: not stated",
            f"- Input: {recipe.input.height} x {recipe.input.width} x 3, {recipe.input.fit}\n",
            "```toml",
            recipe.to_toml() + "```\n",
        ]
    return PREFACE + "\n".join([*parts, *_recipe_values(), *_recipe_tables()])


def _recipe_values() -> Iterator[str]:
    from lucency.learning.augment import AUGMENTATIONS
    from lucency.learning.recipe import Recipe

    yield "## Recipe values\n"
    tables: dict[str, Any] = {"": Recipe}
    tables.update({key: field.annotation for key, field in Recipe.model_fields.items() if _is_section(field)})
    for section, model in tables.items():
        yield f"### [{section}]\n" if section else "### Top level\n"
        yield f"{inspect.cleandoc(model.__doc__)}\n"
        meanings = {name: row.meaning for name, row in AUGMENTATIONS.items()} if section == "augmentation" else {}
        rows = [
            (
                f"`{section}.{key}`" if section else f"`{key}`",
                _type_of(field.annotation),
                _range_of(field),
                "required" if field.is_required() else _shown(field.default),
                field.description or meanings.get(key, ""),
            )
            for key, field in model.model_fields.items()
            if not _is_section(field)
        ]
        yield _table(("value", "type", "range", "default", "description"), rows)


def _is_section(field: Any) -> bool:
    return hasattr(field.annotation, "model_fields")


def _type_of(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(f'"{choice}"' for choice in get_args(annotation))
    if annotation is type(None):
        return "none"
    inner = get_args(annotation)
    if not inner:
        names = {int: "whole number", float: "number", str: "text", bool: "true or false"}
        return names.get(annotation, str(annotation))
    if get_origin(annotation) is tuple:
        return f"list of {_type_of(inner[0])}"
    # Annotated[int, ...] carries its limits behind the type; a union has members throughout.
    if hasattr(annotation, "__metadata__"):
        return _type_of(inner[0])
    return " or ".join(_type_of(part) for part in inner if part is not type(None))


def _range_of(field: Any) -> str:
    limits = [*field.metadata, *_limits_inside(field.annotation)]
    signs = (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<="))
    shown = [
        f"{sign} {value}"
        for limit in limits
        for name, sign in signs
        if (value := getattr(limit, name, None)) is not None
    ]
    if any(getattr(limit, "min_length", None) for limit in limits):
        shown.append("not empty")
    return ", ".join(shown)


def _limits_inside(annotation: Any) -> Iterator[Any]:
    for part in get_args(annotation):
        for entry in getattr(part, "__metadata__", ()):
            yield from getattr(entry, "metadata", None) or (entry,)


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f'`"{value}"`' if isinstance(value, str) else f"`{str(value).lower()}`"


def _recipe_tables() -> Iterator[str]:
    from lucency.learning.augment import AUGMENTATIONS
    from lucency.learning.backbones import BACKBONES

    yield "## Architectures\n"
    yield "What `model.architecture` can name. ImageNet weights are fetched once and kept.\n"
    yield _table(
        ("name", "input", "pooling", "smallest side", "ImageNet weights", "licence of the weights"),
        [
            (
                f"`{name}`",
                row.convention.replace("_", " "),
                row.pooling,
                str(row.smallest_side),
                f"[{row.weights_file}]({row.weights_url})" if row.weights_url else "none",
                row.weights_licence or "",
            )
            for name, row in BACKBONES.items()
        ],
    )
    yield "## Augmentations\n"
    yield "Geometry rows are composed into one resampling; intensity rows change grey values in place.\n"
    yield _table(
        ("name", "kind", "the number"), [(f"`{name}`", row.kind, row.meaning) for name, row in AUGMENTATIONS.items()]
    )


def errors_page() -> str:
    """The tree of errors with their exit codes, and the codes of film errors."""
    from lucency import errors

    unexplained = sorted(set(errors.FILM_ERROR_CODES) - set(FILM_ERROR_MEANINGS))
    if unexplained:
        raise SystemExit(f"docs/generate.py: FILM_ERROR_MEANINGS does not explain {', '.join(unexplained)}")
    classes = [(0, errors.LucencyError), *_below(errors.LucencyError, 1)]
    exits = [
        (0, "Done"),
        (1, "Any other error"),
        (2, "Wrong usage: an unknown option, a missing argument"),
        *((kind.exit_code, _first_sentence(kind)) for _, kind in classes[1:]),
        (130, "Interrupted with Ctrl-C; a run can be resumed"),
    ]
    return PREFACE + "\n".join(
        [
            "# Errors\n",
            "Every error that a user can act on is a `LucencyError`. It says what is wrong, where, and what to do\n"
            "next; on the command line it is one line on standard error, and the exit code tells the kind.\n"
            "`--debug`, given before the command, shows the traceback.\n",
            "## Tree\n",
            _table(
                ("error", "exit code", "code", "meaning"),
                [
                    (
                        f"{'&nbsp;' * 4 * depth}`{kind.__name__}`",
                        str(kind.exit_code),
                        "see below" if kind is errors.FilmError else f"`{kind.code}`",
                        _first_sentence(kind),
                    )
                    for depth, kind in classes
                ],
            ),
            "## Exit codes\n",
            _table(("exit code", "meaning"), [(str(code), meaning) for code, meaning in exits]),
            "In `lucency predict` a film that cannot be used stops no other; the exit code is that of the first.\n",
            "## Film error codes\n",
            "`FilmError.code`, and `error.code` in `lucency predict --json`.\n",
            _table(("code", "meaning"), [(f"`{code}`", FILM_ERROR_MEANINGS[code]) for code in errors.FILM_ERROR_CODES]),
        ]
    )


def _below(kind: Any, depth: int) -> Iterator[tuple[int, Any]]:
    children: list[Any] = [child for child in kind.__subclasses__() if child.__module__ == kind.__module__]
    for child in sorted(children, key=lambda child: child.exit_code):
        yield depth, child
        yield from _below(child, depth + 1)


def _first_sentence(kind: type) -> str:
    return inspect.cleandoc(kind.__doc__ or "").partition("\n")[0].rstrip(".")


def _fenced(text: str) -> str:
    lines = [line.rstrip() for line in text.splitlines()]
    return "```text\n" + "\n".join(lines).strip("\n") + "\n```\n"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


PAGES: dict[str, Callable[[], str]] = {"cli.md": cli_page, "recipes.md": recipes_page, "errors.md": errors_page}
"""To add a page, add a row."""


def outdated(folder: Path) -> list[str]:
    """Names of the pages that are missing in a folder or differ from what the code gives now."""
    return [
        name
        for name, page in PAGES.items()
        if not (folder / name).is_file() or (folder / name).read_text("utf-8") != page()
    ]


def main() -> int:
    """Writes the pages, or with `--check` says which differ; 1 where one does."""
    # The tables are only read, nothing is computed: the backend that is imported soonest will do.
    os.environ.setdefault("KERAS_BACKEND", "jax")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a page has fallen behind")
    if parser.parse_args().check:
        late = outdated(REFERENCE)
        if late:
            names = ", ".join(f"docs/reference/{name}" for name in late)
            print(f"{names}: not what the code says now; run `make docs`", file=sys.stderr)
        return int(bool(late))
    REFERENCE.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), "utf-8")
        print(f"docs/reference/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
