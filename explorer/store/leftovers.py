"""What packs leave in a store to go on from, and how long it stays."""

from __future__ import annotations

import time

from explorer.store.files import Files

FOLDER = "checkpoints"
# A pack in training writes its checkpoint again and again: what has not been written for so long, nobody goes on with.
KEPT_SECONDS = 30 * 86400.0


def remove_forgotten(files: Files) -> int:
    """Delete what was last written in the folder of checkpoints more than `KEPT_SECONDS` ago, whatever it is; how many that were.

    Where its cells are still asked for, they are trained from the beginning. Raises StoreError where it cannot be deleted.
    """
    latest = time.time() - KEPT_SECONDS
    forgotten = [path for path, written in files.modified(FOLDER, "").items() if written < latest]
    files.each(files.remove, forgotten)
    return len(forgotten)
