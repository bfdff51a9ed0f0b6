"""Higher order on machines of second order: products of many spins become pairs, by means of ancillas."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.mapping.colouring import colour_classes
from pbits.models import IsingModel, PolynomialModel
from pbits.models.base import finite_number, read_only, site_states

Literals = tuple[int, ...]
"""Bits as clauses write them: v + 1 is the bit of site v, −(v + 1) its negation."""

#: A product over more sites is not multiplied out, for it has 2^k terms.
MAX_ORDER = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class Quadratisation:
    """What the ancillas of a quadratised model stand for.

    Attributes
    ----------
    n : int
        Sites of the model as posed; they come first, and the ancillas after them.
    products : tuple of tuples of int
        For each ancilla the literals it is the product of, numbered as in clauses: v + 1 is the bit of site v, and
        −(v + 1) its negation. Ancillas may be named by later ones.
    strengths : (ancillas,) float64 array
        Of the terms that bind each ancilla: what it costs at least to hold the wrong value where it matters.
    couplings : int
        Of the quadratised model.
    penalty : float
        The largest strength that was given to a substitution of pairs; 0 where there was none.
    """

    n: int
    products: tuple[Literals, ...]
    strengths: NDArray[np.float64]
    couplings: int
    penalty: float

    @property
    def ancillas(self) -> int:
        return len(self.products)

    def decode(self, states: ArrayLike) -> NDArray[np.int8]:
        """The spins of the model as posed, (..., n), of states (..., n + ancillas)."""
        return site_states(states, self.n + self.ancillas)[..., : self.n].astype(np.int8)

    def extend(self, states: ArrayLike) -> NDArray[np.int8]:
        """States with the ancillas that have the least energy; (..., n) -> (..., n + ancillas)."""
        spins = site_states(states, self.n)
        extended = np.empty((*spins.shape[:-1], self.n + self.ancillas), dtype=np.int8)
        extended[..., : self.n] = spins
        for ancilla, literals in enumerate(self.products, start=self.n):
            sites = np.abs(literals) - 1
            extended[..., ancilla] = np.where((extended[..., sites] == np.sign(literals)).all(axis=-1), 1, -1)
        return extended


def quadratise(
    model: PolynomialModel, penalty: Literal["safe"] | float = "safe", share: bool = True
) -> tuple[IsingModel, Quadratisation]:
    """A model of pairs whose energy, at the best values of its ancillas, is that of a polynomial model, state by state.

    Parameters
    ----------
    model : PolynomialModel
        With terms of up to 16 sites.
    penalty : "safe" or float
        The strength M of substituted pairs. "safe" gives each the least that is proven, see Notes; a number is taken
        for all of them.
    share : bool
        Whether products that have a pair of bits in common share its ancilla. That takes fewer ancillas, and stronger
        couplings, which slow p-bits down; see docs/explanation/higher_order.md for how much.

    Returns
    -------
    IsingModel
        Over the n sites and the ancillas after them.
    Quadratisation
        What the ancillas stand for.

    Raises
    ------
    ValueError
        For a penalty below the least one, which is named, or a term of more sites.

    Notes
    -----
    The terms are multiplied out into products of bits x = (1 + s)/2, and those of three bits or more are reduced:

    - a pair xy that several share, the most shared first, becomes an ancilla a, and M (xy − 2xa − 2ya + 3a) is added
      (Rosenberg 1975), which is 0 for a = xy and at least 1 otherwise. With M the larger of the sums of positive and of
      negative weights that a multiplies, no wrong a is worth its penalty, and the least over a is the polynomial as it
      was before: so it is for all ancillas, the last one first.
    - products that share no pair are reduced one at a time. A negative one, −c x₁…x_k, is the least over a of
      c a (k − 1 − Σ x_i) (Freedman and Drineas 2005); of a positive one, c x₂…x_k − c (1 − x₁) x₂…x_k, the second part
      is so too. Neither has a penalty to choose, and no coupling is stronger than the product was.

    So min over a of E'(s, a) = E(s) for every s, and ground states are those of the polynomial. At β > 0 the law of the
    spins differs from that of the polynomial, because states have different numbers of ancillas that are nearly free.

    Examples
    --------
    >>> import pbits
    >>> parity = pbits.PolynomialModel(3, {(0, 1, 2): 1.0})
    >>> pairs, code = quadratise(parity)
    >>> code.ancillas, code.products
    (1, ((1, 2, 3),))
    >>> pairs.energy(code.extend([[1, 1, 1], [-1, 1, 1]]))
    array([-1.,  1.])
    """
    products: dict[Literals, float] = {}
    constant = model.offset
    for sites, weight in model.terms.items():
        _check_order(len(sites))
        # Π (2x − 1), all of whose bits or some.
        for size in range(len(sites) + 1):
            share = -weight * 2**size * (-1) ** (len(sites) - size)
            for chosen in itertools.combinations(sites, size):
                key = tuple(site + 1 for site in chosen)
                products[key] = products.get(key, 0.0) + share
    scale = max((abs(weight) for weight in products.values()), default=0.0)
    # What cancels in exact arithmetic would otherwise take an ancilla each.
    kept = {key: weight for key, weight in products.items() if abs(weight) > 1e-12 * scale}
    return quadratise_products(model.n, kept, constant, penalty, share)


def quadratise_products(
    n: int,
    products: Mapping[Literals, float],
    offset: float = 0.0,
    penalty: Literal["safe"] | float = "safe",
    share: bool = True,
) -> tuple[IsingModel, Quadratisation]:
    """The same of E = offset + Σ w Π (literals), which is how clauses are written and needs no multiplying out.

    Parameters
    ----------
    n : int
        Number of sites.
    products : mapping {literals: weight}
        Literals as clauses write them: v + 1 is the bit of site v, −(v + 1) its negation; each site once.
    offset, penalty, share
        As for `quadratise`.

    Examples
    --------
    A clause that is broken where bits 0 and 1 are on and bit 2 is off:

    >>> pairs, code = quadratise_products(3, {(1, 2, -3): 1.0})
    >>> pairs.n, pairs.energy(code.extend([[1, 1, -1], [1, 1, 1]])).tolist()
    (4, [1.0, 0.0])
    """
    least = None if penalty == "safe" else finite_number(penalty, "penalty")
    work = _Work(n, products, offset, least)
    if share:
        work.share_pairs()
    work.reduce_the_rest()
    pairs = work.model()
    return pairs, Quadratisation(
        n=n,
        products=tuple(work.defined),
        strengths=read_only(np.array(work.strengths, dtype=np.float64)),
        couplings=pairs.n_couplings,
        penalty=work.penalty,
    )


class _Work:
    """Products on their way to second order."""

    def __init__(self, n: int, products: Mapping[Literals, float], offset: float, asked: float | None):
        self.n = n
        self.offset = offset
        self.asked = asked
        self.high: dict[Literals, float] = {}
        self.low: dict[Literals, float] = {}
        self.defined: list[Literals] = []
        self.strengths: list[float] = []
        self.penalty = 0.0
        for literals, weight in products.items():
            key = tuple(sorted(literals, key=abs))
            sites = [abs(literal) for literal in key]
            if len(set(sites)) < len(sites) or (sites and not 1 <= sites[0] <= sites[-1] <= n):
                raise ValueError(f"product {literals} must name different sites, by literals ±1 to ±{n}")
            self._add(key, weight)

    def _add(self, key: Literals, weight: float) -> None:
        group = self.high if len(key) > 2 else self.low
        group[key] = group.get(key, 0.0) + weight

    def _ancilla(self, product: Literals, strength: float) -> int:
        self.defined.append(product)
        self.strengths.append(strength)
        return self.n + len(self.defined)

    def share_pairs(self) -> None:
        """Substitute pairs that several products share, the most shared first."""
        holders: dict[Literals, set[Literals]] = {}
        for key in self.high:
            for pair in itertools.combinations(key, 2):
                holders.setdefault(pair, set()).add(key)
        queue = [(-len(keys), pair) for pair, keys in holders.items() if len(keys) > 1]
        heapq.heapify(queue)
        while queue:
            count, pair = heapq.heappop(queue)
            keys = holders[pair]
            if len(keys) != -count:  # it was counted before others took products away
                if len(keys) > 1:
                    heapq.heappush(queue, (-len(keys), pair))
                continue
            weights = [self.high[key] for key in keys]
            strength = self._strength(pair, weights)
            a = self._ancilla(pair, strength)
            for key in sorted(keys):
                weight = self.high.pop(key)
                for held in itertools.combinations(key, 2):
                    holders[held].discard(key)
                shorter = (*(literal for literal in key if literal not in pair), a)
                self._add(shorter, weight)
                if len(shorter) > 2:
                    for held in itertools.combinations(shorter, 2):
                        holders.setdefault(held, set()).add(shorter)
                        if len(holders[held]) > 1:
                            heapq.heappush(queue, (-len(holders[held]), held))
            for key, share in ((pair, 1), ((pair[0], a), -2), ((pair[1], a), -2), ((a,), 3)):
                self._add(key, strength * share)

    def _strength(self, pair: Literals, weights: list[float]) -> float:
        up = math.fsum(weight for weight in weights if weight > 0)
        down = -math.fsum(weight for weight in weights if weight < 0)
        least = max(up, down)
        strength = least if self.asked is None else self.asked
        if strength < least:
            raise ValueError(f"penalty is {strength:g}; the pair {pair} needs at least {least:g} ('safe' takes that)")
        self.penalty = max(self.penalty, strength)
        return strength

    def reduce_the_rest(self) -> None:
        """An ancilla for each product that shares no pair; a positive one has k − 2 of them."""
        for key, weight in sorted(self.high.items()):
            while len(key) > 2 and weight > 0:
                self._negative((-key[0], *key[1:]), weight)
                key = key[1:]
            if len(key) > 2:
                self._negative(key, -weight)
            else:
                self._add(key, weight)
        self.high.clear()

    def _negative(self, key: Literals, c: float) -> None:
        """−c Π (key) as the least over a of c a (k − 1 − Σ key)."""
        if not c:
            return
        a = self._ancilla(key, c)
        self._add((a,), c * (len(key) - 1))
        for literal in key:
            self._add((literal, a), -c)

    def model(self) -> IsingModel:
        """Of the products of one and two literals, (1 ± s)/2 each."""
        n = self.n + len(self.defined)
        fields, offset = np.zeros(n), self.offset
        pairs: list[tuple[int, int]] = []
        couplings: list[float] = []
        for key, weight in self.low.items():
            signs = np.sign(key)
            sites = [abs(literal) - 1 for literal in key]
            share = weight / 2 ** len(key)
            offset += share
            for site, sign in zip(sites, signs):
                fields[site] -= share * sign
            if len(key) == 2:
                pairs.append((sites[0], sites[1]))
                couplings.append(-share * signs.prod())
        return IsingModel.from_edges(n, np.array(pairs, dtype=np.int64).reshape(-1, 2), couplings, fields, offset)


def expand_products(n: int, products: Mapping[Literals, float], offset: float = 0.0) -> PolynomialModel:
    """E = offset + Σ w Π (literals) as a polynomial of spins; a product of k literals has up to 2^k terms.

    Examples
    --------
    >>> expand_products(2, {(1, -2): 1.0}).terms
    {(0,): -0.25, (1,): 0.25, (0, 1): 0.25}
    """
    terms: dict[tuple[int, ...], float] = {}
    for literals, weight in products.items():
        _check_order(len(literals))
        share = weight / 2 ** len(literals)
        for size in range(len(literals) + 1):
            for chosen in itertools.combinations(literals, size):
                sites = tuple(sorted(abs(literal) - 1 for literal in chosen))
                negated = sum(literal < 0 for literal in chosen)
                terms[sites] = terms.get(sites, 0.0) - share * (-1) ** negated
    constant = -terms.pop((), 0.0)
    return PolynomialModel(n, terms, offset + constant)


def _check_order(k: int) -> None:
    if k > MAX_ORDER:
        raise ValueError(f"a product of {k} sites has 2^{k} terms; up to {MAX_ORDER} sites are multiplied out")


@dataclass(frozen=True, kw_only=True)
class OrderCost:
    """What one way of holding a model takes.

    Attributes
    ----------
    sites : int
    terms : int
        Weights that are stored: products of two sites or more, and fields.
    order : int
        Sites in the largest product.
    neighbours : int
        The most sites whose spins one p-bit needs.
    reads : int
        Weights read in one sweep: of every site, the terms it is in.
    spins : int
        Spins read in one sweep: of every site and term, the other sites in it.
    phases : int
        Groups of sites that can be updated one group after another, the sites of each at once.
    weight_ratio : float
        The largest weight over the smallest, in magnitude.
    """

    sites: int
    terms: int
    order: int
    neighbours: int
    reads: int
    spins: int
    phases: int
    weight_ratio: float

    @property
    def bits(self) -> int:
        """Of a weight with sign, in steps of the smallest one."""
        return math.ceil(math.log2(self.weight_ratio + 1)) + 1


@dataclass(frozen=True, kw_only=True)
class OrderCosts:
    """A model of higher order as it is, and by pairs. It prints as a table."""

    native: OrderCost
    quadratised: OrderCost

    def __str__(self) -> str:
        rows = {
            "p-bits": "sites",
            "weights": "terms",
            "largest order": "order",
            "neighbours, at most": "neighbours",
            "weights read a sweep": "reads",
            "spins read a sweep": "spins",
            "phases": "phases",
            "bits of a weight": "bits",
        }
        lines = [f"{'':22}{'native':>10}{'quadratised':>13}"]
        lines += [
            f"{title:22}{getattr(self.native, k):>10}{getattr(self.quadratised, k):>13}" for title, k in rows.items()
        ]
        return "\n".join(lines)


def order_costs(model: PolynomialModel, pairs: IsingModel | None = None) -> OrderCosts:
    """What a polynomial model takes as it is, and what it takes by pairs.

    Parameters
    ----------
    model : PolynomialModel
    pairs : IsingModel, optional
        The quadratised model; that of `quadratise` when absent.

    Examples
    --------
    >>> import pbits
    >>> print(order_costs(pbits.PolynomialModel(4, {(0, 1, 2): 1.0, (1, 2, 3): -1.0})))
                              native  quadratised
    p-bits                         4            5
    weights                        2           14
    largest order                  3            2
    neighbours, at most            3            4
    weights read a sweep           6           23
    spins read a sweep            12           18
    phases                         3            4
    bits of a weight               2            4
    """
    ising = quadratise(model)[0] if pairs is None else pairs
    i, j, weights = ising.edges()
    fields = np.flatnonzero(ising.h)
    terms: Iterable[tuple[int, ...]] = [*zip(i.tolist(), j.tolist()), *((int(site),) for site in fields)]
    return OrderCosts(
        native=_cost(model, list(model.terms), model.weights),
        quadratised=_cost(ising, list(terms), np.concatenate([weights, ising.h[fields]])),
    )


def _cost(model: IsingModel | PolynomialModel, terms: list[tuple[int, ...]], weights: NDArray) -> OrderCost:
    sizes = [len(term) for term in terms]
    neighbours: list[set[int]] = [set() for _ in range(model.n)]
    for term in terms:
        for site in term:
            neighbours[site].update(term)
    size = np.abs(weights)
    return OrderCost(
        sites=model.n,
        terms=len(terms),
        order=max(sizes, default=0),
        neighbours=max(max(len(near) - 1, 0) for near in neighbours),
        reads=sum(sizes),
        spins=sum(k * (k - 1) for k in sizes),
        phases=len(colour_classes(model)),
        weight_ratio=float(size.max() / size.min()) if len(size) else 1.0,
    )
