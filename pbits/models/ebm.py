"""Models of Extropic's thrml, read and written; thrml itself is imported only where a model of its own is made.

An `IsingEBM` holds nodes, biases b, edges, weights w and an inverse temperature γ: its energy is −γ(Σ b s + Σ w s s),
and its law P(s) ∝ e^(−E) knows no other temperature.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models.base import finite_number, finite_vector, real_array

if TYPE_CHECKING:
    from pbits.models.ising import IsingModel

_PARTS = ("nodes", "edges", "biases", "weights", "beta")


def edges_of(ebm: Any) -> tuple[int, NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """What `IsingModel.from_edges` makes the model of: n, edges, γw and γb, in the order of `ebm.nodes`.

    Raises as `IsingModel.from_thrml` says.
    """
    if missing := [part for part in _PARTS if not hasattr(ebm, part)]:
        raise TypeError(
            f"a {type(ebm).__name__} has no {' and no '.join(missing)}; an IsingEBM has {', '.join(_PARTS)}. "
            "Factors over categories make a pbits.CategoricalModel, products of three spins or more a "
            "pbits.PolynomialModel"
        )
    order = _order(ebm.nodes)
    beta = finite_number(ebm.beta, "beta")
    biases = finite_vector(ebm.biases, len(order), "biases", per="node")
    weights = finite_vector(ebm.weights, len(ebm.edges), "weights", per="edge")
    for number, edge in enumerate(ebm.edges):
        if len(edge) != 2:
            raise ValueError(
                f"edge {number} names {len(edge)} nodes; an edge has two. Products of three spins or more make a "
                "pbits.PolynomialModel"
            )
    ends = [order.get(node, -1) for node in chain.from_iterable(ebm.edges)]
    pairs = np.array(ends, dtype=np.int64).reshape(-1, 2)
    unknown = np.flatnonzero((pairs < 0).any(axis=1))
    if len(unknown):
        raise ValueError(
            f"edge {unknown[0]} names a node that is not in nodes; list every node, with a bias of 0 where it has none"
        )
    return len(order), pairs, beta * weights, beta * biases


def clamp_of(ebm: Any, blocks: Sequence[Iterable[Any]], states: Sequence[ArrayLike]) -> dict[int, int]:
    """The clamp {site: −1 or +1} that holds clamped blocks as thrml holds them.

    Parameters
    ----------
    ebm : IsingEBM
        Whose nodes the sites follow.
    blocks : sequence of blocks
        As given to thrml's program as `clamped_blocks`.
    states : sequence of (nodes of the block,) bool arrays
        As given to `sample_states` as `state_clamp`; True is +1.

    Raises
    ------
    ValueError
        For another number of states than of blocks or nodes, or a node that the model lacks or a block repeats.
    TypeError
        For states that are not boolean.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> ebm = SimpleNamespace(nodes=["a", "b", "c"])
    >>> clamp_of(ebm, [["c", "a"]], [[True, False]])
    {2: 1, 0: -1}
    """
    order = _order(ebm.nodes)
    if len(blocks) != len(states):
        raise ValueError(f"{len(blocks)} blocks are clamped and {len(states)} states are given; give one for each")
    clamp: dict[int, int] = {}
    for number, (block, given) in enumerate(zip(blocks, states)):
        nodes, state = list(block), np.asarray(given)
        if state.shape != (len(nodes),):
            raise ValueError(f"the state of block {number} has shape {state.shape}; expected ({len(nodes)},)")
        if state.dtype != np.bool_:
            raise TypeError(f"the state of block {number} is of type {state.dtype}; spins of thrml are bool")
        for node, up in zip(nodes, state.tolist()):
            if node not in order:
                raise ValueError(f"block {number} names a node that is not in nodes")
            if order[node] in clamp:
                raise ValueError(f"block {number} names the node of site {order[node]}, which is clamped already")
            clamp[order[node]] = 1 if up else -1
    return clamp


def ebm_of(model: IsingModel, beta: float) -> Any:
    """As `IsingModel.to_thrml` says."""
    try:
        import jax.numpy as jnp  # pyright: ignore[reportMissingImports]
        from thrml import SpinNode  # pyright: ignore[reportMissingImports]
        from thrml.models import IsingEBM  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ImportError("to_thrml needs thrml: pip install 'pbits[thrml]'") from error
    nodes: list[Any] = [SpinNode() for _ in range(model.n)]
    i, j, w = model.edges()
    edges = [(nodes[a], nodes[b]) for a, b in zip(i.tolist(), j.tolist())]
    return IsingEBM(nodes, edges, jnp.asarray(model.h), jnp.asarray(w), jnp.asarray(real_array(beta, "beta")))


def _order(nodes: Sequence[Any]) -> dict[Any, int]:
    """Sites by node."""
    for kind in {type(node) for node in nodes}:
        if any("Categorical" in base.__name__ for base in kind.__mro__):
            raise TypeError(
                f"nodes holds a {kind.__name__}; an IsingModel holds spins. Sites that hold categories make a "
                "pbits.CategoricalModel"
            )
    order = {node: site for site, node in enumerate(nodes)}
    if len(order) != len(nodes):
        raise ValueError(f"nodes names {len(order)} nodes, {len(nodes) - len(order)} of them again; name each once")
    return order
