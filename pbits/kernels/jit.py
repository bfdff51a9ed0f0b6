"""The one decorator of compiled code: cached on disk, and never stale.

numba keys its cache on the file that holds the outer function, so a caller would keep the old machine code of
a callee that was edited in another file. Here the stamp is the digest of all kernel sources.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile


@cache
def sources_digest(folder: Path) -> str:
    """SHA-256 over every Python file in a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


class _DigestCache(FunctionCache):
    def __init__(self, function: Callable[..., Any]):
        super().__init__(function)
        self._cache_file = IndexDataCacheFile(
            cache_path=self._cache_path,
            filename_base=self._impl.filename_base,
            source_stamp=(numba.__version__, sources_digest(Path(__file__).parent)),
        )


def kernel(function: Callable[..., Any]) -> Any:
    """Compile to machine code without the GIL; exact IEEE arithmetic (no fastmath)."""
    dispatcher = numba.njit(nogil=True)(function)
    if not numba.config.DISABLE_JIT:
        # Where no folder can be written (a locked-down container, say) each process compiles anew.
        with suppress(RuntimeError):
            dispatcher._cache = _DigestCache(function)
    return dispatcher


def inlined(function: Callable[..., Any]) -> Any:
    """A device function: compiled into each kernel that calls it."""
    return numba.njit(inline="always")(function)
