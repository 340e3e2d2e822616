"""An environment that holds a wheel and nothing but what it asks for, made without a network.

The distributions are links to those of the environment that runs the tests: no download, hardly any disk.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.parser import Parser
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


@dataclass(frozen=True)
class LinkedEnvironment:
    """A virtual environment, and an empty folder to work in."""

    folder: Path
    work: Path
    distributions: tuple[str, ...]

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def lucency(self) -> Path:
        """The console script."""
        return self.folder / "bin" / "lucency"

    def run(self, *command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs a command from the empty folder, with no variable of the surrounding environment but PATH."""
        return subprocess.run(
            [str(part) for part in command],
            cwd=self.work,
            env={"PATH": os.defpath, "HOME": str(self.work), **variables},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def has(self, *modules: str) -> dict[str, bool]:
        """Which modules can be imported there."""
        code = (
            "import sys; from importlib.util import find_spec; print(*[int(bool(find_spec(m))) for m in sys.argv[1:]])"
        )
        said = self.run(self.python, "-c", code, *modules)
        assert said.returncode == 0, said.stderr
        return dict(zip(modules, (flag == "1" for flag in said.stdout.split()), strict=True))


def build_wheel(repository: Path, folder: Path) -> Path:
    """Builds the wheel of the repository into a folder."""
    command = ["wheel", str(repository), "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    pip(*command)
    (wheel,) = folder.glob("*.whl")
    return wheel


def make_environment(folder: Path, wheel: Path, *, extras: Iterable[str] = ()) -> LinkedEnvironment:
    """Makes the environment of `pip install wheel[extras]`."""
    environment = folder / "environment"
    work = folder / "work"
    work.mkdir(parents=True)
    venv.create(environment, with_pip=False, symlinks=True)
    paths = {"base": str(environment), "platbase": str(environment)}
    site = Path(sysconfig.get_path("purelib", scheme="venv", vars=paths))
    found = tuple(closure(requirements(wheel, extras)))
    for distribution in found:
        _link(distribution, site)
    pip("--python", str(environment / "bin" / "python"), "install", "--no-deps", "--no-index", "--quiet", str(wheel))
    return LinkedEnvironment(environment, work, tuple(sorted(canonicalize_name(one.name) for one in found)))


def requirements(wheel: Path, extras: Iterable[str] = ()) -> list[Requirement]:
    """What the wheel's own METADATA asks for here, with some of its extras."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        headers = Parser().parsestr(archive.read(name).decode("utf-8"), headersonly=True)
    return _wanted(headers.get_all("Requires-Dist") or [], extras)


def closure(wanted: Iterable[Requirement]) -> Iterator[metadata.Distribution]:
    """The installed distributions that fulfil requirements, and all that those require in turn; each once."""
    waiting, seen, given = list(wanted), set(), set()
    while waiting:
        one = waiting.pop()
        key = (canonicalize_name(one.name), frozenset(one.extras))
        if key in seen:
            continue
        seen.add(key)
        distribution = metadata.distribution(one.name)
        assert one.specifier.contains(distribution.version, prereleases=True), f"{one} is not what is installed"
        waiting += _wanted(distribution.requires or [], one.extras)
        if key[0] not in given:
            given.add(key[0])
            yield distribution


def pip(*arguments: str) -> None:
    """Runs the pip of the environment that runs the tests; it needs no network here."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _wanted(lines: Iterable[str], extras: Iterable[str]) -> list[Requirement]:
    chosen = list(extras) or [""]
    parsed = map(Requirement, lines)
    return [
        one for one in parsed if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in chosen)
    ]


def _link(distribution: metadata.Distribution, site: Path) -> None:
    root = Path(str(distribution.locate_file("")))
    for file in distribution.files or []:
        # Scripts lie outside the site folder; nothing here calls them.
        if ".." in file.parts or not (root / file).is_file():
            continue
        top = file.parts[0]
        # A regular package belongs to one distribution; of a namespace such as `google` each file is linked.
        whole = (root / top / "__init__.py").is_file() or top.endswith((".libs", ".dist-info"))
        part = Path(top) if whole else Path(*file.parts)
        target = site / part
        if not target.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(root / part)
