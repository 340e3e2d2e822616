"""Who may ask: a token that a program sends as a bearer and a person types once."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import threading
import time
from collections import deque
from pathlib import Path

from lucency.errors import LucencyError

COOKIE = "lucency_session"

SHORTEST = 16
"""Characters of a token; a shorter one could be guessed."""

_SESSION_SECONDS = 12 * 3600.0
_TRIES, _TRY_SECONDS = 20, 60.0


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        # A name, such as 127.example.org, may stand for any machine.
        return False


def chosen_token(host: str, *, environment: str | None, file: Path | None, without: bool) -> str | None:
    """The token that callers must show, or None where nobody is asked.

    Args:
        host: Address that will be bound.
        environment: Value of LUCENCY_TOKEN, or None.
        file: That holds the token; it goes before the environment.
        without: Whether it was spelled out that nobody is asked.

    Raises:
        LucencyError: A token is wanted and there is none, or it cannot be used.
    """
    token = environment
    if file is not None:
        try:
            token = file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            raise LucencyError(f"the token cannot be read ({reason})", where=file) from None
    if without:
        if file is not None:
            raise LucencyError("a token file and --insecure-no-auth were given", hint="Leave one of them out")
        return None
    if token is None:
        if is_loopback(host):
            return None
        raise LucencyError(
            f"anybody who reaches {host} could use the service",
            hint="Set LUCENCY_TOKEN or --token-file, or say --insecure-no-auth",
        )
    if len(token) < SHORTEST or not token.isascii() or any(letter.isspace() for letter in token):
        raise LucencyError(
            f"the token must have at least {SHORTEST} ASCII characters and no spaces",
            hint="Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
        )
    return token


class Access:
    """Checks tokens and sessions.

    Args:
        token: That callers must show; None where nobody is asked.
    """

    def __init__(self, token: str | None):
        self.open = token is None
        self._digest = b"" if token is None else _digest(token)
        self._sessions: dict[str, float] = {}
        self._wrong: deque[float] = deque(maxlen=_TRIES)
        self._lock = threading.Lock()

    def knows(self, token: str) -> bool:
        """Whether it is the token; takes the same time wherever it differs."""
        return not self.open and hmac.compare_digest(_digest(token), self._digest)

    def admits(self, authorization: str | None, session: str | None) -> bool:
        """Whether a request with these headers may pass."""
        if self.open:
            return True
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() == "bearer" and self.knows(token.strip()):
            return True
        with self._lock:
            return session is not None and self._sessions.get(session, 0.0) > time.monotonic()

    def begin_session(self, token: str) -> str | None:
        """The name of a new session, or None where the token is wrong."""
        if not self.knows(token):
            with self._lock:
                self._wrong.append(time.monotonic())
            return None
        name, now = secrets.token_urlsafe(32), time.monotonic()
        with self._lock:
            self._sessions = {one: until for one, until in self._sessions.items() if until > now}
            self._sessions[name] = now + _SESSION_SECONDS
        return name

    def end_session(self, name: str) -> None:
        """Ends a session; one that is none, or none any more, is no fault."""
        with self._lock:
            self._sessions.pop(name, None)

    def too_many_tries(self) -> bool:
        """Whether so many wrong tokens were typed of late that a further wrong one is not answered as such."""
        with self._lock:
            return len(self._wrong) == _TRIES and self._wrong[0] > time.monotonic() - _TRY_SECONDS


def _digest(token: str) -> bytes:
    # Digests are of one length, so that the comparison does not tell the length of the token either.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
