"""Values as JSON knows them."""

import math

import numpy as np
import pytest

from pbits.plain import plain


def test_plain_turns_everything_into_json_values():
    given_ = {
        1: np.arange(4, dtype=np.int8).reshape(2, 2),
        "x": (np.float64(np.nan), math.inf, np.bool_(True)),
    }
    assert plain(given_) == {"1": [[0, 1], [2, 3]], "x": [None, None, True]}


def test_plain_refuses_what_has_no_counterpart():
    with pytest.raises(TypeError, match="set has no counterpart"):
        plain({"a": {1, 2}})
