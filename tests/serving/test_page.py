"""What the page asks for, without a browser: its own addresses, and Gradio's that are not there."""

from __future__ import annotations

import asyncio
import re
import zlib
from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import numpy as np
import pytest
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from PIL import Image
from service_process import Serve, Served, png

from lucency.bundle import Bundle
from lucency.predictor import Predictor
from lucency.serving import page_films
from lucency.serving.page_samples import SAMPLES
from lucency.serving.page_shell import rewritten
from lucency.serving.problems import ProblemError
from lucency.serving.service import Service
from lucency.serving.worker import FilmReply

OF_GRADIO = (
    "/config", "/gradio_api/info", "/gradio_api/openapi.json", "/gradio_api/file=/etc/passwd", "/gradio_api/upload",
    "/gradio_api/queue/data", "/gradio_api/queue/join", "/gradio_api/proxy=http://127.0.0.1/", "/gradio_api/runs",
    "/gradio_api/vibe-code", "/gradio_api/app_id", "/manifest.json", "/monitoring", "/logout", "/svelte/x",
    "/robots.txt", "/file=/etc/passwd", "/assets/../../../../../etc/passwd", "/static/%2e%2e/%2e%2e/routes.py",
)  # fmt: skip


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[httpx.Client]:
    with served.client() as found:
        yield found


def test_the_page_has_a_nonce_on_every_script_and_names_no_other_host(client: httpx.Client) -> None:
    first, second = client.get("/"), client.get("/", headers={"x-forwarded-host": "evil.example"})
    nonces = []
    for answer in (first, second):
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        (nonce,) = re.findall(r"'nonce-(\w+)'", policy)
        nonces.append(nonce)
        assert "unsafe-eval" not in policy
        assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
        scripts = re.findall(r"<script\b[^>]*>", answer.text)
        assert len(scripts) > 3
        assert all(f'nonce="{nonce}"' in script for script in scripts)
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        hosts = set(re.findall(r"(?:src|href|content)=\"(?:https?:)?//([^/\"]+)", answer.text))
        assert hosts == set()
        assert "evil.example" not in answer.text
    assert nonces[0] != nonces[1]
    assert '<html\n\tlang="en"' in first.text


@pytest.mark.parametrize("address", OF_GRADIO)
def test_nothing_else_of_gradio_is_there(client: httpx.Client, address: str) -> None:
    for method in ("GET", "POST"):
        answer = client.request(method, address)
        assert answer.status_code in (404, 405)
        assert answer.headers["content-type"] == "application/problem+json"


