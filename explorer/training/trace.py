"""The memory of a function, from one call on the meta device: what it computes, and which of its tensors live at the same time."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_aten = torch.ops.aten
# Work of libraries: it reads and writes memory. The compiler makes loops of the rest, in which values need no memory.
CONVOLUTIONS = {_aten.convolution, _aten.convolution_backward}
LIBRARY = {
    _aten.mm, _aten.bmm, _aten.addmm, _aten.baddbmm, _aten._linalg_solve_ex, _aten.linalg_qr, *CONVOLUTIONS,
}  # fmt: skip
SCATTERS = {_aten.index_put, _aten._index_put_impl, _aten.scatter, _aten.scatter_add}


class _Operation(NamedTuple):
    """One call: the storages it reads and writes, and what becomes of it in compiled code."""

    reads: frozenset[int]
    writes: frozenset[int]
    library: bool
    convolution: bool
    materialises: bool
    mutates: bool


class _Recorder(TorchDispatchMode):
    """Notes every operation, and the peak of the bytes that are alive as it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[_Operation] = []
        self.sizes: list[int] = []
        self.peak = self._live = 0
        self._numbers: dict[int, int] = {}
        self._watched: dict[int, weakref.ref[Any]] = {}

    def number(self, tensor: Tensor, counts: bool = True) -> int:
        """The storage of a tensor by a number of its own."""
        storage = tensor.untyped_storage()
        address = storage._cdata
        if address not in self._numbers:
            size = storage.nbytes()
            self._numbers[address] = len(self.sizes)
            self.sizes.append(size)
            self._live += size if counts else 0
            self.peak = max(self.peak, self._live)
            self._watched[address] = weakref.ref(storage, lambda _: self._forget(address, size if counts else 0))
        return self._numbers[address]

    def _forget(self, address: int, size: int) -> None:
        del self._numbers[address], self._watched[address]
        self._live -= size

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        reads = frozenset(self.number(value) for value in _tensors((args, kwargs)))
        returned = frozenset(self.number(value) for value in _tensors(result))
        mutates = func._schema.is_mutable
        if mutates or not returned <= reads:
            packet = func.overloadpacket
            materialises = packet in LIBRARY or packet in SCATTERS or torch.Tag.reduction in func.tags
            changes = mutates and returned <= reads
            self.operations.append(
                _Operation(reads, returned - reads, packet in LIBRARY, packet in CONVOLUTIONS, materialises, changes)
            )
        return result


def _tensors(tree: Any) -> Iterable[Tensor]:
    return (leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor))


def peak_bytes(function: Callable[..., Any], *arguments: Any, compiled: bool = True) -> int:
    """The most bytes that a call makes live at the same time, its results among them and its arguments not.

    Uncompiled, every result of an operation is a tensor. Compiled, only what a matrix product or a convolution reads or
    writes, what a reduction writes, and the results of the whole; loops compute the rest where it is needed.
    """
    with _Recorder() as recorder:
        given = {recorder.number(value, counts=False) for value in _tensors(arguments)}
        results = {recorder.number(value) for value in _tensors(function(*arguments))}
    return _compiled_peak(recorder, given, results - given) if compiled else recorder.peak


def _compiled_peak(recorder: _Recorder, given: Collection[int], results: Collection[int]) -> int:
    operations = recorder.operations
    held, copied = {*given, *results}, _copied(operations, given)
    for operation in operations:
        held |= operation.writes if operation.materialises else frozenset()
        held |= operation.reads if operation.library else frozenset()
    sizes = [2 * size if value in copied else size for value, size in enumerate(recorder.sizes)]
    born, last = _lifetimes(operations, held)
    ends: dict[int, list[int]] = {}
    for value in born:
        if value not in results:
            ends.setdefault(max(last.get(value, 0), born[value]), []).append(value)
    live = peak = 0
    for at, operation in enumerate(operations):
        freed = sum(sizes[value] for value in ends.get(at, ()) if born[value] < at)
        made = sum(sizes[value] for value in operation.writes if born.get(value) == at)
        # A loop may write where it has read for the last time; a library, or a loop that changes the order of axes, may not.
        in_place = not operation.library and not operation.writes & copied
        peak = max(peak, live + made - (freed if in_place else 0))
        live += made - sum(sizes[value] for value in ends.get(at, ()))
    return peak


def _copied(operations: Iterable[_Operation], given: Collection[int]) -> frozenset[int]:
    """Results of loops that convolutions read: of a copy, in another order of axes."""
    by_libraries = frozenset().union(*(operation.writes for operation in operations if operation.library))
    read = frozenset().union(*(operation.reads for operation in operations if operation.convolution))
    return read - by_libraries - frozenset(given)


def _lifetimes(operations: Iterable[_Operation], held: Collection[int]) -> tuple[dict[int, int], dict[int, int]]:
    """The operations at which held values are made and read last; what is not held is made where it is read."""
    sources: dict[int, frozenset[int]] = {value: frozenset([value]) for value in held}
    born: dict[int, int] = {}
    last: dict[int, int] = {}
    for at, operation in enumerate(operations):
        read = frozenset().union(*(sources.get(value, frozenset()) for value in operation.reads))
        for value in operation.writes:
            if value in held:
                born.setdefault(value, at)
            else:
                sources[value] = read
        if operation.mutates or operation.writes & set(held):
            last.update(dict.fromkeys(read, at))
    return born, last
