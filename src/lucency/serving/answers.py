"""What workers say of the films of a request, for the API and for the page."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from fastapi import Request

from lucency.card import Card
from lucency.serving.problems import ProblemError
from lucency.serving.service import Service
from lucency.serving.similar import similar_films
from lucency.serving.worker import FilmLostError, FilmReply
from lucency.serving.worker_pool import PoolBusyError


async def answered(
    request: Request, service: Service, films: Sequence[bytes], asked: dict[str, Any]
) -> list[FilmReply | FilmLostError]:
    """What workers said, in the order of the films; nothing more is done for a caller who has gone.

    Args:
        request: Its body has been read.
        service: Whose workers answer.
        films: The bytes of each file.
        asked: As of `film_worker.answer`.

    Raises:
        ProblemError: Too many films wait, no worker took them in time, their pictures are too large, or the caller has
            gone.
    """
    futures: list[Future[FilmReply]] = []
    most, taken = service.settings.limits.answer_bytes, 0

    async def one(future: Future[FilmReply]) -> FilmReply:
        nonlocal taken
        reply = await asyncio.wrap_future(future)
        taken += sum(map(len, reply.parts.values()))
        if taken > most:
            # What was not begun is not wanted any more, and no more than this is held.
            for other in futures:
                other.cancel()
            return FilmReply(reply.said, {}, reply.seconds)
        return reply

    try:
        for film in films:
            futures.append(service.pool.submit(film, asked))
        waiting = asyncio.gather(*map(one, futures), return_exceptions=True)
        gone = asyncio.ensure_future(_gone(request))
        try:
            await asyncio.wait((waiting, gone), timeout=service.settings.limits.waiting_seconds,
                               return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
        finally:
            gone.cancel()
        if not waiting.done():
            waiting.cancel()
            if gone.done():
                raise ProblemError("client_gone", "Nobody waits for the answer")
            raise ProblemError("busy", "No worker took the films in time", retry_after=service.wait_seconds())
        if taken > most:
            told = f"Its pictures would be larger than {most / 1e6:.0f} MB; ask for fewer overlays at a time"
            raise ProblemError("answer_too_large", told)
        replies = waiting.result()
    except PoolBusyError:
        code = "stopping" if service.stopping else "busy"
        raise ProblemError(code, "Try again later", retry_after=service.wait_seconds()) from None
    finally:
        for future in futures:
            future.cancel()
    found: list[FilmReply | FilmLostError] = []
    for reply in replies:
        if isinstance(reply, BaseException) and not isinstance(reply, FilmLostError):
            raise reply
        found.append(reply)
    return found


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def prediction_of(reply: FilmReply, card: Card) -> dict[str, Any]:
    """A worker's prediction, with the validation films that had scores like it.

    Args:
        reply: That holds a prediction.
        card: Of the model.
    """
    prediction = dict(reply.said["prediction"])
    if prediction["probability"] is not None:
        similar = similar_films(card.scores, prediction["probability"])
        if similar is not None:
            prediction["similar"] = similar
    return prediction
