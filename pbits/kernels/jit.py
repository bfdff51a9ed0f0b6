"""The one decorator of compiled code: cached on disk, and never stale.

numba keys its cache on the file that holds the outer function, so a caller would keep the old machine code of
a callee that was edited in another file. Here the stamp is the digest of a kernel's file and of all kernel files that
it imports, directly or not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile

KERNELS = Path(__file__).parent


@cache
def sources_digest(file: Path) -> str:
    """SHA-256 over a file and every file of its folder, or of the kernels, that it imports, directly or not."""
    found, waiting = set(), [file]
    while waiting:
        path = waiting.pop()
        if path not in found and path.is_file():
            found.add(path)
            waiting.extend(_imported(path))
    digest = hashlib.sha256()
    for path in sorted(found):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


_IMPORT = re.compile(r"^\s*(?:from\s+(\S+)\s+)?import\s+(\([^)]*\)|.*)", re.MULTILINE)


@cache
def _imported(path: Path) -> list[Path]:
    """Files that a Python file may import from: the last part of a module's name, and what is taken from it."""
    words = {word for line in _IMPORT.findall(path.read_text()) for word in re.findall(r"\w+", " ".join(line))}
    return [folder / f"{word}.py" for word in words for folder in {path.parent, KERNELS}]


class _DigestCache(FunctionCache):
    def __init__(self, function: Callable[..., Any]):
        super().__init__(function)
        self._cache_file = IndexDataCacheFile(
            cache_path=self._cache_path,
            filename_base=self._impl.filename_base,
            source_stamp=(
                numba.__version__,
                sources_digest(Path(function.__code__.co_filename)),
                self._impl.locator.get_source_stamp(),
            ),
        )


def kernel(function: Callable[..., Any]) -> Any:
    """Compile to machine code without the GIL; exact IEEE arithmetic (no fastmath)."""
    return _cached(numba.njit(nogil=True)(function), function)


def part(function: Callable[..., Any]) -> Any:
    """A kernel that only kernels call, compiled once for all of them.

    It goes without the wrappers for other callers, which often take longer to compile than itself.
    """
    return _cached(numba.njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function), function)


def _cached(dispatcher: Any, function: Callable[..., Any]) -> Any:
    if not numba.config.DISABLE_JIT:
        # Where no folder can be written (a locked-down container, say) each process compiles anew.
        with suppress(RuntimeError):
            dispatcher._cache = _DigestCache(function)
    return dispatcher


def inlined(function: Callable[..., Any]) -> Any:
    """A device function: compiled into each kernel that calls it."""
    return numba.njit(inline="always")(function)


def compiling() -> bool:
    """Whether kernels are compiled; NUMBA_DISABLE_JIT switches that off, for debugging."""
    return not numba.config.DISABLE_JIT


def vector_bits() -> int:
    """Width of the vectors that kernels are compiled to here: 512, 256, or 128 where neither is known of.

    The code is written in vectors of 512 bits, which the compiler splits where the processor's are narrower; that
    changes seconds and no draw. NUMBA_CPU_NAME and NUMBA_CPU_FEATURES override what the processor says of itself.
    """
    from llvmlite import binding

    forced = numba.config.CPU_FEATURES
    if numba.config.CPU_NAME and not forced and numba.config.CPU_NAME != "host":
        forced = {"haswell": "+avx2", "x86-64-v3": "+avx2", "x86-64-v4": "+avx512f"}.get(numba.config.CPU_NAME, "")
    features = forced if forced is not None else binding.get_host_cpu_features().flatten()
    return 512 if "+avx512f" in features else 256 if "+avx2" in features else 128
