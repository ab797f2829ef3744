"""Where a store is: a patient file system behind its address, and its address without the secrets in it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pyarrow as pa
from pyarrow import fs

# A request to S3 that fails for a passing reason is sent again after waits that double and are shortened at random, so that thousands
# of workers do not come back together. An endpoint that is down is given up after 10 to 20 s, a mute one after 30 to 40 s.
ATTEMPTS = 6
CONNECT_SECONDS = 5.0
# Requests to an object store under way at a time: each waits for the network far longer than it computes.
AT_ONCE = 32
_SWITCHES = (
    "allow_bucket_creation",
    "allow_bucket_deletion",
    "check_directory_existence_before_creation",
    "force_virtual_addressing",
)
_HARMLESS = {*_SWITCHES, "scheme", "endpoint_override", "region", "tls_ca_file_path", "allow_delayed_open"}


def patient(system: fs.FileSystem, address: str) -> fs.FileSystem:
    """The file system that Arrow made of a URI; of S3 the same with backoff, and with one PUT for a small object instead of three.

    Arrow takes neither from a URI. What the URI may say, it has checked already.
    """
    if not isinstance(system, fs.S3FileSystem):
        return system
    if pa.io_thread_count() < AT_ONCE:
        pa.set_io_thread_count(AT_ONCE)
    parts = urlsplit(address)
    said = dict(parse_qsl(parts.query))
    options: dict[str, Any] = {
        name: said[name] for name in ("scheme", "endpoint_override", "tls_ca_file_path") if name in said
    }
    options |= {name: said[name] in ("true", "1") for name in _SWITCHES if name in said}
    if parts.username and parts.password:
        options |= {"access_key": unquote(parts.username), "secret_key": unquote(parts.password)}
    return fs.S3FileSystem(
        region=system.region,
        allow_delayed_open=True,
        connect_timeout=CONNECT_SECONDS,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        **options,
    )


def shown(address: str) -> str:
    """An address for people, logs and files: without what stands before an @, and without query values that may be secret."""
    if "://" not in address:
        return address
    scheme, _, rest = address.partition("://")
    place, mark, query = rest.partition("?")
    before, at, host = place.rpartition("@")
    if at:
        container, colon, _ = before.partition(":")  # abfss names its container there
        hidden = f"{container}:***" if colon else container
        place = f"***@{host}" if scheme.startswith("s3") else f"{hidden}@{host}"
    said = []
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        said.append(f"{name}{equals}{value if name in _HARMLESS else '***'}" if equals else part)
    return f"{scheme}://{place}{mark}{'&'.join(said)}"
