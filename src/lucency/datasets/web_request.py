"""One request over HTTP or HTTPS, and its failures in two kinds: worth another try, or not."""

from __future__ import annotations

import http.client
import socket
import ssl
import urllib.error
import urllib.request
from typing import IO, Any
from urllib.parse import quote, urlsplit

from lucency._version import __version__
from lucency.datasets.source_note import without_secrets
from lucency.errors import DatasetError

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
"""Status codes that may be others in a moment."""

_REFUSALS = {
    401: ("the server wants a login (401)", "Fetch the file by hand in a browser, where you can log in"),
    403: ("the server refuses access (403)", "Fetch the file by hand in a browser; some sites refuse programs"),
    404: ("there is nothing at this address (404)", "Check the address in a browser"),
    410: ("there is nothing at this address any more (410)", "Look for a newer address"),
}


class TransferBrokenError(Exception):
    """A failure that another try may not meet.

    Args:
        reason: What happened, as part of a sentence.
        wait: Seconds that the server asks to wait.
        lasting: It will hardly pass in seconds.
        stale: What came earlier is of no use any more.
    """

    def __init__(self, reason: str, *, wait: float | None = None, lasting: bool = False, stale: bool = False):
        super().__init__(reason)
        self.reason = reason
        self.wait = wait
        self.lasting = lasting
        self.stale = stale


def check_address(url: str) -> str:
    """A URL as it can be sent, with spaces and letters outside ASCII quoted.

    Raises:
        DatasetError: It is none, or not of HTTP or HTTPS.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise DatasetError(
            "this is no address that starts with http:// or https:// and names a server", where=without_secrets(url)
        )
    if parts.username is not None:
        raise DatasetError(
            "an address with a login in it is not asked, since a redirection could give the login away",
            where=parts.hostname,
            hint="Fetch the file by hand",
        )
    return quote(url, safe="%/:=&?~#+!$,;'@()*[]-._")


def request(url: str, headers: dict[str, str], *, timeout: float) -> http.client.HTTPResponse:
    """Asks for a URL, through redirections and the proxies of the environment.

    Errors name it without the secrets that a signed link holds.

    Args:
        url: What `check_address` gave.
        headers: Beside the usual ones.
        timeout: Seconds without a byte.

    Returns:
        The open answer: status 200 or 206. The caller closes it.

    Raises:
        TransferBrokenError: Another try may help.
        DatasetError: It will not.
    """
    asked = urllib.request.Request(url, headers={"User-Agent": f"lucency/{__version__}", **headers})
    asked.add_header("Accept-Encoding", "identity")
    try:
        answer: http.client.HTTPResponse = _opener().open(asked, timeout=timeout)
    except urllib.error.HTTPError as refused:
        with refused:
            raise _status_error(refused, url) from None
    except urllib.error.URLError as failed:
        raise _connection_error(failed.reason, url) from None
    except (OSError, http.client.HTTPException) as failed:
        raise _connection_error(failed, url) from None
    except ValueError:
        # Names that no server can have come up only when they are looked up.
        raise DatasetError("this is no address that can be asked", where=without_secrets(url)) from None
    if answer.status not in (200, 206):
        with answer:
            raise DatasetError(
                f"the server has not sent the file (status {answer.status})",
                where=without_secrets(url),
                hint="Try again later, or fetch the file by hand in a browser",
            )
    return answer


def _opener() -> urllib.request.OpenerDirector:
    # Not build_opener: that one also opens file, ftp and data addresses.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirections(),
    ):
        opener.add_handler(handler)
    return opener


class _Redirections(urllib.request.HTTPRedirectHandler):
    """Follows the usual redirections, but never from HTTPS back to HTTP."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        scheme = urlsplit(newurl).scheme
        if scheme not in ("http", "https"):
            fp.close()
            raise DatasetError(
                f"the server redirects to {without_secrets(newurl)[:120]}, not to http(s)",
                where=without_secrets(req.full_url),
            )
        if req.type == "https" and scheme == "http":
            fp.close()
            raise DatasetError(
                "the server redirects from https to http, which can be altered on the way",
                where=without_secrets(newurl),
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    def http_error_302(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage
    ) -> Any:
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except ValueError:
            fp.close()
            raise DatasetError(
                "the server redirects to what is no address", where=without_secrets(req.full_url)
            ) from None

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _status_error(refused: urllib.error.HTTPError, url: str) -> Exception:
    code, name = refused.code, http.client.responses.get(refused.code, "")
    where = without_secrets(url)
    if code == 416:
        return TransferBrokenError("the server has no such part of the file", wait=0, stale=True)
    if code in RETRIED:
        asked = str(refused.headers.get("Retry-After", "")).strip()
        return TransferBrokenError(
            f"the server answers {code} {name}".rstrip(), wait=min(float(asked), 60.0) if asked.isdecimal() else None
        )
    if code // 100 == 3:
        goal = refused.headers.get("Location", "nowhere")
        inside = urlsplit(goal).scheme in ("", "http", "https")
        problem = "in a circle" if inside else f"to {without_secrets(goal)[:120]}, not to http(s)"
        return DatasetError(f"the server redirects {problem}", where=where, hint="Check the address in a browser")
    what, hint = _REFUSALS.get(code, (f"the server answers {code} {name}".rstrip(), "Check the address in a browser"))
    return DatasetError(what, where=where, hint=hint)


def _connection_error(reason: Any, url: str) -> Exception:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return DatasetError(
            f"the server's certificate is not trusted ({reason.verify_message})", where=without_secrets(url)
        )
    if isinstance(reason, socket.gaierror):
        host = urlsplit(url).hostname
        return TransferBrokenError(f"the server {host} is not found", lasting=True)
    if isinstance(reason, http.client.InvalidURL):
        return DatasetError("this is no address that can be asked", where=without_secrets(url))
    return TransferBrokenError(broken_text(reason))


def broken_text(reason: Any) -> str:
    """Why a connection failed, as part of a sentence."""
    if isinstance(reason, TimeoutError):
        return "the server has gone silent"
    if isinstance(reason, ConnectionRefusedError):
        return "the server refuses the connection"
    if isinstance(reason, (ConnectionError, http.client.IncompleteRead)):
        return "the connection was cut"
    text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return f"the connection failed ({' '.join(text.split())[:120]})"
