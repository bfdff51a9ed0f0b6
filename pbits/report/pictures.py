"""Pictures of solutions: tours, images, estimates, graphs and grids, in pages and in files.

A picture is what `Problem.picture` returns: a mapping of JSON-ready values whose "kind" is a key of `PICTURES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from matplotlib.figure import Figure, FigureBase
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from scipy.sparse.linalg import eigsh

from pbits.report.plots import ALARM, COLOURS, FAINT, INK, MUTED, SMALL, floats, styled, svg

_MOST_NAMES = 30
_MOST_VERTICES = 300
_FILES = (".png", ".svg", ".pdf")


def to_svg(picture: Mapping[str, Any], key: str) -> str:
    """A picture for a page; `key` keeps the ids of several apart."""
    kind = PICTURES[picture["kind"]]
    with styled():
        figure = Figure(figsize=kind.size(picture), layout="constrained")
        return svg(figure, key, kind.draw(figure, picture))


def save(
    path: FilePath, picture: Mapping[str, Any] | None, history: Mapping[str, Any], landscape: Mapping[str, Any]
) -> None:
    """Write a picture of a solution, where there is one, of how it was reached, and of where chains ended.

    Parameters
    ----------
    path : Path
        Its suffix says the format.
    picture : mapping or None
    history : mapping
        {"title", "sweeps", "lowest", "median", "highest"}: energies over chains against sweeps.
    landscape : mapping
        {"distances", "energies", "of"}: of each draw, how far it is from the lowest, as a share `of` something.

    Raises
    ------
    ValueError
        For another suffix.
    """
    check_picture_file(path)
    with styled():
        shown = [] if picture is None else [PICTURES[picture["kind"]].size(picture)]
        # Of a long list or a narrow image the charts would else be strips.
        widths = [*(max(1.35 * width, 3.0) for width, _ in shown), 4.2, 2.8]
        height = max([3.4, *(1.35 * height for _, height in shown)])
        figure = Figure(figsize=(sum(widths), height), layout="constrained", dpi=150)
        figure.suptitle(history["title"], fontsize=9, x=0.01, ha="left")
        *left, middle, right = np.ravel(figure.subfigures(1, len(widths), squeeze=False, width_ratios=widths))
        for part in left:
            assert picture is not None, "it was given a place"
            PICTURES[picture["kind"]].draw(part, picture)
        _descent(middle, history)
        _landscape(right, landscape)
        figure.savefig(path, facecolor="white")


def check_picture_file(path: FilePath) -> None:
    """Refuse a file that is no picture."""
    if path.suffix.lower() not in _FILES:
        raise ValueError(f"{path} is no picture; give a file that ends in {', '.join(_FILES)}")


def _tour_size(picture: Mapping[str, Any]) -> tuple[float, float]:
    extent = np.ptp(np.array(picture["coordinates"], dtype=float).reshape(-1, 2), axis=0)
    return SMALL, SMALL * float(np.clip(extent[1] / (extent[0] or 1.0), 0.6, 1.3))


def _tour(figure: FigureBase, picture: Mapping[str, Any]) -> str:
    """Cities on the map, and the tour through them; a state that is no tour says so across the map."""
    points = np.array(picture["coordinates"], dtype=float).reshape(-1, 2)
    names = picture.get("names") or []
    feasible = bool(picture["feasible"])
    few = len(points) <= 200
    axes = figure.subplots()
    if picture["tour"]:
        closed = points[[*picture["tour"], picture["tour"][0]]]
        line = {"lw": 1.4 if few else max(0.15, 1.4 * (200 / len(points)) ** 0.5), "ls": "-" if feasible else ":"}
        axes.plot(*closed.T, color=COLOURS[0] if feasible else MUTED, **line)
    if few:
        axes.plot(*points.T, "o", color=INK if feasible else MUTED, ms=4)
    if 0 < len(names) <= _MOST_NAMES:
        for name, point, (right, up) in zip(names, points, _outwards(points)):
            axes.annotate(
                str(name),
                tuple(point),
                xytext=(4 if right else -4, 3 if up else -3),
                textcoords="offset points",
                ha="left" if right else "right",
                va="bottom" if up else "top",
                fontsize=8.5,
            )
    if not feasible:
        _across(axes, "INFEASIBLE")
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.2 if names else 0.03, 0.08 if names else 0.03)
    axes.set_axis_off()
    return picture.get("caption") or ("tour" if feasible else "infeasible tour")


def _images_size(picture: Mapping[str, Any]) -> tuple[float, float]:
    across = min(len(picture["panels"]), 4)
    return 1.25 * across, 1.45 * -(-len(picture["panels"]) // across)


def _images(figure: FigureBase, picture: Mapping[str, Any]) -> str:
    """Panels side by side: +1 is dark; other values than −1 and +1 in greys."""
    rows, columns = picture["shape"]
    panels = picture["panels"]
    across = min(len(panels), 4)
    grid = figure.subplots(-(-len(panels) // across), across, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, panel in zip(grid, panels):
        pixels = np.reshape(panel["values"], (rows, columns))
        if not (np.abs(pixels) == 1).all():
            widest = float(np.abs(pixels).max()) or 1.0
            axes.imshow(pixels, cmap="gray_r", vmin=-widest, vmax=widest, extent=(0, columns, rows, 0))
            axes.set_title(panel["label"], fontsize=8)
            continue
        squares = [_square(x, y) for y, x in zip(*np.nonzero(pixels > 0))]
        axes.add_patch(PathPatch(_square(0, 0, columns, rows), facecolor="#eef1f4", edgecolor="none"))
        if squares:
            dark = Path.make_compound_path(*squares)
            axes.add_patch(PathPatch(dark, facecolor=INK, edgecolor=INK, linewidth=0.2))
        axes.set_xlim(0, columns)
        axes.set_ylim(rows, 0)
        axes.set_aspect("equal")
        axes.set_title(panel["label"], fontsize=8)
    return ", ".join(panel["label"] for panel in panels)


def _estimate_size(picture: Mapping[str, Any]) -> tuple[float, float]:
    return SMALL, 1.1 + 0.21 * len(picture["labels"])


def _estimate(figure: FigureBase, picture: Mapping[str, Any]) -> str:
    """Sampled mean ± standard deviation on top of the exact ones."""
    labels = picture["labels"]
    places = np.arange(len(labels))
    axes = figure.subplots()
    if picture.get("exact_mean") is not None:
        axes.errorbar(
            floats(picture["exact_mean"]), places, xerr=_spread(picture.get("exact_sd")), fmt="|", ms=9,
            color=FAINT, mec=MUTED, elinewidth=7, capsize=0, label="exact ± sd", zorder=1,
        )  # fmt: skip
    axes.errorbar(
        floats(picture["mean"]), places, xerr=_spread(picture.get("sd")), fmt="o", ms=4,
        color=COLOURS[0], elinewidth=1.2, capsize=2, label="sampled ± sd", zorder=2,
    )  # fmt: skip
    axes.set_yticks(places, labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.axvline(0, color=FAINT, lw=0.8, zorder=0)
    figure.legend(loc="outside lower center", ncols=2)
    return "posterior means with standard deviations, sampled and exact"


def _graph_size(picture: Mapping[str, Any]) -> tuple[float, float]:
    return SMALL, SMALL


def _graph(figure: FigureBase, picture: Mapping[str, Any]) -> str:
    """Vertices by group, and edges: {"edges", "groups", "marked" (of edges, drawn in red), "caption", "labels"}.

    Groups are numbers, one a vertex. Of a large graph, whose vertices would hide each other, the adjacency matrix with
    the vertices ordered by group.
    """
    edges = np.array(picture["edges"], dtype=np.int64).reshape(-1, 2)
    groups = np.array(picture["groups"], dtype=np.int64)
    marked = np.array(picture.get("marked") or np.zeros(len(edges)), dtype=bool)
    axes = figure.subplots()
    if len(groups) > _MOST_VERTICES or len(edges) > 10 * _MOST_VERTICES:
        place = np.argsort(np.argsort(groups, kind="stable"))
        for chosen, colour in ((~marked, COLOURS[0]), (marked, ALARM)):
            both = np.concatenate([place[edges[chosen]], place[edges[chosen]][:, ::-1]])
            axes.plot(*both.T, ",", color=colour, alpha=0.6)
        for end in np.cumsum(np.bincount(groups))[:-1]:
            axes.axhline(end, color=INK, lw=0.7)
            axes.axvline(end, color=INK, lw=0.7)
        axes.set_xlim(0, len(groups))
        axes.set_ylim(len(groups), 0)
        axes.set_aspect("equal")
        axes.set_xticks([])
        axes.set_yticks([])
        return picture.get("caption") or "adjacency matrix, vertices by group"
    points = _spread_out(len(groups), edges)
    many = max(1.0, len(edges) / 100) ** 0.5
    for (i, j), red in zip(edges, marked):
        across = groups[i] != groups[j]
        style = {"color": ALARM if red else COLOURS[0] if across else FAINT, "zorder": 2 if red else 1}
        axes.plot(*points[[i, j]].T, lw=(1.2 if across or red else 0.7) / many, **style)
    size = 40 / max(1.0, len(groups) / 30) ** 0.8
    axes.scatter(*points.T, s=size, c=[COLOURS[g % len(COLOURS)] for g in groups], edgecolors=INK, lw=0.4, zorder=3)
    if len(picture.get("labels") or []) and len(groups) <= _MOST_NAMES:
        for label, point in zip(picture["labels"], points):
            axes.annotate(str(label), tuple(point), xytext=(4, 4), textcoords="offset points", fontsize=8)
    axes.set_aspect("equal")
    axes.set_axis_off()
    return picture.get("caption") or "graph, vertices coloured by group"


def _grid_size(picture: Mapping[str, Any]) -> tuple[float, float]:
    rows, columns = np.shape(picture["cells"])
    return max(SMALL, 0.26 * columns), max(SMALL, 0.26 * rows)


def _grid(figure: FigureBase, picture: Mapping[str, Any]) -> str:
    """Texts in cells: {"cells" (rows of texts), "given" and "wrong" (rows of booleans), "blocks" (rows, columns)}."""
    cells = picture["cells"]
    rows, columns = len(cells), len(cells[0])
    given = np.array(picture.get("given") or np.zeros((rows, columns)), dtype=bool)
    wrong = np.array(picture.get("wrong") or np.zeros((rows, columns)), dtype=bool)
    tall, broad = picture.get("blocks") or (rows, columns)
    axes = figure.subplots()
    for y in range(rows + 1):
        axes.plot([0, columns], [y, y], color=INK, lw=1.6 if y % tall == 0 else 0.4)
    for x in range(columns + 1):
        axes.plot([x, x], [0, rows], color=INK, lw=1.6 if x % broad == 0 else 0.4)
    size = min(12.0, 110 / max(rows, columns))
    for y in range(rows):
        for x in range(columns):
            colour = ALARM if wrong[y, x] else INK if given[y, x] else COLOURS[0]
            weight = "bold" if given[y, x] else "normal"
            text = {"ha": "center", "va": "center", "fontsize": size, "fontweight": weight}
            axes.text(x + 0.5, y + 0.52, str(cells[y][x]), color=colour, **text)
    axes.set_xlim(-0.05, columns + 0.05)
    axes.set_ylim(rows + 0.05, -0.05)
    axes.set_aspect("equal")
    axes.set_axis_off()
    return picture.get("caption") or "grid"


class _Kind(NamedTuple):
    """How one kind of picture is drawn: draw(figure, picture) tells in words what it shows."""

    draw: Callable[[FigureBase, Mapping[str, Any]], str]
    size: Callable[[Mapping[str, Any]], tuple[float, float]]


PICTURES = {
    "tour": _Kind(_tour, _tour_size),
    "images": _Kind(_images, _images_size),
    "estimate": _Kind(_estimate, _estimate_size),
    "graph": _Kind(_graph, _graph_size),
    "grid": _Kind(_grid, _grid_size),
}


def _descent(figure: FigureBase, history: Mapping[str, Any]) -> None:
    axes = figure.subplots()
    sweeps = history["sweeps"]
    axes.fill_between(sweeps, history["lowest"], history["highest"], color=COLOURS[0], alpha=0.18, lw=0)
    axes.plot(sweeps, history["median"], color=COLOURS[0], lw=1.4, label="median of the chains")
    axes.plot(sweeps, history["lowest"], color=INK, lw=0.8, ls=(0, (3, 2)), label="lowest, and range")
    axes.set_xlabel("sweeps")
    axes.set_ylabel("energy E(s)")
    axes.set_title("the way down", fontsize=9, loc="left")
    axes.grid(axis="y", color=FAINT, lw=0.5)
    axes.legend(loc="best")


def _landscape(figure: FigureBase, landscape: Mapping[str, Any]) -> None:
    axes = figure.subplots()
    axes.plot(landscape["distances"], landscape["energies"], "o", ms=3.5, alpha=0.5, color=COLOURS[1], mew=0)
    axes.set_xlabel(f"share of {landscape['of']}\nthat differ from the lowest")
    axes.set_title("where chains ended", fontsize=9, loc="left")
    axes.set_xlim(left=-0.02)
    axes.grid(color=FAINT, lw=0.5)


def _across(axes: Any, text: str) -> None:
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, color=ALARM, fontsize=17, rotation=20, ha="center", va="center",
        fontweight="bold", bbox={"boxstyle": "square,pad=0.25", "fc": "white", "ec": ALARM, "alpha": 0.85},
    )  # fmt: skip


def _spread_out(n: int, edges: np.ndarray) -> np.ndarray:
    """Places of vertices: on a circle where they are few, else by the two slowest modes of the Laplacian, (n, 2).

    K. M. Hall, "An r-dimensional quadratic placement algorithm", Management Science 17, 219 (1970).
    """
    angle = 2 * np.pi * np.arange(n) / n
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    if n < 8:
        return circle
    ones = np.ones(len(edges))
    half: Any = sp.coo_array((ones, (edges[:, 0], edges[:, 1])), shape=(n, n))
    both = (half + half.T).tocsr()
    both.data[:] = 1.0
    degree = np.asarray(both.sum(axis=1)).ravel()
    laplacian = sp.diags_array(degree + 1e-3).tocsr() - both
    start = np.random.default_rng(0).random(n)
    if n < 60:
        modes = np.linalg.eigh(laplacian.toarray())[1][:, 1:3]
    else:
        modes = eigsh(laplacian.tocsc(), k=3, sigma=0, v0=start)[1][:, 1:3]
    # A little of the circle keeps vertices of one neighbourhood apart.
    scale = np.ptp(modes, axis=0)
    return modes / np.where(scale > 0, scale, 1.0) + 0.06 * circle


def _outwards(points: np.ndarray) -> np.ndarray:
    """For each point whether right and up lead away from the others, the near ones above all; (n, 2) bool."""
    steps = points[:, None] - points[None]
    squares = (steps**2).sum(axis=-1, keepdims=True)
    return (steps / np.where(squares > 0, squares, np.inf)).sum(axis=1) >= 0


def _spread(values: Sequence[float | None] | None) -> np.ndarray | None:
    return None if values is None else floats(values)


def _square(x: float, y: float, width: float = 1, height: float = 1) -> Path:
    return Path([(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)], closed=True)
