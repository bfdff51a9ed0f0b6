"""How a Boltzmann machine is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Method = Literal["cd", "pcd", "fresh", "tempered"]
Positive = Literal["auto", "sampled", "mean-field"]
Objective = Literal["joint", "conditional"]
Monitor = Literal["auto", "likelihood", "estimated-likelihood", "pseudo-likelihood", "accuracy", "none"]
Shape = Literal["linear", "geometric", "cosine"]


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A learning rate that goes from `first` to `last` over the whole of training.

    Attributes
    ----------
    first, last : float
    shape : {"linear", "geometric", "cosine"}

    Examples
    --------
    >>> Rate(first=0.1, last=0.001, shape="geometric").over(3).round(4)
    array([0.1  , 0.01 , 0.001])
    """

    first: float
    last: float
    shape: Shape = "linear"

    def __post_init__(self) -> None:
        _one_of("shape", self.shape, get_args(Shape))
        if not (math.isfinite(self.first) and self.first > 0 and 0 <= self.last <= self.first):
            raise ValueError(f"rates go from {self.first} to {self.last}; they must be positive and must not rise")
        if self.shape == "geometric" and not self.last:
            raise ValueError("a geometric rate never comes to 0; give a small last one, or shape='linear'")

    def over(self, steps: int) -> NDArray[np.float64]:
        """The rate of each of `steps` steps."""
        part = np.arange(steps) / max(1, steps - 1)
        if self.shape == "geometric":
            return self.first * (self.last / self.first) ** part
        left = 1 - part if self.shape == "linear" else (1 + np.cos(np.pi * part)) / 2
        return self.last + (self.first - self.last) * left


