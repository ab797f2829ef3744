"""The C allocator of a process that trains."""

from __future__ import annotations

import ctypes
import functools
import platform

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
LARGEST_MMAP_THRESHOLD = 32 * 2**20
KEPT_BYTES = 2**30
PAD_BYTES = 16 * 2**20


@functools.cache
def keep_freed_memory() -> bool:
    """Let glibc keep up to 1 GiB of freed memory; returns whether it does.

    By default tensors of a few MiB go back to the system at every step, and every page of the next ones is fetched and
    zeroed again, which can double a step.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    wanted = {M_MMAP_THRESHOLD: LARGEST_MMAP_THRESHOLD, M_TRIM_THRESHOLD: KEPT_BYTES, M_TOP_PAD: PAD_BYTES}
    return all(mallopt(name, value) == 1 for name, value in wanted.items())
