"""What of Gradio is let through: the page itself and the files that it is made of, and nothing else."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from lucency.serving.problems import ProblemError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

# No part begins with a dot, so none leads upwards.
_FILES = re.compile(r"/(assets|static)(/\w[\w.-]*)+|/theme\.css|/gradio_api/startup-events")

_FRAMED = re.compile(r"<script>(?:(?!</script>).)*iframeResizer\.contentWindow(?:(?!</script>).)*</script>", re.S)

_HEAD = """<link rel="icon" type="image/svg+xml" href="/page/static/icon.svg">
<link rel="stylesheet" href="/page/static/page.css">
<script type="module" src="/page/static/films.js"></script>
</head>"""


def is_of_page(path: str) -> bool:
    """Whether an address is the page or a file that it is made of."""
    return path == "/" or _FILES.fullmatch(path) is not None


class PageShell:
    """Wraps Gradio.

    Its addresses for uploads, files, calls, proxies and editors do not exist here; its page gets the nonce of the
    request on each of its scripts, and loses what the policy forbids or what names other hosts.

    Args:
        make: Gives Gradio's application. It is asked for the first page: a service that is only used by programs never
            takes the seconds and the memory of that import.
    """

    def __init__(self, make: Callable[[], App]):
        self._make = make
        self._app: App | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers one request."""
        path = scope["path"]
        if scope["type"] != "http" or not is_of_page(path):
            raise ProblemError("no_such_address", "The page is at /, the API at /v1/openapi.json")
        if scope["method"] not in ("GET", "HEAD"):
            raise ProblemError("method_not_allowed", "The page can only be read")
        # No query, since Gradio takes themes, links and languages from it, and no names of hosts from proxies.
        kept = [b"host", b"accept", b"range", b"if-none-match", b"if-modified-since"]
        if path != "/":
            kept.append(b"accept-encoding")
        headers = [(name, value) for name, value in scope["headers"] if name in kept]
        nonce = scope.get("state", {}).get("nonce", "")
        answer = _page(send, nonce) if path == "/" else _file(send, kept=path.startswith("/assets/"))
        async with self._making:
            if self._app is None:
                self._app = await asyncio.to_thread(self._make)
        await self._app({**scope, "query_string": b"", "headers": headers}, receive, answer)


def rewritten(page: str, nonce: str) -> str:
    """Gradio's page as the policy lets it work.

    Args:
        page: HTML.
        nonce: Of the request.
    """
    # What social networks would show, a base address that the policy refuses, an install manifest, and a script for
    # pages that are framed by others.
    page = re.sub(r"<meta\s[^>]*(?:property|name)=\"(?:og|twitter):[^>]*>", "", page)
    page = re.sub(r"<base\s[^>]*>|<link\s[^>]*rel=\"manifest\"[^>]*>", "", page)
    page = re.sub(r"<link\s[^>]*href=\"https?://[^>]*>|<script\s[^>]*src=\"https?://[^>]*></script>", "", page)
    page = _FRAMED.sub("", page)
    page = page.replace("</head>", _HEAD, 1)
    return re.sub(r"<script\b", f'<script nonce="{nonce}"', page)


def _page(send: Send, nonce: str) -> Send:
    started: list[Message] = []
    whole = bytearray()

    async def collected(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.append(message)
            return
        whole.extend(message.get("body", b""))
        if message.get("more_body", False):
            return
        start = started[0]
        body = rewritten(whole.decode("utf-8"), nonce).encode()
        headers = [(name, value) for name, value in _clean(start) if name.lower() != b"content-length"]
        await send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    return collected


def _file(send: Send, *, kept: bool) -> Send:
    async def passed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [(name, value) for name, value in _clean(message) if name.lower() != b"cache-control"]
            # The names of assets hold their hash, and they say nothing of anybody.
            rule = b"private, max-age=86400, immutable" if kept and message["status"] == 200 else b"no-store"
            message = {**message, "headers": [*headers, (b"cache-control", rule)]}
        await send(message)

    return passed


def _clean(start: Message) -> list[tuple[bytes, bytes]]:
    """Headers without those that would let pages of other origins read an answer."""
    return [(name, value) for name, value in start["headers"] if not name.lower().startswith(b"access-control-")]
