"""Ray and Tune."""

from __future__ import annotations

from collections.abc import Sequence

from explorer.engine.doctor.base import INSTALL, Asked, Finding, Status, checks

OLDEST = (2, 40)
OLDEST_WITH_TOKENS = (2, 52)


@checks.register("ray")
def ray(asked: Asked) -> Sequence[Finding]:
    """Ray with Tune is installed, and knows tokens."""
    try:
        import ray
        from ray import tune  # noqa: F401
    except ImportError as error:
        return [Finding("ray", Status.PROBLEM, f"cannot be imported: {error}", f"to train here: {INSTALL}")]
    version = tuple(int(part) for part in ray.__version__.split(".")[:2])
    if version < OLDEST:
        mend = f"{INSTALL} -c constraints.txt, on every node"
        return [Finding("ray", Status.PROBLEM, f"Ray {ray.__version__}, older than 2.40", mend)]
    if version < OLDEST_WITH_TOKENS:
        mend = "Ray 2.52 or newer, before a cluster is started"
        return [Finding("ray", Status.WARNING, f"Ray {ray.__version__} knows no tokens: a cluster of it is open", mend)]
    return [Finding("ray", Status.OK, f"Ray {ray.__version__} with Tune")]
