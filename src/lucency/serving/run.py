"""`lucency serve`: binds, answers, renews its model on SIGHUP and stops on SIGTERM when all is answered."""

from __future__ import annotations

import asyncio
import ctypes
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from lucency.errors import LucencyError
from lucency.serving.access import Access
from lucency.serving.guard import Guard
from lucency.serving.logs import ServiceLog
from lucency.serving.page import mount_page
from lucency.serving.private_folder import private_folder
from lucency.serving.service import Service
from lucency.serving.settings import ServeSettings
from lucency.serving.web import build_app

_PR_SET_DUMPABLE = 4


class _PatientProtocol(H11Protocol):
    """HTTP/1.1 whose patience with headers and readers that do not come ends; uvicorn itself waits for ever."""

    header_seconds = 15.0
    least_rate = 1_000.0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._deadline = self.loop.call_later(self.header_seconds, self._give_up)
        self._reading: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        cycle = self.cycle
        super().data_received(data)
        if self.cycle is not cycle:
            self._deadline.cancel()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._deadline.cancel()
        self._deadline = self.loop.call_later(self.header_seconds, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.cancel()
        self._look_no_more()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look_later()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.transport.is_closing():
            self._look_later()
        else:
            self._look_no_more()

    def _give_up(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            # Closing waits until all is sent.
            self.transport.close()
            self._look_later()

    def _look_later(self) -> None:
        self._look_no_more()
        wanted = self.transport.get_write_buffer_size() - self.header_seconds * self.least_rate
        self._reading = self.loop.call_later(self.header_seconds, self._look, wanted)

    def _look(self, wanted: float) -> None:
        left = self.transport.get_write_buffer_size()
        if left > max(0.0, wanted):
            self.transport.abort()
        elif left:
            self._look_later()

    def _look_no_more(self) -> None:
        if self._reading is not None:
            self._reading.cancel()


class _Server(uvicorn.Server):
    """Says where it serves when it does, and has the service told of the stop before connections are closed."""

    def __init__(self, config: uvicorn.Config, service: Service):
        super().__init__(config)
        self._service = service
        self._told_by: int | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        shown, settings = f"[{host}]" if ":" in host else host, self._service.settings
        self._service.log.line(
            "serving", address=f"http://{shown}:{port}", model=self._service.identity,
            workers=settings.workers, threads=settings.threads,
        )  # fmt: skip

    def handle_exit(self, sig: int, frame: Any) -> None:
        self._service.stopping = True
        self._told_by = self._told_by or sig
        super().handle_exit(sig, frame)
        # uvicorn would raise it again when it is done, which would end the process before its workers have ended.
        self._captured_signals.clear()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Not where the signal is handled: it may have come in the midst of another line.
        if self._told_by is not None:
            self._service.log.line("signal", signal=signal.Signals(self._told_by).name)
        await super().shutdown(sockets)


def serve(settings: ServeSettings, *, log: ServiceLog | None = None) -> None:
    """Runs until it is told to stop.

    Args:
        settings: How it runs.
        log: Where it writes; standard error where None.

    Raises:
        LucencyError: The bundle cannot be used, or the address cannot be bound.
    """
    log = log or ServiceLog()
    close_to_others()
    bound = _bound(settings.host, settings.port)
    with private_folder() as folder:
        _run(settings, log, bound, folder)


def close_to_others() -> None:
    """Has the system let no other process of this user read this one's memory or the environment of its start.

    A worker that a hostile film took over would find the token there, and the films of others. Only Linux knows this.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _run(settings: ServeSettings, log: ServiceLog, bound: socket.socket, folder: Path) -> None:
    service = Service(settings, log)
    access = Access(settings.token)
    app = Guard(mount_page(build_app(service, access), service, folder), settings, access, log, service.measures)
    limits = settings.limits
    protocol = type(
        "Protocol", (_PatientProtocol,), {"header_seconds": limits.header_seconds, "least_rate": limits.least_rate}
    )
    config = uvicorn.Config(
        app, http=protocol, ws="none", loop="asyncio", log_config=None, access_log=False, server_header=False,
        date_header=True, lifespan="off", proxy_headers=False, limit_concurrency=4 * limits.requests,
        timeout_keep_alive=int(limits.header_seconds), timeout_graceful_shutdown=int(limits.stop_seconds),
        h11_max_incomplete_event_size=32 * 1024,
    )  # fmt: skip
    log.take_over()
    server = _Server(config, service)
    try:
        asyncio.run(_served(server, service, bound, log))
    finally:
        service.stop()
        log.line("stopped")


async def _served(server: uvicorn.Server, service: Service, bound: socket.socket, log: ServiceLog) -> None:
    if hasattr(signal, "SIGHUP"):

        def renew() -> None:
            log.line("signal", signal="SIGHUP")
            threading.Thread(target=service.renew, name="renew", daemon=True).start()

        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, renew)
    await server.serve(sockets=[bound])


def _bound(host: str, port: int) -> socket.socket:
    """A socket of its own, so that a busy port is told before a model is loaded."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        reason = error.strerror or str(error)
        raise LucencyError(
            f"cannot be bound ({reason})", where=f"{host}:{port}", hint="Choose another --port or --host"
        ) from None
    bound.set_inheritable(False)
    return bound
