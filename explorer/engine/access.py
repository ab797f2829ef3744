"""Keeping an embedded Ray to its user: ports on loopback alone, a token that nobody else can read, a directory of its own."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Ray's name for: may this machine be a node of a cluster? No by default on macOS and Windows, where Ray then keeps to loopback.
JOINS_CLUSTERS = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"


def token_file() -> Path:
    """Where Ray looks for the token where RAY_AUTH_TOKEN is not set: $RAY_AUTH_TOKEN_PATH, or ~/.ray/auth_token."""
    given = os.environ.get("RAY_AUTH_TOKEN_PATH")
    return Path(given) if given else Path.home() / ".ray" / "auth_token"


def readable_by_others(path: Path) -> bool:
    """Whether the mode of a file lets its group or everybody read or write it."""
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def keep_token_private() -> None:
    """Make the token that Ray would make with the umask's mode, with mode 0600; an existing file of this user gets that mode.

    Where there is no writable home, the token is this process's own, in RAY_AUTH_TOKEN.
    """
    if os.environ.get("RAY_AUTH_TOKEN"):
        return
    place = token_file()
    try:
        if not os.environ.get("RAY_AUTH_TOKEN_PATH"):
            _make_token(place)
        if readable_by_others(place):
            place.chmod(0o600)
    except OSError:
        if not os.access(place, os.R_OK):
            os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _make_token(place: Path) -> None:
    """Whole or not at all, and never over another process's."""
    if place.exists():
        return
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(dir=place.parent, prefix=".auth_token-")
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):
            os.link(made, place)
    finally:
        os.unlink(made)


@contextlib.contextmanager
def on_loopback() -> Iterator[None]:
    """Ray that starts meanwhile binds its ports to loopback; on Linux, otherwise, to all interfaces whatever address it is given."""
    from ray._private import ray_constants

    joins, written = ray_constants.ENABLE_RAY_CLUSTER, os.environ.get(JOINS_CLUSTERS)
    ray_constants.ENABLE_RAY_CLUSTER, os.environ[JOINS_CLUSTERS] = False, "0"
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = joins
        if written is None:
            del os.environ[JOINS_CLUSTERS]
        else:
            os.environ[JOINS_CLUSTERS] = written


@contextlib.contextmanager
def own_directory() -> Iterator[str]:
    """A directory for Ray's sessions inside one of mode 0700; removed afterwards. Ray lets anybody write into its own.

    Below $RAY_TMPDIR or /tmp, and not $TMPDIR: the paths of sockets have no more than about 100 characters.
    """
    made = tempfile.mkdtemp(prefix="explorer-ray-", dir=os.environ.get("RAY_TMPDIR") or "/tmp")
    try:
        yield f"{made}/r"
    finally:
        shutil.rmtree(made, ignore_errors=True)
