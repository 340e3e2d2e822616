"""Run: what was done, in a folder that can be resumed, exported and evaluated later."""

from __future__ import annotations

import csv
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from lucency.errors import ResourceError, RunError

_PACKAGES = (
    "lucency", "keras", "tensorflow", "tensorflow-cpu", "jax", "tf2onnx", "onnx", "onnxruntime", "numpy", "pandas",
    "scikit-learn", "pillow", "pydicom",
)  # fmt: skip


def versions(packages: Sequence[str] = _PACKAGES) -> dict[str, str]:
    """Versions of Python and of packages, those that shape a run by default; what is not installed is left out."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class RunFolder:
    """A run on disk: `run.json`, `recipe.toml`, `manifest.csv`, `findings.json` and what came of them.

    Attributes:
        path: The folder.
    """

    path: Path

    @classmethod
    def create(cls, path: Path, details: Mapping[str, Any]) -> RunFolder:
        """Makes the folder.

        Raises:
            RunError: A run lies there already.
            ResourceError: The folder cannot be made.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResourceError(f"the run folder cannot be made ({error.strerror})", where=path) from None
        run = cls(path)
        run.write_json(
            "run.json",
            {
                "schema_version": 1,
                "created": now(),
                "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
                "versions": versions(),
                "stages": {},
                **details,
            },
        )
        return run

    @staticmethod
    def refuse_run(path: Path) -> None:
        """Makes sure that no run lies there.

        Raises:
            RunError: One does.
        """
        if (path / "run.json").exists():
            raise RunError(
                "holds a run already",
                where=path,
                hint=f"Go on with: lucency train --resume {path}, or give another --out",
            )

    @staticmethod
    def refuse_used(path: Path) -> None:
        """Makes sure that nothing there would be mixed up with a new run; what a strict stop left is no hindrance.

        Raises:
            RunError: The folder holds a run, or anything else.
        """
        RunFolder.refuse_run(path)
        held = sorted(entry.name for entry in path.iterdir()) if path.is_dir() else []
        if [name for name in held if name != "findings.json"]:
            raise RunError(f"is not empty (it holds {held[0]})", where=path, hint="Give another --out")

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> RunFolder:
        """Opens a run.

        Raises:
            RunError: There is none.
        """
        run = cls(Path(path))
        if not (run.path / "run.json").is_file():
            problem = "holds no run (no run.json)" if run.path.is_dir() else "does not exist"
            raise RunError(problem, where=path, hint="Give a folder that `lucency train` wrote")
        run.details()
        return run

    def details(self) -> dict[str, Any]:
        """The content of `run.json`."""
        content = self.read_json("run.json")
        if not isinstance(content, dict) or not isinstance(content.get("stages"), dict):
            raise RunError("run.json is damaged", where=self.path)
        return content

    def note(self, **details: Any) -> None:
        """Adds to `run.json`."""
        self.write_json("run.json", {**self.details(), **details})

    def finish(self, stage: str) -> None:
        """Records that a stage ("trained", "exported", "evaluated") is done."""
        details = self.details()
        details["stages"][stage] = now()
        self.write_json("run.json", details)

    def has(self, stage: str) -> bool:
        """Whether a stage is done."""
        return stage in self.details()["stages"]

    def read_json(self, name: str) -> Any:
        """A JSON file of the run.

        Raises:
            RunError: It is missing or damaged.
        """
        try:
            return json.loads((self.path / name).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{name} cannot be read ({error})", where=self.path) from None

    def write_json(self, name: str, content: Any) -> None:
        """Writes a JSON file of the run, whole or not at all."""
        write_json(self.path / name, content)

    def log(self, text: str) -> None:
        """Adds a line to `log.txt`."""
        with (self.path / "log.txt").open("a", encoding="utf-8") as file:
            file.write(f"{now()} {text}\n")


def write_text(path: Path, text: str) -> None:
    """Writes a text file, whole or not at all.

    Raises:
        ResourceError: The disk is full or the folder cannot be written.
    """
    temporary = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, "utf-8")
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ResourceError(f"cannot be written ({error.strerror})", where=path) from None


def write_json(path: Path, content: Any) -> None:
    """Writes a JSON file, whole or not at all; what JSON does not know is written as its text."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n")


def write_rows(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes a CSV file, whole or not at all."""
    import io

    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(columns), lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, values as text."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
