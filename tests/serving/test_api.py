"""The API over a socket: what it answers, and what it says where it cannot."""

from __future__ import annotations

import base64
import json
import re
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pydicom
import pytest
from given_films import JPEG
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from service_process import Served, png

from lucency import Predictor
from lucency.bundle import Bundle
from lucency.serving.problems import PROBLEMS
from lucency.serving.similar import similar_films

DOCS = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "serve-an-api.md"

SECRETS = ("Doe^Jane", "ID-4711", "19610203", "St. Elsewhere", "1.2.826.0.1.3680043.8.498.99")


def dicom(grey: int) -> bytes:
    """A film of 16 bits whose header is full of what must not come out."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = pydicom.uid.DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = SECRETS[4]
    film = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    film.SOPClassUID, film.SOPInstanceUID = meta.MediaStorageSOPClassUID, SECRETS[4]
    film.PatientName, film.PatientID, film.PatientBirthDate, film.InstitutionName = SECRETS[:4]
    film.Modality, film.BodyPartExamined = "DX", "HAND"
    film.Rows = film.Columns = 96
    film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
    film.BitsAllocated = film.BitsStored = 16
    film.HighBit, film.PixelRepresentation = 15, 0
    film.WindowCenter, film.WindowWidth = 32768, 65536
    film.PixelData = np.full((96, 96), grey * 257, np.uint16).tobytes()
    stream = BytesIO()
    film.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def sixteen_bits(grey: int) -> bytes:
    stream = BytesIO()
    Image.fromarray(np.full((96, 96), grey * 257, np.uint16)).save(stream, "PNG")
    return stream.getvalue()


def ask(served: Served, *films: bytes, **fields: Any) -> httpx.Response:
    named = [("films", (f"Doe_Jane_{number}.png", film)) for number, film in enumerate(films)]
    with served.client() as client:
        return client.post("/v1/predictions", files=named, data=fields)


def test_the_answer_is_that_of_the_bundle(served: Served, bright: Bundle) -> None:
    film = png(150, corner=220)
    said = Predictor(bright).predict(film)
    answer = ask(served, film)
    assert answer.status_code == 200
    assert answer.json()["bundle"] == bright.identity
    assert "Not a medical device" in answer.json()["notice"]
    (entry,) = answer.json()["predictions"]
    assert entry["index"] == 0
    assert entry["probability"] == said.probability
    assert entry["logit"] == said.logit
    assert (entry["decision"], entry["operating_point"], entry["sha256"]) == ("fractured", "screening", said.sha256)
    assert entry["film"] == {"height": 96, "width": 96, "format": "PNG"}
    assert entry["similar"] == similar_films(bright.card.scores, entry["probability"])


def test_the_body_may_be_the_film_itself(served: Served) -> None:
    film = png(140)
    with served.client() as client:
        raw = client.post("/v1/predictions", content=film, headers={"content-type": "image/png"})
    assert raw.json()["predictions"] == ask(served, film).json()["predictions"]


def test_many_films_are_answered_in_their_order_and_a_bad_one_costs_the_others_nothing(served: Served) -> None:
    greys = [40 + 5 * number for number in range(24)]
    films = [png(grey) for grey in greys]
    films[7], films[11] = b"no film", b""
    entries = ask(served, *films).json()["predictions"]
    assert [entry["index"] for entry in entries] == list(range(24))
    for grey, entry in zip(greys, entries, strict=True):
        if "error" not in entry:
            assert entry["logit"] == pytest.approx((grey - 128) / 20, abs=1e-4)
    assert [entries[7]["error"]["code"], entries[11]["error"]["code"]] == ["not_an_image", "empty_file"]
    assert sum("error" in entry for entry in entries) == 2


@pytest.mark.parametrize("made", [dicom, sixteen_bits])
def test_dicom_and_sixteen_bits_are_read_as_they_are(served: Served, made: Any) -> None:
    (entry,) = ask(served, made(160)).json()["predictions"]
    assert entry["logit"] == pytest.approx((160 - 128) / 20, abs=0.02)


def test_no_identifier_and_no_name_comes_out(served: Served) -> None:
    film = dicom(160)
    broken = film[: len(film) // 2]
    for include in ([], ["heatmap", "overlay"]):
        answers = [ask(served, film, include=include), ask(served, film, broken), ask(served, broken)]
        with served.client() as client:
            texts = [answer.text for answer in answers] + [client.get("/metrics").text, client.get("/v1/model").text]
        assert answers[0].json()["predictions"][0]["film"]["body_part"] == "HAND"
        assert answers[2].status_code == 422
        for text in (*texts, "".join(served.raw)):
            for secret in (*SECRETS, "Doe_Jane", "Jane"):
                assert secret not in text


def test_the_heat_map_and_the_picture_come_on_demand(served: Served) -> None:
    film = png(100, corner=200)
    plain = ask(served, film).json()["predictions"][0]
    assert not {"heatmap", "overlay", "heatmap_covers", "view"} & plain.keys()
    (entry,) = ask(served, film, include=["heatmap", "overlay"]).json()["predictions"]
    heat = np.array(entry["heatmap"])
    np.testing.assert_allclose(heat[:2, :2], (200 - 128) / 20, atol=0.1)
    np.testing.assert_allclose(heat[2:, 2:], (100 - 128) / 20, atol=0.1)
    assert entry["heatmap_covers"]["source_width"] == 96
    with Image.open(BytesIO(base64.b64decode(entry["overlay"]))) as picture:
        assert picture.format == "PNG"
        assert picture.size[0] >= 96
    with served.client() as client:
        queried = client.post("/v1/predictions?include=heatmap", content=film).json()["predictions"][0]
    assert queried["heatmap"] == entry["heatmap"]
    assert "overlay" not in queried


def test_the_operating_point_may_be_chosen(served: Served) -> None:
    film = png(140)
    assert ask(served, film).json()["predictions"][0]["decision"] == "fractured"
    other = ask(served, film, operating_point="confirm").json()["predictions"][0]
    assert (other["decision"], other["operating_point"]) == ("not_fractured", "confirm")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"include": "pixels"}, "include may be heatmap or overlay"),
        ({"operating_point": "sure"}, "screening, confirm"),
        ({"error_rate": "2"}, "above 0 and below 1"),
        ({"error_rate": "x"}, "above 0 and below 1"),
        ({"error_rate": "0.1"}, "nothing to abstain by"),
        ({"patient": "Doe"}, "Known fields"),
    ],
)
def test_a_wrong_value_is_named(served: Served, fields: dict[str, str], said: str) -> None:
    answer = ask(served, png(100), **fields)
    assert answer.status_code == 422
    assert answer.json()["code"] == "bad_value"
    assert said in answer.json()["detail"]


@pytest.mark.parametrize("rate", [0.1, 0.01])
def test_an_error_rate_decides_and_no_operating_point(url: str, gated: Bundle, rate: float) -> None:
    answer = httpx.post(f"{url}/v1/predictions", params={"error_rate": rate}, content=JPEG, trust_env=False).json()
    (entry,) = answer["predictions"]
    assert (entry["error_rate"], entry["operating_point"]) == (rate, None)
    assert entry["decision"] == Predictor(gated, error_rate=rate).predict(JPEG).decision
    assert gated.card.abstention is not None
    assert tuple(answer.get("warnings", ())) == gated.card.abstention.doubts(rate)
    assert ("warnings" in answer) is (rate < 0.02)


@pytest.mark.parametrize(("film", "said"), [(png(140), "fractured"), (b"x", "not_an_image")])
def test_the_client_of_the_documentation_tells_answers_and_errors(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, film: bytes, said: str
) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    (tmp_path / "film.jpg").write_bytes(film)
    monkeypatch.chdir(tmp_path)
    exec(block.replace("http://127.0.0.1:7860", served.url), {})
    assert said in capsys.readouterr().out


def test_a_misspelt_parameter_is_not_passed_over(served: Served) -> None:
    with served.client() as client:
        answer = client.post("/v1/predictions?operating_pont=confirm", content=png(140))
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_value")


def test_faults_are_problem_details(served: Served) -> None:
    with served.client() as client:
        faults = [
            (client.post("/v1/predictions"), 400, "no_film"),
            (client.post("/v1/predictions", files={"films": b"x"}), 422, "not_an_image"),
            (
                client.post("/v1/predictions", content=b"--", headers={"content-type": "multipart/form-data"}),
                400,
                "bad_form",
            ),
            (
                client.post(
                    "/v1/predictions",
                    content=b"--b\r\nx",
                    headers={"content-type": "multipart/form-data; boundary=c"},
                ),
                400,
                "bad_form",
            ),
            (client.get("/v1/nothing"), 404, "no_such_address"),
            (client.get("/v1/predictions"), 405, "method_not_allowed"),
            (ask(served, *[png(100)] * 33), 422, "too_many_films"),
        ]
    for answer, status, code in faults:
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), code
        body = answer.json()
        assert (body["status"], body["code"]) == (status, code)
        assert body["type"] == f"urn:lucency:problem:{code}"
        assert body["title"] == PROBLEMS[code].title
        assert body["request_id"] == answer.headers["x-request-id"]


def test_where_every_film_is_bad_each_is_told(served: Served) -> None:
    answer = ask(served, b"x", b"")
    assert answer.status_code == 422
    assert [entry["error"]["code"] for entry in answer.json()["predictions"]] == ["not_an_image", "empty_file"]


def test_the_card_is_there(served: Served, bright: Bundle) -> None:
    with served.client() as client:
        answer = client.get("/v1/model").json()
    assert answer["bundle"] == bright.identity
    assert answer["card"] == json.loads((bright.folder / "card.json").read_text())


def test_health_and_counters(served: Served) -> None:
    ask(served, png(100))
    with served.client() as client:
        assert client.get("/healthz").json() == client.get("/readyz").json() == {"status": "ok"}
        text = client.get("/metrics").text
    assert re.search(r'lucency_films_total\{outcome="not_fractured"\} [1-9]', text)
    assert re.search(r'lucency_requests_total\{method="POST",route="/v1/predictions",status="200"\} [1-9]', text)
    assert "lucency_workers_ready 2.0" in text
    assert "lucency_films_open 0.0" in text


def test_each_request_leaves_one_line(served: Served) -> None:
    answer = ask(served, png(100))
    with served.client() as client:
        other = client.get("/healthz").headers["x-request-id"]
    end = time.monotonic() + 10
    while other not in (told := [line.get("request_id") for line in list(served.lines)]):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert told.count(answer.headers["x-request-id"]) == 1
    (line,) = [line for line in list(served.lines) if line.get("request_id") == answer.headers["x-request-id"]]
    assert set(line) == {"time", "level", "event", "request_id", "method", "route", "status", "milliseconds", "films"}
    assert (line["route"], line["status"], line["films"]) == ("/v1/predictions", 200, 1)


def test_the_document_describes_what_is_answered(served: Served, tmp_path: Path) -> None:
    with served.client() as client:
        document = client.get("/v1/openapi.json").json()
    assert set(document["paths"]) == {"/v1/predictions", "/v1/model", "/healthz", "/readyz", "/metrics"}
    described = document["paths"]["/v1/predictions"]["post"]
    assert set(described["requestBody"]["content"]) == {"multipart/form-data", "application/octet-stream"}
    assert set(document["components"]["schemas"]["FilmPrediction"]["properties"]) >= set(
        ask(served, png(100), include=["heatmap", "overlay"]).json()["predictions"][0]
    ) - {"warnings", "gate", "possible", "error_rate"}


def test_similar_films_grow_until_there_are_enough() -> None:
    scores = {"edges": [0, 0.25, 0.5, 0.75, 1], "fractured": [0, 4, 9, 30], "not_fractured": [40, 5, 1, 0]}
    assert similar_films(scores, 0.9) == {"films": 30, "fractured": 30, "low": 0.75, "high": 1}
    assert similar_films(scores, 1.0) == {"films": 30, "fractured": 30, "low": 0.75, "high": 1}
    assert similar_films(scores, 0.6) == {"films": 49, "fractured": 43, "low": 0.25, "high": 1}
    assert similar_films({}, 0.5) is None
    few = {"edges": [0, 0.5, 1], "fractured": [1, 2], "not_fractured": [3, 0]}
    assert similar_films(few, 0.1) == {"films": 6, "fractured": 3, "low": 0, "high": 1}
