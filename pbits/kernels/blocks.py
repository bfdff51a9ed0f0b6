"""Chains split into blocks, one thread a block."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def threads() -> int:
    """Worker threads: PBITS_THREADS where it is set, else every processor this process may use."""
    wanted = os.environ.get("PBITS_THREADS")
    if wanted is not None:
        if not wanted.isdecimal() or int(wanted) < 1:
            raise ValueError(f"PBITS_THREADS is {wanted!r}; it must be a whole number of at least 1")
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def chain_blocks(chains: int, size: int) -> list[slice]:
    """Slices of `size` chains, the last one shorter; the size is the layout's and not the host's."""
    return [slice(start, min(start + size, chains)) for start in range(0, chains, size)]


class Pool:
    """Runs one function for each chain block, in threads where there is more than one worker.

    Block k is always the work of worker k % workers, so blocks of one worker may share what they write to.
    """

    def __init__(self, workers: int):
        self.workers = max(1, workers)
        self._executor = ThreadPoolExecutor(workers) if workers > 1 else None

    def map(self, function: Callable[[int], T], blocks: int) -> list[T]:
        if self._executor is None:
            return [function(block) for block in range(blocks)]

        def share(worker: int) -> list[T]:
            return [function(block) for block in range(worker, blocks, self.workers)]

        shares = list(self._executor.map(share, range(self.workers)))
        return [shares[block % self.workers][block // self.workers] for block in range(blocks)]

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        if self._executor is not None:
            self._executor.shutdown()
