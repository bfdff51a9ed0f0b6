"""Boltzmann machines: a model split in visible and hidden sites, to be sampled rather than minimised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models import IsingModel
from pbits.models.base import Clamp, clamped_sites, finite_vector, read_only, real_array
from pbits.problems.base import Problem, Solution, spins_of

MAX_COUPLED_HIDDEN = 16


class BoltzmannMachine(Problem):
    """Sampling from P(v, u) ∝ exp(−E(v, u)), v the visible and u the hidden spins of an Ising model.

    A state decodes to its visible spins. Their score is the free energy F(v) = −log Σ_u exp(−E(v, u)), for
    which P(v) ∝ exp(−F(v)); lower is likelier. A solution has no objective: the law is the answer, and no
    single state.

    Parameters
    ----------
    model : IsingModel
    visible : sequence of int
        The visible sites, in the order in which visible spins are given and returned.
    hidden : sequence of int, optional
        The other sites; found where not given.
    clamp : mapping of int to ±1, optional
        Sites to hold, for example the pixels of a datum in the positive phase of training.

    Raises
    ------
    ValueError
        When visible and hidden do not divide the sites of the model between them, or the clamp names a site
        or value that does not exist.

    Examples
    --------
    >>> from pbits.problems import BoltzmannMachine
    >>> machine = BoltzmannMachine.restricted([[1.0], [-1.0]], [0.0, 0.0], [0.0])
    >>> machine.to_model().n, machine.decode([1, -1, 1]).tolist()
    (3, [1, -1])
    >>> machine.clamped([1, -1]).clamp()
    {0: 1, 1: -1}
    """

    def __init__(
        self,
        model: IsingModel,
        visible: Sequence[int],
        hidden: Sequence[int] | None = None,
        clamp: Clamp | None = None,
        name: str | None = None,
    ):
        if hidden is None:
            hidden = sorted(set(range(model.n)) - {int(site) for site in visible})
        self.visible = read_only(np.array(visible, dtype=np.int64).reshape(-1))
        self.hidden = read_only(np.array(hidden, dtype=np.int64).reshape(-1))
        every = np.sort(np.concatenate([self.visible, self.hidden]))
        if not len(self.visible) or not np.array_equal(every, np.arange(model.n)):
            raise ValueError(
                f"visible ({len(self.visible)}) and hidden ({len(self.hidden)}) must hold each of the sites "
                f"0 to {model.n - 1} once, and at least one must be visible"
            )
        self.model = model
        sites, values = clamped_sites(model, clamp)
        self._clamp = dict(zip(sites.tolist(), values.tolist()))
        i, j, _ = model.edges()
        self._coupled = bool((np.isin(i, self.hidden) & np.isin(j, self.hidden)).any())
        self.name = name or f"Boltzmann machine, {len(self.visible)} visible, {len(self.hidden)} hidden"

    @classmethod
    def restricted(cls, W: ArrayLike, b: ArrayLike, c: ArrayLike) -> BoltzmannMachine:
        """The restricted machine E(v, u) = −vᵀWu − bᵀv − cᵀu over spins of ±1, visible sites first.

        Parameters
        ----------
        W : (n_visible, n_hidden) array
        b : (n_visible,) array
        c : (n_hidden,) array

        Raises
        ------
        ValueError
            For arrays of other shapes, or numbers that are not finite.
        TypeError
            For entries that are no real numbers.
        """
        weights = real_array(W, "W")
        if weights.ndim != 2:
            raise ValueError(f"W has shape {weights.shape}; expected (n_visible, n_hidden)")
        n_visible, n_hidden = weights.shape
        fields = np.concatenate([finite_vector(b, n_visible, "b"), finite_vector(c, n_hidden, "c")])
        edges = np.indices((n_visible, n_hidden)).reshape(2, -1).T + np.array([0, n_visible])
        model = IsingModel.from_edges(n_visible + n_hidden, edges, weights.ravel(), fields)
        return cls(model, range(n_visible))

    def clamped(self, values: ArrayLike | Mapping[int, float]) -> BoltzmannMachine:
        """This machine with its visible sites held at `values`, or those that a mapping {site: ±1} names.

        Parameters
        ----------
        values : (n_visible,) array of ±1, or mapping of int to ±1

        Raises
        ------
        ValueError
            For another shape or value, or a mapping that names a hidden site.
        """
        if isinstance(values, Mapping):
            hidden = set(values) & set(self.hidden.tolist())
            if hidden:
                raise ValueError(f"site {min(hidden)} is hidden; clamped holds visible sites")
            held = dict(values)
        else:
            held = dict(zip(self.visible.tolist(), self._visible_spins(values).tolist()))
        return BoltzmannMachine(self.model, self.visible.tolist(), self.hidden.tolist(), held, self.name)

    def build_model(self) -> IsingModel:
        return self.model

    def clamp(self) -> dict[int, float]:
        return dict(self._clamp)

    def decode(self, state: ArrayLike, repair: bool = False) -> NDArray[np.int8]:
        """The visible spins, shape (n_visible,)."""
        return read_only(spins_of(state, self.model.n)[self.visible])

    def free_energy(self, visible: ArrayLike) -> float:
        """F(v) = −log Σ_u exp(−E(v, u)) of visible spins of shape (n_visible,).

        In closed form where hidden sites are not coupled to each other, by enumeration of up to 16 hidden
        sites where they are.

        Raises
        ------
        ValueError
            For more than 16 hidden sites that are coupled, or visible spins of another shape.
        """
        v = self._visible_spins(visible)
        state = np.ones(self.model.n)
        state[self.visible] = v
        if not self._coupled:
            state[self.hidden] = 0
            couple = self.model.csr @ state
            alone = self.model.offset - 0.5 * state @ couple - self.model.h @ state
            inputs = (couple + self.model.h)[self.hidden]
            return float(alone - np.logaddexp(inputs, -inputs).sum())
        if len(self.hidden) > MAX_COUPLED_HIDDEN:
            raise ValueError(
                f"the free energy sums over 2^{len(self.hidden)} states of coupled hidden sites; at most "
                f"{MAX_COUPLED_HIDDEN} are enumerated"
            )
        bits = np.arange(2 ** len(self.hidden))[:, None] >> np.arange(len(self.hidden)) & 1
        states = np.tile(state, (len(bits), 1))
        states[:, self.hidden] = 2 * bits - 1
        return float(-np.logaddexp.reduce(-self.model.energy(states)))

    def score(self, answer: ArrayLike) -> float:
        """The free energy of the visible spins."""
        return self.free_energy(answer)

    def objectives(self, states: ArrayLike) -> None:
        """None: what is asked for is the law, not one state."""
        return None

    def solution(self, states: ArrayLike, energies: ArrayLike) -> Solution:
        """The visible spins of the lowest-energy state, without an objective: they are one draw of a law."""
        rows, energy = self._checked(states, energies)
        return Solution(
            feasible=True,
            value=self.decode(rows[energy.argmin()]),
            objective=None,
            violations={},
            gap=None,
            valid_fraction=1.0,
            sense=self.sense,
            unit=self.unit,
        )

    def _visible_spins(self, values: ArrayLike) -> NDArray[np.int8]:
        return spins_of(values, len(self.visible))
