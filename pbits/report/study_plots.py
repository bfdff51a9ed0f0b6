"""Accuracy and likelihood of a study against its knob, with error bars over chips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from pbits.report.plots import COLOURS, MARKERS, styled

_SERIES = (
    (("ideal", "ideal machine"), ("accuracy", "as it comes"), ("trained", "trained on the chip")),
    (("likelihood", "as it comes"), ("trained_likelihood", "trained on the chip")),
)
_NAMES = ("accuracy", "log-likelihood / nats")


def study_figure(document: Mapping[str, Any]) -> Figure:
    """Draw what `pbits.learning.Study.to_dict()` returns."""
    means, knob = document["means"], document["knob"]
    panels = [
        (name, [(key, label) for key, label in series if all(line[key] is not None for line in means)])
        for name, series in zip(_NAMES, _SERIES)
    ]
    panels = [(name, series) for name, series in panels if series]
    values = [line[knob] for line in means]
    numeric = all(isinstance(value, int | float) for value in values)
    at = values if numeric else list(range(len(values)))
    with styled():
        figure = Figure(figsize=(4.7 * len(panels), 3.1), layout="constrained")
        for axes, (name, series) in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels):
            for k, (key, label) in enumerate(series):
                mean = [line[key]["mean"] for line in means]
                reach = [line[key]["interval"][1] - m if line[key]["interval"] else 0 for line, m in zip(means, mean)]
                axes.errorbar(at, mean, yerr=reach, color=COLOURS[k], marker=MARKERS[k], ms=4, capsize=2, label=label)
            axes.set(xlabel=knob, ylabel=name)
            if not numeric:
                axes.set_xticks(at, [str(value) for value in values])
            axes.legend()
    return figure
