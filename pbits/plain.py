"""Values as JSON knows them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """The value as JSON knows it: arrays and tuples become lists, keys text, NaN and infinities None.

    Raises
    ------
    TypeError
        For a value that has no counterpart.

    Examples
    --------
    >>> plain({1: np.array([1.0, np.nan]), "pair": (np.int8(2), True)})
    {'1': [1.0, None], 'pair': [2, True]}
    """
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    raise TypeError(f"a {type(value).__name__} has no counterpart in JSON; give numbers, text, lists or mappings")
