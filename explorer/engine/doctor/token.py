"""Whether Ray asks for a token, and who can read it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from explorer.engine.access import readable_by_others, token_file
from explorer.engine.doctor.base import Asked, Finding, Status, checks

MAKE = "ray get-auth-token --generate && chmod 600 ~/.ray/auth_token, and the same file on every node"


@checks.register("token")
def token(asked: Asked) -> Sequence[Finding]:
    """RAY_AUTH_MODE and the token are set as the run needs them, and the token's file is its user's alone."""
    mode = os.environ.get("RAY_AUTH_MODE", "").lower()
    place = token_file()
    there = bool(os.environ.get("RAY_AUTH_TOKEN")) or place.is_file()
    if mode == "disabled":
        return [
            Finding(
                "token",
                Status.PROBLEM,
                "RAY_AUTH_MODE=disabled: Ray takes commands from whoever reaches it",
                "unset RAY_AUTH_MODE",
            )
        ]
    if not os.environ.get("RAY_AUTH_TOKEN") and there and readable_by_others(place):
        mode_bits = oct(place.stat().st_mode & 0o777).removeprefix("0o")
        found = f"{place} has mode 0{mode_bits}: other users of this machine can read it"
        return [Finding("token", Status.PROBLEM, found, f"chmod 600 {place}")]
    where = "RAY_AUTH_TOKEN" if os.environ.get("RAY_AUTH_TOKEN") else f"{place}"
    if asked.address is None:
        found = f"in {where}" if there else f"none yet; a run makes one in {place}"
        return [Finding("token", Status.OK, f"token authentication, {found}")]
    if not there:
        return [Finding("token", Status.PROBLEM, f"no token: neither RAY_AUTH_TOKEN nor {place}", MAKE)]
    if mode != "token" and asked.address != "auto":
        found = f"RAY_AUTH_MODE is not set: Ray does not send the token of {where} to {asked.address}"
        return [Finding("token", Status.WARNING, found, "export RAY_AUTH_MODE=token")]
    return [Finding("token", Status.OK, f"token authentication, in {where}")]
