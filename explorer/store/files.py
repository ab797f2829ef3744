"""Files of a store on any file system that Arrow knows; a file becomes visible whole or not at all."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from explorer.errors import StoreError
from explorer.store.addresses import AT_ONCE, patient, shown
from explorer.store.seal import sealed

TEMPORARY = ".tmp-"
STALE_AFTER_SECONDS = 3600
# What Arrow says, and does not try again, where an error's text is longer than the object that was asked for.
NOT_TRIED_AGAIN = "Failed to flush response stream"
READ_WAITS = (0.2, 0.8, 3.2)

T = TypeVar("T")
R = TypeVar("R")


class Unreachable(StoreError):
    """A disk or an endpoint refused or did not answer, at the end of all attempts: asking for something else is no use."""


class Files:
    """The files below one root: a local directory, or an object-store prefix such as s3://bucket/study.

    `address` is what was given; `name` is the same without secrets, for people.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.address = str(root)
        self.name = shown(self.address)
        try:
            if "://" in self.address:
                system, self.root = fs.FileSystem.from_uri(self.address)
                self.system = patient(system, self.address)
            else:
                self.system, self.root = fs.LocalFileSystem(), os.path.abspath(self.address)
        except (pa.ArrowException, OSError) as error:
            said = str(error).replace(self.address, self.name)
            raise StoreError(f"{self.name}: cannot be opened as a store: {said}") from None
        if not self.root:
            raise StoreError(f"{self.name}: found no place after ://, expected a bucket and a prefix.")
        self.local = isinstance(self.system, fs.LocalFileSystem)

    def path(self, relative: str) -> str:
        return f"{self.root}/{relative}"

    @contextlib.contextmanager
    def _reaching(self, path: str, what: str) -> Iterator[None]:
        """A disk or an endpoint that refuses or does not answer, as Unreachable; FileNotFoundError passes."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            advice = "" if self.local else "; expected an endpoint that answers and credentials that may do this"
            raise Unreachable(f"{path}: could not be {what}: {error}{advice}") from error

    def exists(self, relative: str) -> bool:
        with self._reaching(self.path(relative), "looked for"):
            return self.system.get_file_info(self.path(relative)).type != fs.FileType.NotFound

    def bucket_missing(self) -> bool:
        """Whether an object store says that there is not even the bucket."""
        try:
            bucket = self.root.split("/")[0]
            return self.system.type_name in ("s3", "gcs") and (
                self.system.get_file_info(bucket).type == fs.FileType.NotFound
            )
        except OSError:
            return False  # it does not say

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
            with self._reaching(self.path(folder), "listed"):
                listed = self.system.get_file_info(selector)
            found = (info for info in listed if info.type == fs.FileType.File)
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
        """All of a file, by its full path: on S3 two requests. FileNotFoundError passes."""
        with self._reaching(path, "read"):
            for wait in READ_WAITS:
                try:
                    return self._read(path)
                except OSError as error:
                    if NOT_TRIED_AGAIN not in str(error):
                        raise
                    time.sleep(wait)
            return self._read(path)

    def _read(self, path: str) -> bytes:
        with self.system.open_input_stream(path) as stream:
            return stream.read()

    def tail(self, path: str, length: int) -> bytes:
        """The last bytes of a file, at most so many, by its full path. FileNotFoundError passes."""
        with self._reaching(path, "read"), self.system.open_input_file(path) as file:
            file.seek(max(0, file.size() - length))
            return file.read()

    def read_all(self, paths: Sequence[str]) -> list[bytes]:
        """All of each of these files, from an object store many at a time."""
        return self.each(self.read, paths)

    def each(self, work: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """What `work` makes of each, in order; on an object store, where it waits for answers, many at a time."""
        if self.local or len(items) < 2:
            return [work(item) for item in items]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(work, items))

    def publish(self, relative: str, content: bytes | pa.Buffer) -> None:
        """Make a file visible in one step: temp + fsync + rename on a disk, one PUT elsewhere."""
        try:
            if self.local:
                self._publish_local(Path(self.path(relative)), content)
            else:
                # In a thread that no Ctrl-C reaches: a stream that is closed before all is written publishes what there is.
                with ThreadPoolExecutor(1) as apart:
                    apart.submit(self._put, self.path(relative), content).result()
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