@dataclass(frozen=True, kw_only=True)
class LearningPlan:
    """How a Boltzmann machine is trained.

    A step of descent samples two phases: the positive one with the data held, the negative one without them (or, of the
    conditional objective, with the data and without their labels).

    Attributes
    ----------
    method : {"cd", "pcd", "fresh", "tempered"}
        Where chains of the negative phase start: from the data ("cd"), from where they were ("pcd"), anew at random
        ("fresh"), or from where they were with exchanges along a ladder of β ("tempered").
    sweeps : int
        Of a phase: k of CD-k.
    draws : int
        Of each chain, equally spaced over the second half of the sweeps, the last one after all of them.
    epochs, batch : int
    chains : int, optional
        Of the negative phase where it does not start from the data; as many as data in a batch when absent. At each β,
        where tempered.
    rate : Rate or float
    momentum : float
    decay : float
        Share of a coupling taken off per step, times the rate.
    centred : bool
        Take out of the slopes what merely moves means: Δ⟨(s_i − μ_i)(s_j − μ_j)⟩ in place of Δ⟨s_i s_j⟩, and fields
        follow. It makes training blind to which value is called +1.
    positive : {"auto", "sampled", "mean-field"}
        How hidden sites are filled in where the data are held. "auto": by their closed form where an ideal restricted
        machine trains, else sampled. "mean-field": m = tanh(I(m)), computed by the host.
    positive_sweeps : int, optional
        `sweeps` when absent.
    objective : {"joint", "conditional"}
        The likelihood of data and labels, P(v, y), or of labels given the data, P(y | v): of all states of the label
        spins where they are sampled, and among the classes where an ideal restricted machine trains in closed form.
    weight_bits : int, optional
        Chains see couplings and fields of that many bits, each kind scaled to its largest, while slopes are gathered
        exactly.
    max_weight : float, optional
        Couplings are kept within ±max_weight; within what the machine can hold when absent.
    levels : int or sequence of float
        Of "tempered": how many β between 0 and 1, which adapt to equal rates of exchange; or which, and they stay.
    monitor : {"auto", "likelihood", "estimated-likelihood", "pseudo-likelihood", "accuracy", "none"}
        What is told of the validation data (or else of the data) every `look_every` epochs. "auto": accuracy of a
        conditional objective, exact likelihood where it can be had, else exact pseudo-likelihood where hidden sites
        are not coupled to one another, else nothing. "estimated-likelihood" takes log Z from annealed importance
        sampling on this computer, 100 chains of 500 steps.
    look_every : int
    patience : int, optional
        Stop after as many looks without a better one, and keep the best machine.

    Raises
    ------
    ValueError

    Notes
    -----
    Contrastive divergence: G. Hinton, Neural Comput. 14, 1771 (2002); persistent chains: T. Tieleman, ICML 2008;
    tempered ones: G. Desjardins et al., AISTATS 2010; centring: J. Melchior, A. Fischer, L. Wiskott, JMLR 17 (2016):
    all from memory but the third.
    """

    method: Method = "pcd"
    sweeps: int = 1
    draws: int = 1
    epochs: int = 50
    batch: int = 20
    chains: int | None = None
    rate: Rate | float = field(default_factory=lambda: Rate(first=0.01, last=0.0))
    momentum: float = 0.5
    decay: float = 0.0
    centred: bool = True
    positive: Positive = "auto"
    positive_sweeps: int | None = None
    objective: Objective = "joint"
    weight_bits: int | None = None
    max_weight: float | None = None
    levels: int | tuple[float, ...] = 8
    monitor: Monitor = "auto"
    look_every: int = 10
    patience: int | None = None

    def __post_init__(self) -> None:
        for name, choices in (
            ("method", Method),
            ("positive", Positive),
            ("objective", Objective),
            ("monitor", Monitor),
        ):
            _one_of(name, getattr(self, name), get_args(choices))
        for name in ("sweeps", "draws", "epochs", "batch", "look_every"):
            _whole(name, getattr(self, name))
        for name in ("chains", "positive_sweeps", "patience"):
            if getattr(self, name) is not None:
                _whole(name, getattr(self, name))
        if self.weight_bits is not None:
            _whole("weight_bits", self.weight_bits, 2)
        if not isinstance(self.rate, Rate):
            object.__setattr__(self, "rate", Rate(first=float(self.rate), last=float(self.rate)))
        if not (0 <= self.momentum < 1 and 0 <= self.decay < math.inf):
            raise ValueError(f"momentum is {self.momentum} and decay {self.decay}; 0 ≤ momentum < 1 and decay ≥ 0")
        if self.max_weight is not None and not (math.isfinite(self.max_weight) and self.max_weight > 0):
            raise ValueError(f"max_weight is {self.max_weight}; it must be positive and finite")
        if self.draws > min(self.sweeps, self.positive_sweeps or self.sweeps):
            raise ValueError(f"{self.draws} draws need as many sweeps; a phase has {self.sweeps}")
        if self.objective == "conditional" and self.method in ("pcd", "tempered"):
            raise ValueError(
                f"method={self.method!r} lets chains go on, and with the conditional objective each step holds other "
                "data: take method='cd' or 'fresh'"
            )
        if isinstance(self.levels, int | np.integer):
            _whole("levels", self.levels, 2)
        else:
            object.__setattr__(self, "levels", tuple(float(beta) for beta in self.levels))
            ladder = np.array(self.levels)
            if len(ladder) < 2 or (np.diff(ladder) <= 0).any() or ladder[0] < 0 or ladder[-1] != 1:
                raise ValueError(f"levels are {self.levels}; they must rise from at least 0 to 1, where it learns")

    def ladder(self) -> NDArray[np.float64]:
        """The β of tempered chains at first."""
        if isinstance(self.levels, tuple):
            return np.array(self.levels)
        return np.linspace(0.0, 1.0, self.levels)


def _one_of(name: str, given: object, allowed: tuple[str, ...]) -> None:
    if given not in allowed:
        raise ValueError(f"{name} is {given!r}; it must be one of {', '.join(allowed)}")


def _whole(name: str, value: object, least: int = 1) -> None:
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} is {value!r}; it must be a whole number of at least {least}")
