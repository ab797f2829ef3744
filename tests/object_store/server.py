"""An S3 endpoint on loopback: moto in a process of its own, which counts requests and fails on demand.

    with s3_server() as server:
        server.make_bucket("study")
        environment = {**os.environ, **server.environment}
        uri = server.uri("study/prefix")

Around moto stands what it has not: requests without credentials are refused, `fail` answers the next ones with an error or cuts their
connections, `deny` refuses a kind of them for good.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode

CONTROL = "/-/"
INSIDE = "X-Loopback"  # a request of S3Server itself
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "loopback",
    "AWS_SECRET_ACCESS_KEY": "not-a-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


class S3Server:
    """A running endpoint at 127.0.0.1; `environment` is what every process that reaches it needs."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.endpoint = f"127.0.0.1:{port}"
        self.environment = dict(ENVIRONMENT)

    def uri(self, place: str, credentials: str = "") -> str:
        """The URI of bucket/prefix; `credentials` as key:secret."""
        return f"s3://{credentials + '@' if credentials else ''}{place}?scheme=http&endpoint_override={self.endpoint}"

    def make_bucket(self, name: str) -> None:
        self._ask("PUT", f"/{name}")

    def load(self, place: str, folder: Path) -> None:
        """Put every file below a folder of this machine at bucket/prefix, inside the endpoint: no request is counted.

        The bucket is for reading alone from then on: its names are looked through once for all pages of all listings.
        """
        self._ask("GET", f"{CONTROL}load?{urlencode({'place': place, 'folder': folder})}", seconds=900)

    def empty(self, bucket: str) -> None:
        """Forget all that is in a bucket, inside the endpoint."""
        self._ask("GET", f"{CONTROL}empty?{urlencode({'bucket': bucket})}")

    def counts(self) -> Counter[str]:
        """Requests since the last `reset_counts`, by kind: GET, HEAD, LIST, PUT, POST, DELETE."""
        return Counter(json.loads(self._ask("GET", f"{CONTROL}counts")))

    def reset_counts(self) -> None:
        self._ask("GET", f"{CONTROL}reset")

    def fail(self, times: int, kind: str = "", how: str = "503") -> None:
        """The next `times` requests of this kind, or of any, are answered 503 SlowDown or (`how="reset"`) cut off."""
        self._ask("GET", f"{CONTROL}fail?{urlencode({'times': times, 'kind': kind, 'how': how})}")

    def deny(self, kind: str) -> None:
        """Every request of this kind is answered 403 AccessDenied; an empty kind ends that."""
        self._ask("GET", f"{CONTROL}deny?{urlencode({'kind': kind})}")

    def _ask(self, method: str, path: str, seconds: float = 60) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request(method, path, headers={INSIDE: "1"})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        assert answer.status == 200, content
        return content


@contextlib.contextmanager
def s3_server() -> Iterator[S3Server]:
    """An endpoint for the length of a `with`, on a free port. Its objects are in the process's memory."""
    process = subprocess.Popen(
        [sys.executable, "-u", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **ENVIRONMENT},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = process.stdout.readline()
        assert port, "the endpoint did not start"
        yield S3Server(int(port))
    finally:
        process.stdin.close()  # the process ends with its input, also where this one is killed
        process.wait(timeout=30)


class _Endpoint:
    """moto's application behind a counter and the faults that were asked for."""

    def __init__(self, application) -> None:
        self.application = application
        self.counted: Counter[str] = Counter()
        self.failing = {"times": 0, "kind": "", "how": ""}
        self.denied = ""
        self.lock = threading.Lock()

    def __call__(self, environ, respond):
        path, query = environ["PATH_INFO"], environ.get("QUERY_STRING", "")
        if path.startswith(CONTROL):
            return self._control(path.removeprefix(CONTROL), parse_qs(query, keep_blank_values=True), respond)
        if "HTTP_X_LOOPBACK" in environ:
            return self.application(environ, respond)
        kind = "LIST" if environ["REQUEST_METHOD"] == "GET" and "list-type" in query else environ["REQUEST_METHOD"]
        with self.lock:
            self.counted[kind] += 1
            failing = self.failing["times"] > 0 and self.failing["kind"] in ("", kind)
            self.failing["times"] -= failing
        if kind == self.denied or "HTTP_AUTHORIZATION" not in environ:
            return _answer(respond, environ, "403 Forbidden", DENIED)
        if failing and self.failing["how"] == "reset":
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            return _answer(respond, environ, "500 Internal Server Error", b"")
        if failing:
            return _answer(respond, environ, "503 Slow Down", SLOW_DOWN)
        return self.application(environ, respond)

    def _control(self, word, options, respond):
        with self.lock:
            answer = json.dumps(self.counted).encode()
            if word == "reset":
                self.counted.clear()
            elif word == "fail":
                self.failing = {"times": int(options["times"][0]), "kind": options["kind"][0], "how": options["how"][0]}
            elif word == "deny":
                self.denied = options["kind"][0]
            elif word == "load":
                _load(*options["place"], *options["folder"])
            elif word == "empty":
                _backend().get_bucket(*options["bucket"]).keys.clear()
        respond("200 OK", [("Content-Length", str(len(answer)))])
        return [answer]


def _backend():
    """What moto keeps of this endpoint's account."""
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    return s3_backends[DEFAULT_ACCOUNT_ID]["aws"]


def _load(place: str, folder: str) -> None:
    backend, (bucket, _, prefix) = _backend(), place.partition("/")
    for path in Path(folder).rglob("*"):
        if path.is_file():
            backend.put_object(bucket, f"{prefix}/{path.relative_to(folder)}", path.read_bytes())
    look = type(backend).list_objects

    @functools.cache
    def listed(under: str | None, delimiter: str | None):
        return look(backend, backend.get_bucket(bucket), under, delimiter, None, None)

    def list_objects(asked, under, delimiter, marker, max_keys):
        if asked.name == bucket and marker is None and max_keys is None:
            return listed(under, delimiter)
        return look(backend, asked, under, delimiter, marker, max_keys)

    backend.list_objects = list_objects


def _answer(respond, environ, status: str, content: bytes):
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    content = b"" if environ["REQUEST_METHOD"] == "HEAD" else content
    respond(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(content)))])
    return [content]


def serve() -> None:
    """The process: prints its port, and serves until its input ends."""
    import logging

    from moto.server import create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    endpoint = _Endpoint(create_backend_app("s3"))
    server = make_server("127.0.0.1", 0, endpoint, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    serve()
