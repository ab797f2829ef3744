"""The page of a store, served to this machine's browsers while the store grows. It answers GET alone, and only by its own names."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs

from explorer.errors import AnalysisError, StoreError
from explorer.report.live import Live
from explorer.report.page import json_text, policy

LOOPBACK = ("localhost", "127.0.0.1", "::1")
MOST_SECONDS_A_REQUEST = 30
LONGEST_KEY = 64
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Server(ThreadingHTTPServer):
    """A server of one store's page on one address.

    It answers requests whose header Host names `names` or the loopback, whatever the port (a tunnel has another): a page of
    a name that an attacker turned to this address reads nothing.
    """

    daemon_threads = True

    def __init__(self, live: Live, host: str, port: int, names: Iterable[str] = ()) -> None:
        self.live = live
        self.names = {*LOOPBACK, *(name.lower() for name in names)}
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    @property
    def url(self) -> str:
        """Where a browser finds the page."""
        host, port = self.server_address[:2]
        return f"http://{f'[{host}]' if ':' in str(host) else host}:{port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server_version, sys_version = "explorer", ""
    timeout = MOST_SECONDS_A_REQUEST

    @property
    def _serving(self) -> Server:
        return cast(Server, self.server)

    def do_GET(self) -> None:
        if not self._known():
            return self._say(421, "This server answers by its own name alone; see explorer serve --allow-host.")
        path, _, query = self.path.partition("?")
        if path == "/":
            return self._send(200, self._serving.live.page(), "text/html; charset=utf-8")
        if path == "/status.json":
            return self._json(self._serving.live.look())
        if path == "/data.json":
            return self._json(self._serving.live.data(*parse_qs(query).get("since", [])[:1]))
        if path.startswith("/cell/"):
            return self._cell(path.removeprefix("/cell/"))
        return self._say(404, "There is nothing here.")

    def _cell(self, key: str) -> None:
        try:
            found = self._serving.live.cell(key) if key.isalnum() and len(key) <= LONGEST_KEY else None
        except StoreError as error:
            return self._say(503, str(error))
        return self._json(found) if found is not None else self._say(404, "There is no such cell.")

    def _known(self) -> bool:
        name = self.headers.get("Host", "").rpartition("@")[2].lower()
        name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
        return name in self._serving.names

    def _json(self, data: Any) -> None:
        self._send(200, json_text(data).encode("utf-8", "backslashreplace"), "application/json")

    def _say(self, status: int, text: str) -> None:
        self._send(status, f"{text}\n".encode(), "text/plain; charset=utf-8")

    def _send(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", f"{policy(live=True)}; frame-ancestors 'none'")
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What is not a GET, or no HTTP, is refused in one line."""
        if code == 501:
            self.send_response(405)
            self.send_header("Allow", "GET")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._say(code, message or "refused")

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged."""


def server(live: Live, host: str, port: int, names: Iterable[str] = ()) -> Server:
    """A server that listens, to be run by `serve_forever`.

    Raises AnalysisError where `host` is reached from other machines and no names were given by which browsers may ask, and
    where it cannot listen.
    """
    names = [*names]
    if not _is_loopback(host) and not names:
        raise AnalysisError(
            f'--host: found "{host}", which other machines may reach; expected a loopback address such as 127.0.0.1, or also '
            "--allow-host NAME for each name by which browsers may ask. Whoever reaches the page can read the store."
        )
    try:
        return Server(live, "127.0.0.1" if host == "localhost" else host, port, names)
    except (OSError, OverflowError) as error:
        raise AnalysisError(f"cannot listen on {host}, port {port}: {error}; choose another with --port.") from error


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
