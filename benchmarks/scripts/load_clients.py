"""Clients that ask a service as fast as it answers: `load_clients.py KIND URL CLIENTS SECONDS FILM ...`, prints JSON.

KIND is "api" for the API of `lucency serve`, or "gradio" for an Interface: upload, call, wait for its event.
"""

import http.client
import json
import sys
import threading
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit


def multipart(name: str, content: bytes) -> tuple[bytes, dict[str, str]]:
    border = uuid.uuid4().hex
    head = f'--{border}\r\nContent-Disposition: form-data; name="{name}"; filename="film.jpg"\r\n'.encode()
    body = head + b"Content-Type: image/jpeg\r\n\r\n" + content + f"\r\n--{border}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={border}"}


class Line:
    """One connection that is kept."""

    def __init__(self, url: str):
        place = urlsplit(url)
        self._line = http.client.HTTPConnection(str(place.hostname), place.port, timeout=120)

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and body of the answer."""
        self._line.request(method, path, body, headers or {})
        answer = self._line.getresponse()
        return answer.status, answer.read()


def ask_api(line: Line, film: bytes) -> int:
    body, headers = multipart("films", film)
    status, said = line.ask("POST", "/v1/predictions", body, headers)
    if status == 200:
        assert json.loads(said)["predictions"][0]["decision"]
    return status


def ask_gradio(line: Line, film: bytes) -> int:
    body, headers = multipart("files", film)
    status, said = line.ask("POST", "/gradio_api/upload", body, headers)
    if status != 200:
        return status
    data = {"data": [{"path": json.loads(said)[0], "meta": {"_type": "gradio.FileData"}}]}
    as_json = {"Content-Type": "application/json"}
    status, said = line.ask("POST", "/gradio_api/call/predict", json.dumps(data).encode(), as_json)
    if status != 200:
        return status
    status, said = line.ask("GET", f"/gradio_api/call/predict/{json.loads(said)['event_id']}")
    return status if b"event: complete" in said else 500


def main() -> None:
    kind, url, clients, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    films = [Path(path).read_bytes() for path in sys.argv[5:]]
    ask = {"api": ask_api, "gradio": ask_gradio}[kind]
    times: list[float] = []
    statuses: list[int] = []
    ask(Line(url), films[0])
    begun = time.perf_counter()

    def work(number: int) -> None:
        line = Line(url)
        turn = number
        while (start := time.perf_counter()) < begun + seconds:
            statuses.append(ask(line, films[turn % len(films)]))
            times.append(time.perf_counter() - start)
            turn += 1

    lanes = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    found = {str(status): statuses.count(status) for status in set(statuses)}
    print(json.dumps({"elapsed": time.perf_counter() - begun, "times": sorted(times), "statuses": found}))


main()
