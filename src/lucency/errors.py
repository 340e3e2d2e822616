"""The tree of errors. Each says what happened, where, and what to do next.

LucencyError                exit 1
├── FilmError               exit 3   one film cannot be used (code: truncated, not_an_image, ...)
├── DatasetError            exit 4   a folder, manifest or split cannot be used
├── RecipeError             exit 5   a recipe, or a value given for one, is wrong
├── BundleError             exit 6   a bundle is missing, altered or from a newer version
├── MissingExtraError       exit 7   an optional dependency is not installed
├── ResourceError           exit 8   disk or memory is exhausted
├── RunError                exit 9   a run folder cannot be used, resumed or finished
└── StrictError             exit 10  findings that `--strict` or `--fail-on` does not let pass
"""

from __future__ import annotations

import os
from typing import ClassVar


class LucencyError(Exception):
    """An error that a user can act on.

    Args:
        what: What is wrong, as a sentence without the place.
        where: The file, folder, key or film it is about.
        hint: What to do next.
    """

    code: str = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str | os.PathLike[str] | None = None, hint: str | None = None):
        self.what = what.rstrip(".")
        self.where = os.fspath(where) if where is not None else None
        self.hint = hint.rstrip(".") if hint else None
        super().__init__(what)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        stop = "" if self.hint and self.hint.endswith(("?", "!")) else "."
        advice = f". {self.hint}{stop}" if self.hint else ""
        return " ".join(f"{place}{self.what}{advice}".split())

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process boundaries in the film pool; keyword arguments do not survive the default reduction.
        return (_rebuild, (type(self), self.what, self.where, self.hint, self.code))


def _rebuild(kind: type[LucencyError], what: str, where: str | None, hint: str | None, code: str) -> LucencyError:
    error = kind(what, where=where, hint=hint)
    error.code = code
    return error


FILM_ERROR_CODES = (
    "not_found",
    "empty_file",
    "truncated",
    "corrupt",
    "not_an_image",
    "lfs_pointer",
    "too_large",
    "too_small",
    "no_pixels",
    "unsupported_modality",
    "multi_frame",
    "unsupported_format",
    "unsupported_syntax",
    "permission_denied",
    "missing_extra",
)
"""Every value that `FilmError.code` can take; part of the `predict --json` contract."""


class FilmError(LucencyError):
    """One film cannot be read or used; other films are not affected.

    Args:
        what: What is wrong.
        code: One of `FILM_ERROR_CODES`.
        where: The file.
        hint: What to do next.
    """

    code = "corrupt"
    exit_code = 3

    def __init__(
        self,
        what: str,
        *,
        code: str = "corrupt",
        where: str | os.PathLike[str] | None = None,
        hint: str | None = None,
    ):
        super().__init__(what, where=where, hint=hint)
        self.code = code


class DatasetError(LucencyError):
    """A folder, manifest or split cannot be used."""

    code = "dataset"
    exit_code = 4


class RecipeError(LucencyError):
    """A recipe, or a value given for one, is wrong."""

    code = "recipe"
    exit_code = 5


class BundleError(LucencyError):
    """A bundle is missing, altered, or newer than this version reads."""

    code = "bundle"
    exit_code = 6


class MissingExtraError(LucencyError):
    """An optional dependency is not installed.

    Args:
        package: The import that failed.
        extra: The extra of lucency that brings it.
        need: What it was needed for.
    """

    code = "missing_extra"
    exit_code = 7

    def __init__(self, package: str, *, extra: str, need: str):
        super().__init__(
            f"{need} needs {package}, which is not installed",
            hint=f'Install it with: pip install "lucency[{extra}]"',
        )
        self._arguments = (package, extra, need)
        self.extra = extra

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_missing, self._arguments)


def _rebuild_missing(package: str, extra: str, need: str) -> MissingExtraError:
    return MissingExtraError(package, extra=extra, need=need)


class ResourceError(LucencyError):
    """Disk or memory is exhausted."""

    code = "resource"
    exit_code = 8


class RunError(LucencyError):
    """A run folder cannot be used, resumed or finished."""

    code = "run"
    exit_code = 9


class StrictError(LucencyError):
    """Findings that `--strict` or `--fail-on` does not let pass."""

    code = "strict"
    exit_code = 10
