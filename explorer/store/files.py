"""Files of a store on any file system that Arrow knows; a file becomes visible whole or not at all."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from explorer.errors import StoreError
from explorer.store.seal import sealed

TEMPORARY = ".tmp-"
STALE_AFTER_SECONDS = 3600


class Files:
    """The files below one root: a local directory, or an object-store prefix such as s3://bucket/study."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.name = str(root)
        try:
            if "://" in self.name:
                self.system, self.root = fs.FileSystem.from_uri(self.name)
            else:
                self.system, self.root = fs.LocalFileSystem(), os.path.abspath(self.name)
        except (pa.ArrowInvalid, OSError) as error:
            raise StoreError(f"{self.name}: cannot be opened as a store: {error}") from error
        if not self.root:
            raise StoreError(f"{self.name}: found no place after ://, expected a bucket and a prefix.")
        self.local = isinstance(self.system, fs.LocalFileSystem)

    def path(self, relative: str) -> str:
        return f"{self.root}/{relative}"

    def exists(self, relative: str) -> bool:
        return self.system.get_file_info(self.path(relative)).type != fs.FileType.NotFound

    def listing(self, folder: str, suffix: str) -> list[str]:
        """Full paths of the visible files of a folder that end in `suffix`, sorted."""
        if self.local:
            return sorted(entry.path for entry in self._entries(folder, suffix))
        return sorted(self.modified(folder, suffix))

    def _entries(self, folder: str, suffix: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.path(folder)) as entries:
                chosen = [entry for entry in entries if entry.name.endswith(suffix) and entry.is_file()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [entry for entry in chosen if not entry.name.startswith(TEMPORARY)]

    def modified(self, folder: str, suffix: str) -> dict[str, float]:
        """When each file of `listing` was last written, in seconds since 1970 by the file system's clock."""
        if not self.local:
            selector = fs.FileSelector(self.path(folder), allow_not_found=True)
            found = (info for info in self.system.get_file_info(selector) if info.type == fs.FileType.File)
            chosen = (f for f in found if f.base_name.endswith(suffix) and not f.base_name.startswith(TEMPORARY))
            return {f.path: (f.mtime_ns or 0) / 1e9 for f in chosen}
        when: dict[str, float] = {}
        for entry in self._entries(folder, suffix):
            with contextlib.suppress(FileNotFoundError):  # another compact's work
                when[entry.path] = entry.stat().st_mtime
        return when

    def remove(self, path: str) -> None:
        """Delete a file, by its full path; harmless where it is gone already."""
        try:
            self.system.delete_file(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(f"{path}: could not be deleted: {error}") from error

    def read(self, path: str) -> bytes:
        with self.system.open_input_stream(path) as stream:
            return stream.read()

    def publish(self, relative: str, content: bytes | pa.Buffer) -> None:
        """Make a file visible in one step: temp + fsync + rename on a disk, one PUT elsewhere."""
        try:
            if self.local:
                self._publish_local(Path(self.path(relative)), content)
            else:
                self._put(self.path(relative), content)
        except OSError as error:
            raise StoreError(f"{self.path(relative)}: could not be written: {error}") from error

    def _put(self, path: str, content: bytes | pa.Buffer) -> None:
        try:
            stream = self.system.open_output_stream(path)
        except FileNotFoundError:  # a file system with real folders, unlike S3
            self.system.create_dir(os.path.dirname(path), recursive=True)
            stream = self.system.open_output_stream(path)
        with stream:
            stream.write(content)

    @staticmethod
    def _publish_local(path: Path, content: bytes | pa.Buffer) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f"{TEMPORARY}{uuid.uuid4().hex}"
        try:
            with open(temporary, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def publish_table(self, relative: str, table: pa.Table) -> int:
        """Serialise to memory first: a failing stream would leave half an object behind. Returns the bytes written."""
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
        content = sealed(sink.getvalue())
        self.publish(relative, content)
        return len(content)

    def remove_stale(self, folder: str) -> None:
        """Delete what writers that were killed left unfinished, once it is an hour old."""
        if not self.local:
            return
        for path in Path(self.path(folder)).glob(f"{TEMPORARY}*"):
            try:
                if time.time() - path.stat().st_mtime > STALE_AFTER_SECONDS:
                    path.unlink()
            except OSError:
                continue
