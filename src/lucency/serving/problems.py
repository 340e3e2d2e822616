"""What went wrong with a request, as problem details (RFC 9457) with a code that stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lucency.errors import FILM_ERROR_CODES

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Kind:
    """One row of `PROBLEMS`: HTTP status, and the title, which is the same for every request."""

    status: int
    title: str


PROBLEMS: Mapping[str, Kind] = {
    "no_film": Kind(400, "The request holds no film"),
    "bad_form": Kind(400, "The body is not a form that can be read"),
    "bad_value": Kind(422, "A value of the request is wrong"),
    "unauthorized": Kind(401, "A token is wanted"),
    "wrong_host": Kind(421, "The request is for another host"),
    "wrong_origin": Kind(403, "The request comes from a page of another origin"),
    "no_such_address": Kind(404, "There is nothing here"),
    "method_not_allowed": Kind(405, "This method is not for this address"),
    "body_timeout": Kind(408, "The body did not arrive in time"),
    "body_too_large": Kind(413, "The body is too large"),
    "answer_too_large": Kind(413, "The answer would be too large"),
    "too_many_films": Kind(422, "There are too many films in one request"),
    "client_gone": Kind(499, "The caller has gone"),
    "busy": Kind(503, "All workers are busy"),
    "stopping": Kind(503, "The service is stopping"),
    "not_ready": Kind(503, "No worker is ready"),
    "too_many_tries": Kind(429, "Too many wrong tokens"),
    "worker_died": Kind(422, "Reading the film ended the process that read it"),
    "film_time_limit": Kind(422, "The film takes too long"),
    "unreadable": Kind(422, "The film cannot be used"),
    "internal": Kind(500, "Something went wrong in the service"),
    **{code: Kind(422, "The film cannot be used") for code in FILM_ERROR_CODES},
}
"""Every code that an answer of the service can hold; part of the contract."""


class ProblemError(Exception):
    """A request that ends without its answer.

    Args:
        code: Key of `PROBLEMS`.
        detail: What is wrong with this request, in words without anything that the caller sent.
        retry_after: Seconds after which it may go better, or None.
        more: Further members of the answer.
    """

    def __init__(
        self, code: str, detail: str, *, retry_after: int | None = None, more: Mapping[str, Any] | None = None
    ):
        super().__init__(code)
        self.code, self.detail, self.retry_after, self.more = code, detail, retry_after, dict(more or {})
        self.kind = PROBLEMS[code]

    def body(self, request_id: str) -> dict[str, Any]:
        """The members of the answer."""
        return {
            "type": f"urn:lucency:problem:{self.code}",
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
            **self.more,
        }

    def headers(self) -> dict[str, str]:
        """Besides the usual ones."""
        found = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if self.code.startswith("body_"):
            # What is left of the body is not read.
            found["Connection"] = "close"
        return found | ({"WWW-Authenticate": "Bearer"} if self.code == "unauthorized" else {})
