"""A Ray that is up before the clock starts, quiet, and stopped afterwards."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

QUIET = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}


@contextlib.contextmanager
def session(cpus: int) -> Iterator[None]:
    """Ray on this machine alone, with this many CPUs."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    import ray

    ray.init(
        address="local", num_cpus=cpus, include_dashboard=False, log_to_driver=False, logging_level="ERROR",
        object_store_memory=256 * 2**20,
    )  # fmt: skip
    try:
        yield
    finally:
        ray.shutdown()
