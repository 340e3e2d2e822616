"""The films of a request, and what is asked of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from lucency.card import Card
from lucency.serving.problems import ProblemError
from lucency.serving.settings import ServeSettings

INCLUDES = ("heatmap", "overlay")
"""What an answer can hold on demand."""

_FIELDS = ("include", "operating_point", "error_rate")


async def read_request(request: Request, settings: ServeSettings, card: Card) -> tuple[list[bytes], dict[str, Any]]:
    """The films of a request and what is asked of them."""
    given = list(request.query_params.multi_items())
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        films = []
        parser = MultiPartParser(
            request.headers, request.stream(), max_files=settings.films, max_fields=50, max_part_size=10_000
        )
        # Films stay in memory: the guard has bounded the body.
        parser.spool_max_size = settings.limits.body_bytes + 1
        try:
            form = await parser.parse()
        except MultiPartException as error:
            if "Too many files" in error.message:
                raise ProblemError("too_many_films", f"A request may hold {settings.films} films") from None
            raise ProblemError("bad_form", "The multipart body cannot be taken apart") from None
        except (KeyError, ValueError, UnicodeDecodeError):
            raise ProblemError("bad_form", "The multipart body cannot be taken apart") from None
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                films.append(await value.read())
                await value.close()
            else:
                given.append((name, value))
    else:
        films = [await request.body()]
        if not films[0]:
            films = []
    if not films:
        raise ProblemError(
            "no_film", "Send films as multipart/form-data, each as a file, or the bytes of one as the body"
        )
    return films, _asked(given, card)


def _asked(given: Sequence[tuple[str, str]], card: Card) -> dict[str, Any]:
    asked: dict[str, Any] = {"include": []}
    for name, value in given:
        if name == "include":
            for one in value.split(","):
                if one not in INCLUDES:
                    raise ProblemError("bad_value", f"include may be {' or '.join(INCLUDES)}")
                asked["include"].append(one)
        elif name == "operating_point":
            known = [point.name for point in card.operating_points]
            if value not in known:
                raise ProblemError("bad_value", f"operating_point may be {', '.join(known)}")
            asked[name] = value
        elif name == "error_rate":
            try:
                asked[name] = float(value)
            except ValueError:
                asked[name] = math.nan
            if not 0 < asked[name] < 1:
                raise ProblemError("bad_value", "error_rate lies above 0 and below 1")
            if card.abstention is None:
                raise ProblemError("bad_value", "This model holds nothing to abstain by")
        else:
            raise ProblemError("bad_value", f"Known fields: films, {', '.join(_FIELDS)}")
    return asked
