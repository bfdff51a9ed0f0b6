"""Joules and seconds at equal quality: what a run cost times what one answer of it is worth, as accounts.

The joules of a run are a formula over prices and seconds (`EnergyLedger.account`). What an answer is worth (the chance
that a chain succeeds, the draws to an effective sample, the draws to a distance) was found by chance, so it is one more
input, with the interval that so many draws leave. Machines that make the same draws share it: what chance did to
one it did to the other, and their ratio does not hang on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pbits.accounts import Account, Input, Spread, Swing
from pbits.diagnostics import success_interval
from pbits.parameters import Evidence, Figure

#: Draws of a Monte Carlo over the inputs of a comparison, and its seed.
DRAWS, SEED = 20_000, 0

CONFIDENCE = 0.99
"""Probability of at least one success that joules per solution are for."""


class Ratio(float):
    """joules of a ÷ joules of b, with what a reader must know about it.

    Attributes
    ----------
    metric : str
        Joules of what.
    boundary : str
        At which both were accounted.
    evidence : Evidence or None
        The weaker of the two; None where every price was given exactly.
    account : Account
        The ratio as a formula over the inputs of both; those that both have are one.
    quality : str
        What is known of the equal quality of the two.
    """

    metric: str
    boundary: str
    evidence: Evidence | None
    account: Account
    quality: str

    def __new__(
        cls, account: Account, *, metric: str, boundary: str, evidence: Evidence | None, quality: str = ""
    ) -> Ratio:
        ratio = super().__new__(cls, account.value)
        ratio.account, ratio.quality = account, quality
        ratio.metric, ratio.boundary, ratio.evidence = metric, boundary, evidence
        return ratio

    @cached_property
    def spread(self) -> Spread:
        """The distribution over the ranges of all inputs: 20,000 draws from seed 0."""
        return self.account.monte_carlo(DRAWS, SEED)

    @property
    def median(self) -> float:
        return self.spread.median

    @property
    def low(self) -> float:
        """The lower end of the 95 % interval."""
        return self.spread.low

    @property
    def high(self) -> float:
        """The upper end of the 95 % interval."""
        return self.spread.high

    @property
    def probability(self) -> float:
        """P(ratio < 1): that a needs less than b, as far as the ranges tell."""
        return self.spread.below(1.0)

    def above(self, level: float) -> float:
        """P(ratio > level)."""
        return self.spread.above(level)

    @cached_property
    def tornado(self) -> tuple[Swing, ...]:
        """What the ratio hangs on, the largest share first; what cancels is left out."""
        return tuple(swing for swing in self.account.tornado() if swing.share > 1e-9)


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Joules and device seconds at equal quality.

    Attributes
    ----------
    joules : float or None
    at_least : float or None
        A bound, where there is no figure: no chain succeeded, the target was not reached, or the chains have not
        converged. At the low ends of all ranges.
    seconds : float or None
        Device seconds by the same measure, where the machine's seconds are known: a run's, divided among its answers.
    account : Account or None
        The joules as a formula; None where `joules` is.
    time : Account or None
        The seconds as a formula.
    boundary : str or None
    full_batch : bool
        Whether the machine was charged its share of a batch that fills it.
    evidence : Evidence or None
    reason : str
        Why `joules` is None; empty where it is known.
    """

    at_least: float | None
    account: Account | None = field(repr=False)
    time: Account | None = field(repr=False)
    boundary: str | None
    full_batch: bool
    evidence: Evidence | None
    reason: str

    @property
    def joules(self) -> float | None:
        return None if self.account is None else self.account.value

    @property
    def seconds(self) -> float | None:
        return None if self.time is None else self.time.value

    @cached_property
    def spread(self) -> Spread | None:
        """The distribution of the joules; None where they are unknown."""
        return None if self.account is None else self.account.monte_carlo(DRAWS, SEED)

    @cached_property
    def time_spread(self) -> Spread | None:
        """The distribution of the seconds; None where they are unknown."""
        return None if self.time is None else self.time.monte_carlo(DRAWS, SEED)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        spread, time = self.spread, self.time_spread
        return {
            "joules": self.joules,
            "low": None if spread is None else spread.low,
            "high": None if spread is None else spread.high,
            "at_least": self.at_least,
            "seconds": self.seconds,
            "seconds_low": None if time is None else time.low,
            "seconds_high": None if time is None else time.high,
            "boundary": self.boundary,
            "full_batch": self.full_batch,
            "evidence": None if self.evidence is None else self.evidence.value,
            "reason": self.reason,
            "account": None if self.account is None else self.account.to_dict(),
        }


def device_seconds(seconds: Figure, machine: str) -> Account | None:
    """Device seconds of a run as an account; None where they are not known."""
    value, low, high = seconds.value, seconds.low, seconds.high
    if value is None or low is None or high is None:
        return None
    if value == 0:
        low = high = 0.0
    # Seconds that may come to nothing have no factor down: they get the one up.
    low = low if low > 0 or low == high else value**2 / high
    one = Input(
        key="device_seconds",
        label=f"device seconds of {machine}",
        value=value,
        low=low,
        high=high,
        unit="s",
        evidence=seconds.evidence,
        group=f"seconds of {machine}",
    )
    return Account(one.key, [one])


def runs_per_solution(successes: int, trials: int, names: str, group: str) -> Account:
    """Share of a run that a solution takes: max(1, ln(1 − c)/ln(1 − p)) of its chains, p with Jeffreys' interval."""
    low, high = success_interval(successes, trials)
    p = Input(
        key="success_probability",
        label=f"success probability of {names}",
        value=successes / trials,
        low=low,
        high=high,
        note=f"{successes} of {trials} chains; Jeffreys' 95 % interval",
        group=group,
        most=1.0,
    )
    return Account(f"max(1, log1p({-CONFIDENCE!r}) / log1p(-{p.key})) / {trials}", [p])


def runs_per_effective_sample(tau: float, draws: int, worst: str, names: str, group: str) -> Account:
    """Share of a run that an effective sample takes: τ_int of its draws, with two standard errors either way.

    σ_τ/τ ≈ √(2(2W + 1)/N) with a window W = 5τ (Sokal 1997), at most 45 %.
    """
    spread = min(0.9, 2 * (2 * (10 * tau + 1) / draws) ** 0.5)
    one = Input(
        key="tau_int",
        label=f"autocorrelation time of {names}",
        value=tau,
        low=tau * (1 - spread),
        high=tau * (1 + spread),
        unit="draws",
        note=f"of {worst}, the worst observable; two standard errors either way",
        group=group,
    )
    return Account(f"{one.key} / {draws}", [one])


def runs_to_target(draws: tuple[float, float, float], before: float, each: float, names: str, group: str) -> Account:
    """Share of a run that its first draws take: what comes before them, and each one."""
    value, low, high = draws
    one = Input(
        key="draws_needed",
        label=f"draws per chain that {names} needs",
        value=value,
        low=low,
        high=high,
        unit="draws",
        note="where the curve of quality against draws crosses the target, and its 95 % band does",
        group=group,
    )
    return Account(f"{before!r} + {each!r} * {one.key}", [one])
