"""questions.toml: the author's answers, read; and what is still open, added without touching them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lucency.errors import DatasetError
from lucency.workflows.run_folder import write_text

if TYPE_CHECKING:
    from lucency.reporting.checklists import Checklist, FilledItem

_HEADING = """\
# What only you can say of this model. Write between the quotes ("..." or \"\"\"...\"\"\" for several lines), then
# run `lucency card` again. An empty answer stays a question. What you write is never changed: new questions are added
# below.

"""


def read_answers(path: Path, *, wanted: bool = False) -> dict[str, str]:
    """The answers in a file, without the empty ones.

    Args:
        path: TOML file.
        wanted: Whether it must be there.

    Raises:
        DatasetError: It is missing though it must not be, is no TOML, or holds what was not asked.
    """
    from lucency.reporting.author_questions import check_answers

    if not wanted and not path.exists():
        return {}
    return check_answers(_content(path), str(path))


def add_questions(path: Path, keys: Sequence[str], filled: Iterable[tuple[Checklist, list[FilledItem]]]) -> None:
    """Adds to the file the questions that it does not hold yet; what stands in it stays, byte for byte.

    Args:
        path: TOML file; made where it is missing.
        keys: Of the questions that are open.
        filled: The checklists, to say what an answer is for.

    Raises:
        DatasetError: The file is no TOML.
        ResourceError: It cannot be written.
    """
    from lucency.reporting.author_questions import questions_toml

    there = path.exists()
    held = _content(path) if there else {}
    new = [key for key in keys if key not in held]
    if not new and there:
        return
    uses: dict[str, list[str]] = {key: [] for key in new}
    for checklist, items in filled:
        for item in items:
            for key in new:
                if any(question.endswith(f"(`{key}`)") for question in item.questions):
                    uses[key].append(f"{checklist.title} {item.item}")
    text = path.read_text("utf-8") if there else _HEADING
    gap = "" if text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
    write_text(path, text + gap + questions_toml(new, {key: ", ".join(used) for key, used in uses.items()}))


def _content(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise DatasetError(f"the answers cannot be read ({error.strerror})", where=path) from None
    except ValueError as error:
        raise DatasetError(
            f"the answers are no TOML ({error})", where=path, hint='An answer is a line such as: funding = "..."'
        ) from None
