"""Pictures of machines that learn: curves, what hidden units look at, and rows of images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from pbits.report.plots import COLOURS, MARKERS, styled

_SCORES = {
    "likelihood": "log-likelihood / nats",
    "estimated-likelihood": "estimated log-likelihood / nats",
    "pseudo-likelihood": "log pseudo-likelihood / nats",
    "accuracy": "accuracy",
}
_TILE, _MOST_COLUMNS = 0.62, 16


def learning_curves(documents: Mapping[str, Any] | Sequence[Mapping[str, Any]], names: Sequence[str] = ()) -> Figure:
    """Scores and reconstruction errors by epoch, of one training or of several side by side.

    Parameters
    ----------
    documents : mapping, or sequence of mappings
        What `pbits.learning.Trained.to_dict()` returns.
    names : sequence of str
        Of the trainings, for the legend.

    Raises
    ------
    ValueError
        For no document, or another number of names.
    """
    rows = [documents] if isinstance(documents, Mapping) else list(documents)
    if not rows or (names and len(names) != len(rows)):
        raise ValueError(
            f"{len(rows)} trainings and {len(names)} names; give at least one, and a name for each or none"
        )
    scored = [row for row in rows if row["scores"]]
    rebuilt = [
        row for row in rows if any(value is not None and math.isfinite(value) for value in row["reconstruction"])
    ]
    panels = [bool(scored), bool(rebuilt)]
    with styled():
        figure = Figure(figsize=(4.2 * max(1, sum(panels)), 3.0), layout="constrained")
        grid = iter(np.atleast_1d(figure.subplots(1, max(1, sum(panels)))))
        for wanted, key in zip(panels, ("scores", "reconstruction")):
            if not wanted:
                continue
            axes = next(grid)
            for k, row in enumerate(rows):
                at = row["looked_at"] if key == "scores" else np.arange(1, row["epochs"] + 1)
                if not len(row[key]):
                    continue
                marker = MARKERS[k % len(MARKERS)] if key == "scores" else None
                label = names[k] if names else None
                axes.plot(at, row[key], color=COLOURS[k % len(COLOURS)], marker=marker, ms=3, lw=1.2, label=label)
            monitors = sorted({_SCORES.get(str(row["monitor"]), "score") for row in scored})
            axes.set(xlabel="epoch", ylabel=", ".join(monitors) if key == "scores" else "reconstruction error")
            if names:
                axes.legend()
        if not any(panels):
            axes = next(grid)
            axes.text(0.5, 0.5, "nothing was looked at: set monitor", ha="center", va="center")
            axes.set_axis_off()
    return figure


def receptive_fields(weights: ArrayLike, shape: tuple[int, int], count: int = 64) -> Figure:
    """What the hidden units with the largest weights look at.

    Parameters
    ----------
    weights : (visible, hidden) array
    shape : (rows, columns)
        Of an image; their product is `visible`.
    count : int
        Units at most.

    Raises
    ------
    ValueError
        For a shape that is not that of a column of weights.
    """
    W = np.asarray(weights, dtype=np.float64)
    if W.ndim != 2 or math.prod(shape) != W.shape[0]:
        raise ValueError(f"weights have shape {W.shape}; images of {shape} need ({math.prod(shape)}, hidden)")
    order = np.argsort(-np.abs(W).sum(axis=0))[:count]
    reach = float(np.abs(W[:, order]).max()) or 1.0
    return _tiles([W[:, unit].reshape(shape) for unit in order], "RdBu_r", reach)


def image_grid(
    rows: Mapping[str, ArrayLike] | ArrayLike, shape: tuple[int, int], captions: Sequence[str] = ()
) -> Figure:  # fmt: skip
    """Rows of images, such as test images, what was known of them, and what a machine made of it.

    Parameters
    ----------
    rows : mapping of name to (k, pixels) array, or (k, pixels) array
        Spins or means, from −1 (white) to +1 (black).
    shape : (rows, columns)
        Of an image.
    captions : sequence of str
        Of the columns.

    Raises
    ------
    ValueError
        For images of another shape, or rows of different lengths.
    """
    named = dict(rows) if isinstance(rows, Mapping) else {"": rows}
    images: dict[str, NDArray[np.float64]] = {name: np.asarray(part, dtype=np.float64) for name, part in named.items()}
    sizes = {part.shape for part in images.values()}
    if len(sizes) != 1 or next(iter(sizes))[1:] != (math.prod(shape),):
        raise ValueError(f"rows have shapes {sorted(sizes)}; each must be (k, {math.prod(shape)}), k alike")
    width = next(iter(sizes))[0]
    if captions and len(captions) != width:
        raise ValueError(f"{len(captions)} captions for {width} columns; give one for each or none")
    with styled():
        figure = Figure(figsize=(_TILE * width + 1.0, _TILE * len(images) + 0.3), layout="constrained")
        grid = np.reshape(figure.subplots(len(images), width, squeeze=False), (len(images), width))
        for line, (name, part) in zip(grid, images.items()):
            for axes, image in zip(line, part):
                axes.imshow(image.reshape(shape), cmap="Greys", vmin=-1, vmax=1, interpolation="nearest")
                axes.set(xticks=[], yticks=[])
            line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
        for axes, caption in zip(grid[0], captions):
            axes.set_title(caption, fontsize=8)
    return figure


def _tiles(images: Sequence[NDArray[np.float64]], colours: str, reach: float) -> Figure:
    columns = min(_MOST_COLUMNS, max(1, math.ceil(math.sqrt(len(images)))))
    rows = -(-len(images) // columns)
    with styled():
        figure = Figure(figsize=(_TILE * columns, _TILE * rows), layout="constrained")
        for axes, image in zip(np.ravel(figure.subplots(rows, columns, squeeze=False)), images):
            axes.imshow(image, cmap=colours, vmin=-reach, vmax=reach, interpolation="nearest")
        for axes in figure.axes:
            axes.set_axis_off()
    return figure
