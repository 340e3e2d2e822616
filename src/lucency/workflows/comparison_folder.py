"""Where a comparison is written where no folder is given: another folder for each other comparison."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lucency.errors import RunError
from lucency.workflows.compared_runs import ComparedRun
from lucency.workflows.run_folder import RunFolder

_NAMED = 3


def default_folder(runs: Sequence[ComparedRun], *, films: str | None, split: str) -> Path:
    """A folder in the working folder, named after runs, films and split: a new one, or that of the same comparison.

    Args:
        runs: The models, the baseline first.
        films: Name of the films that were given; None where stored answers are compared.
        split: "test" or "val".
    """
    names = [run.name.replace("/", "-") for run in runs]
    further = [f"and-{len(names) - _NAMED}-more"] if len(names) > _NAMED else []
    parts = ["comparison", *names[:_NAMED], *further]
    parts += ([f"on-{films}"] if films else []) + ([split] if split != "test" else [])
    name, number = "-".join(parts), 1
    wanted = {"runs": [run.bundle.identity for run in runs], "films_from": films, "split": split}
    # Two runs of one name are told apart by their bundles.
    while (told := _compared(Path(_numbered(name, number)))) is not None and told != wanted:
        number += 1
    return Path(_numbered(name, number))


def refuse_used(target: Path) -> None:
    """Makes sure that nothing but an earlier comparison lies there.

    Raises:
        RunError: Something does.
    """
    RunFolder.refuse_run(target)
    held = {entry.name for entry in target.iterdir()} if target.is_dir() else set()
    if held - {"prepared"} and "compare.json" not in held:
        raise RunError("is not empty and holds no comparison", where=target, hint="Give another --out")


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


def _compared(folder: Path) -> dict[str, Any] | None:
    """What was compared there; None where there is no comparison."""
    place = folder / "compare.json"
    if not place.is_file():
        return None
    try:
        content = json.loads(place.read_text("utf-8"))
        runs = [run["bundle"] for run in content["runs"]]
        return {"runs": runs, "films_from": content["films_from"], "split": content["split"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
