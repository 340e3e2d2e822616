"""What the page asks of the service: the model's rules, answers for films, reports and samples."""

from __future__ import annotations

import asyncio
import base64
import functools
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from lucency.decision import shown_probability
from lucency.serving.answers import answered, prediction_of
from lucency.serving.film_report import ReportFacts, film_report
from lucency.serving.film_view import FilmView
from lucency.serving.page_model import model_facts
from lucency.serving.page_rules import (
    Rule,
    decisions,
    heat_map_words,
    nowhere_words,
    probability_words,
    rules,
    similar_words,
)
from lucency.serving.page_samples import SAMPLES, draw_sample
from lucency.serving.problems import ProblemError
from lucency.serving.service import Service
from lucency.serving.worker import FilmLostError

_PARTS = ("view", "heatmap")


def add_page_routes(app: FastAPI, service: Service) -> None:
    """Adds what the script of the page asks for, below /page/.

    Args:
        app: Where the problems of requests are told already.
        service: Answers for films.
    """

    @app.get("/page/model", include_in_schema=False)
    async def model() -> JSONResponse:
        return JSONResponse(model_facts(service))

    @app.post("/page/films", include_in_schema=False)
    async def films(request: Request) -> JSONResponse:
        prediction, view = await _answered(request, service, {})
        decided = decisions(service.card, prediction)
        words = {
            "probability": probability_words(prediction),
            "number": "" if prediction["probability"] is None else shown_probability(prediction["probability"]),
            "similar": similar_words(prediction.get("similar")),
            "heatmap": heat_map_words(prediction, view.cells is not None, service.card.heat_scale),
            "nowhere": {
                rule.key: nowhere_words(service.card, rule, decided[rule.key]) if view.without_colour else ""
                for rule in rules(service.card)
            },
        }
        return JSONResponse(
            {
                "prediction": prediction,
                "decisions": decided,
                "words": words,
                "view": {
                    "height": view.height,
                    "width": view.width,
                    "levels": base64.b64encode(view.packed).decode(),
                    "heatmap": view.cells,
                    "covers": view.covers,
                },
            }
        )

    @app.post("/page/report", include_in_schema=False)
    async def report(request: Request, rule: str = "") -> Response:
        chosen = _rule(service, rule)
        prediction, view = await _answered(request, service, dict(chosen.asked))
        facts = ReportFacts.of(service.card, prediction, chosen, without_colour=view.without_colour)
        scale = service.card.heat_scale
        try:
            page = await asyncio.to_thread(lambda: film_report(facts, view.picture(scale)))
        except FilmLostError as lost:
            raise ProblemError("worker_died", f"{lost}.") from None
        return Response(page, media_type="application/pdf")

    @app.get("/page/samples/{number}", include_in_schema=False)
    async def sample(number: str) -> Response:
        known = {str(place): place for place in range(len(SAMPLES))}
        if number not in known:
            raise ProblemError("no_such_address", "There is no such sample")
        return Response(await asyncio.to_thread(_drawn, known[number]), media_type="image/png")


@functools.cache
def _drawn(number: int) -> bytes:
    return draw_sample(SAMPLES[number])


def _rule(service: Service, key: str) -> Rule:
    known = rules(service.card)
    found = next((rule for rule in known if rule.key == key), None)
    if found is None:
        raise ProblemError("bad_value", f"rule may be {', '.join(rule.key for rule in known)}")
    return found


async def _answered(request: Request, service: Service, asked: dict[str, Any]) -> tuple[dict[str, Any], FilmView]:
    """The answer for the film that is the body, and the film as a page shows it.

    Raises:
        ProblemError: There is no film, it cannot be used, or nobody has time for it.
    """
    film = await request.body()
    if not film:
        raise ProblemError("empty_file", "The file is empty. Fetch or export the film again.")
    request.state.films = 1
    (reply,) = await answered(request, service, [film], {"include": list(_PARTS), **asked})
    service.count(reply)
    if isinstance(reply, FilmLostError):
        raise ProblemError(reply.code, f"{reply}.")
    if "error" in reply.said:
        raise ProblemError(reply.said["error"]["code"], reply.said["error"]["message"])
    if reply.said["prediction"]["bundle"] != service.identity:
        # Its operating points and validation films are not those of this answer.
        raise ProblemError("busy", "The model is being renewed", retry_after=2)
    prediction = prediction_of(reply, service.card)
    return prediction, FilmView.taken_from(prediction, reply.parts["view"])
