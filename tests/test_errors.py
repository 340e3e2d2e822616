from __future__ import annotations

import pickle

import pytest

from lucency import errors
from lucency.errors import FILM_ERROR_CODES, FilmError, LucencyError, MissingExtraError


def test_a_message_says_what_where_and_what_to_do_on_one_line() -> None:
    error = errors.DatasetError("holds no\nfilm.", where="films", hint="Look elsewhere.")
    assert str(error) == "films: holds no film. Look elsewhere."


@pytest.mark.parametrize(
    "error",
    [
        FilmError("is cut short", code="truncated", where="a.jpg", hint="Get it again"),
        MissingExtraError("pydicom", extra="dicom", need="Reading DICOM"),
        errors.BundleError("was altered", where="b"),
    ],
)
def test_errors_cross_process_boundaries_whole(error: LucencyError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), copy.code, copy.exit_code) == (str(error), error.code, error.exit_code)
    assert vars(copy).get("extra") == vars(error).get("extra")


def test_exit_codes_are_those_that_the_tree_documents() -> None:
    tree = errors.__doc__ or ""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, LucencyError)]
    for kind in kinds:
        line = next(line for line in tree.splitlines() if f"{kind.__name__} " in line)
        assert f"exit {kind.exit_code}" in line
    assert len({kind.exit_code for kind in kinds}) == len(kinds)


def test_film_error_codes_are_distinct() -> None:
    assert len(set(FILM_ERROR_CODES)) == len(FILM_ERROR_CODES)
