"""The shapes of the API's answers, for its OpenAPI document."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FilmFault(_Shape):
    """Why a film has no answer."""

    code: str = Field(description="stays the same between versions", examples=["truncated"])
    message: str = Field(examples=["The JPEG file ends before its pixels do. Fetch or export the film again."])


class SimilarFilms(_Shape):
    """Validation films whose probability was like this film's."""

    films: int = Field(ge=1, examples=[31])
    fractured: int = Field(ge=0, examples=[22])
    low: float = Field(ge=0, le=1, description="lowest probability that counts as similar", examples=[0.65])
    high: float = Field(ge=0, le=1, examples=[0.8])


class FilmPrediction(BaseModel):
    """The answer for one film; research output, not a diagnosis. Keys as in `lucency predict --json`."""

    model_config = ConfigDict(extra="allow")

    index: int = Field(ge=0, description="place of the film in the request", examples=[0])
    error: FilmFault | None = Field(None, description="alone with `index` where the film cannot be used")
    sha256: str | None = Field(None, description="of the file's bytes")
    probability: float | None = Field(
        None, ge=0, le=1, description="calibrated probability of a fracture; null where the gate refused the film"
    )
    logit: float | None = Field(None, description="the model's raw output; null likewise")
    decision: Literal["fractured", "not_fractured", "uncertain", "not_a_radiograph", "unlike_training_films"] | None = (
        None
    )
    operating_point: str | None = Field(
        None, description="name of the threshold that decides; null where an error rate does", examples=["screening"]
    )
    error_rate: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="share of the films of each class that may be answered wrongly, where one is stated",
    )
    possible: list[Literal["fractured", "not_fractured"]] | None = Field(
        None, description="with `error_rate`: the classes that the film may be of, both, one or none"
    )
    bundle: str | None = Field(None, description="name and hash of the model", examples=["lucency-1@2c8f5f1a0b7e"])
    similar: SimilarFilms | None = None
    film: dict[str, Any] | None = Field(
        None, description="harmless facts of the film: height, width, format, body part"
    )
    heatmap: list[list[float]] | None = Field(None, description="logits of the cells over the network's input")
    heatmap_covers: dict[str, int] | None = Field(None, description="where the film lies in that input")
    overlay: str | None = Field(None, description="PNG in base64: the film with its heat map and caption")


class Predictions(_Shape):
    """One answer or fault for each film, in their order."""

    request_id: str
    bundle: str
    notice: str = Field(examples=["Research use only. Not a medical device."])
    warnings: list[str] | None = Field(
        None,
        description="where the model has too few calibration films for the error rate; missing where it has enough",
    )
    predictions: list[FilmPrediction]


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:lucency:problem:truncated"])
    title: str
    status: int
    detail: str
    code: str = Field(description="stays the same between versions", examples=["truncated"])
    request_id: str


class Health(_Shape):
    """That the service lives."""

    status: Literal["ok"]


EXAMPLE = {
    "request_id": "5d0f7f6a9a3d4c57a1d0b8d0a2f0c3c4",
    "bundle": "lucency-1@2c8f5f1a0b7e",
    "notice": "Research use only. Not a medical device.",
    "predictions": [
        {
            "index": 0,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "probability": 0.71,
            "logit": 1.3,
            "decision": "fractured",
            "bundle": "lucency-1@2c8f5f1a0b7e",
            "operating_point": "screening",
            "similar": {"films": 31, "fractured": 22, "low": 0.65, "high": 0.8},
            "film": {"height": 454, "width": 373, "format": "JPEG"},
        },
        {"index": 1, "error": {"code": "empty_file", "message": "The file is empty. Fetch or export the film again."}},
    ],
}
"""An answer to a request with two films."""