def test_other_doors_still_answer(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").status_code == 200
    assert client.get("/login").status_code == 200
    assert client.get("/v1/predictions").status_code == 405
    assert client.post("/").status_code == 405
    assert "/page/films" not in client.get("/v1/openapi.json").text
    assert client.get("/page/static/page_films.py").status_code == 404
    assert client.get("/page/static/viewer.js").headers["content-type"].startswith("text/javascript")


def test_a_film_is_answered_with_its_levels_and_heat_map(client: httpx.Client, bright: Bundle) -> None:
    film = png(90, corner=240)
    answer = client.post("/page/films", content=film).json()
    expected = Predictor(bright).predict(film)
    assert answer["prediction"]["probability"] == pytest.approx(expected.probability)
    assert answer["prediction"]["sha256"] == expected.sha256
    assert answer["decisions"] == {
        name: Predictor(bright, operating_point=name).predict(film).decision for name in ("screening", "confirm")
    }
    view = answer["view"]
    levels = np.frombuffer(zlib.decompress(b64decode(view["levels"])), "<u2").reshape(view["height"], view["width"])
    assert (levels[0, 0], levels[-1, -1]) == (240 * 257, 90 * 257)
    assert expected.heatmap is not None
    np.testing.assert_allclose(view["heatmap"], expected.heatmap, atol=1e-3)
    assert "(" in answer["words"]["similar"]


def test_no_answer_is_said_to_be_certain(client: httpx.Client) -> None:
    said = [client.post("/page/films", content=png(grey)).json()["words"]["number"] for grey in (0, 128, 255)]
    assert said == ["< 0.01", "0.50", "> 0.99"]


def test_faults_are_problems_with_one_plain_line(client: httpx.Client) -> None:
    for address in ("/page/films", "/page/report?rule=screening"):
        for content, code in ((b"", "empty_file"), (b"no film", "not_an_image"), (png(90)[:70], "truncated")):
            answer = client.post(address, content=content)
            assert answer.status_code == 422
            assert answer.json()["code"] == code
            assert "\n" not in answer.json()["detail"]
    assert client.post("/page/report?rule=other", content=png(90)).json()["code"] == "bad_value"


def test_an_answer_of_another_model_than_the_card_is_not_decided_by_it(
    bright: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def of_the_next(*_: object) -> list[FilmReply]:
        return [FilmReply({"prediction": {"bundle": "next@1", "probability": 0.9}}, {"view": b""}, 0.1)]

    async def sent() -> dict[str, Any]:
        return {"type": "http.request", "body": png(90), "more_body": False}

    monkeypatch.setattr(page_films, "answered", of_the_next)
    service = SimpleNamespace(card=bright.card, identity=bright.identity, count=lambda _: None)
    app = FastAPI()
    page_films.add_page_routes(app, cast(Service, service))
    ask = next(route for route in app.routes if isinstance(route, APIRoute) and route.path == "/page/films").endpoint
    with pytest.raises(ProblemError) as found:
        asyncio.run(ask(Request({"type": "http", "method": "POST", "headers": []}, sent)))
    assert (found.value.code, found.value.kind.status) == ("busy", 503)


def test_where_a_token_is_wanted_the_page_is_behind_it_too(serve: Serve) -> None:
    token = "a-token-that-is-long-enough"
    running = serve(env={"LUCENCY_TOKEN": token})
    with running.client() as one:
        for address in ("/", "/page/model", "/page/static/films.js", "/page/samples/0", "/theme.css"):
            assert one.get(address).status_code in (303, 401)
        assert one.post("/page/films", content=png(90)).status_code == 401
        assert one.post("/login", data={"token": token}).status_code == 303
        for address in ("/", "/page/model", "/page/static/films.js"):
            assert one.get(address).status_code == 200
        assert one.post("/page/films", content=png(90)).status_code == 200


def test_no_film_and_no_page_leaves_anything_on_a_disk(serve: Serve, tmp_path: Path) -> None:
    running = serve(env={"TMPDIR": str(tmp_path)})
    with running.client() as one:
        assert one.get("/").status_code == 200
        for address in ("/page/films", "/page/report?rule=screening"):
            assert one.post(address, content=png(90)).status_code == 200
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_report_is_one_page_of_pdf(client: httpx.Client) -> None:
    answer = client.post("/page/report?rule=confirm", content=png(200))
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-1.4")
    assert answer.content.endswith(b"%%EOF\n")


def test_samples_are_films_and_stay_the_same(client: httpx.Client) -> None:
    for number in range(len(SAMPLES)):
        first, second = (client.get(f"/page/samples/{number}") for _ in range(2))
        assert first.content == second.content
        assert min(Image.open(BytesIO(first.content)).size) >= 300
    assert {Image.open(BytesIO(client.get(f"/page/samples/{n}").content)).mode for n in range(len(SAMPLES))} > {"L"}
    assert client.get(f"/page/samples/{len(SAMPLES)}").status_code == 404
    for wrong in ("-1", "abc", "1.5", "00", "9" * 5000):
        answer = client.get(f"/page/samples/{wrong}")
        assert (answer.status_code, answer.json()["code"]) == (404, "no_such_address")
        assert answer.json()["detail"] == "There is no such sample"


def test_rewriting_takes_away_what_the_policy_refuses_and_what_others_serve() -> None:
    page = (
        '<head><base href="./" /><meta property="og:image" content="https://a.example/x.jpg" />'
        '<link rel="manifest" href="/manifest.json" /><link rel="preconnect" href="https://fonts.example" />'
        '<script src="https://cdn.example/x.js"></script><script>run()</script>'
        '<script>s.src = "iframeResizer.contentWindow.min.js"</script></head>'
    )
    found = rewritten(page, "abc")
    assert "example" not in found
    assert "<base" not in found
    assert "manifest" not in found
    assert "iframeResizer" not in found
    assert '<script nonce="abc">run()</script>' in found
    assert found.count("<script") == found.count('nonce="abc"') == 2


def test_a_film_called_fractured_without_any_colour_says_so(client: httpx.Client) -> None:
    said = client.post("/page/films", content=png(120)).json()
    assert said["decisions"] == {"screening": "fractured", "confirm": "not_fractured"}
    assert "points at no place on this film" in said["words"]["nowhere"]["screening"]
    assert said["words"]["nowhere"]["confirm"] == ""
    assert set(client.post("/page/films", content=png(120, corner=140)).json()["words"]["nowhere"].values()) == {""}
