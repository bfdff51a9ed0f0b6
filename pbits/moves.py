"""How states that are permutations move: which decisions a p-bit is asked to make."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass

KINDS = ("swap", "reverse", "insert")


@dataclass(frozen=True, kw_only=True)
class Moves:
    """Which moves are proposed; a p-bit accepts one with probability σ(−βΔE).

    Without `neighbours` every proposal is as likely as the one that undoes it, so the moves sample the Boltzmann law.
    With it they go to where short tours are, and no law is kept: that is for anneals.

    Parameters
    ----------
    kinds : sequence of {"swap", "reverse", "insert"}, optional
        "swap": two slots exchange what they hold. "reverse": the slots between two places are turned round (2-opt).
        "insert": what one slot holds goes to another place, and those between move up (or-opt; where there are
        neighbours, up to three slots go together). By default reversals and insertions of a tour, and swaps of an
        assignment.
    reach : int, optional
        No move touches slots that are farther apart than this, round the ring of slots: the longest wire, and the most
        slots that a reversal rewrites. Any distance when absent.
    tile : int, optional
        Of a tour: the ring is cut into tiles of so many slots, at other places in every step, and a move is made only
        where the slots it touches, and those beside them, lie in one. Moves in different tiles could be made at once.
    neighbours : int, optional
        Of a tour: only moves are proposed that put a city next to one of its nearest, this many of them.

    Raises
    ------
    ValueError
        For an unknown kind, none at all, a reach or number of neighbours below 1, or a tile of fewer than 4 slots.

    Examples
    --------
    >>> Moves(kinds=["swap"], reach=8)
    Moves(kinds=('swap',), reach=8, tile=None, neighbours=None)
    """

    kinds: tuple[str, ...] | None = None
    reach: int | None = None
    tile: int | None = None
    neighbours: int | None = None

    def __post_init__(self) -> None:
        if self.kinds is not None:
            kinds = (self.kinds,) if isinstance(self.kinds, str) else tuple(self.kinds)
            unknown = [kind for kind in kinds if kind not in KINDS]
            if unknown or not kinds:
                raise ValueError(f"kinds is {self.kinds!r}; it must name some of {', '.join(KINDS)}")
            object.__setattr__(self, "kinds", tuple(kind for kind in KINDS if kind in kinds))
        for name, least in (("reach", 1), ("tile", 4), ("neighbours", 1)):
            value = getattr(self, name)
            if value is None:
                continue
            try:
                whole = operator.index(value)
            except TypeError:
                whole = 0
            if isinstance(value, bool) or whole < least:
                raise ValueError(f"{name} is {value!r}; it must be a whole number of at least {least}, or None")
            object.__setattr__(self, name, whole)

    @classmethod
    def of(cls, given: Moves | Mapping[str, object] | None) -> Moves | None:
        """Moves as given, or as a stored schedule tells them."""
        return cls(**given) if isinstance(given, Mapping) else given  # type: ignore[arg-type]
