"""Joules: the counted events of a run times sourced prices, at a stated boundary.

A total is Σ counts × joules per operation + Σ seconds in a power state × watts, widened to the boundary asked
for. It holds what the machine's price table states at that boundary and nothing else: the warm-up (all joules
of a run are charged, whatever was kept of it), but neither the host that asks nor cooling nor making the machine,
unless the boundary and its uplifts include them; what a run shares with others, standby between runs and calibration
are charged as `Usage` says. It never fills a gap: a price that nobody states makes the total None and leaves a lower
bound.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pbits.accounts import Account, Input, Spread, slug
from pbits.diagnostics import ToSolution, diagnose, most_without_success, repeats_to_target, to_solution
from pbits.parameters import (
    BOUNDARIES,
    Evidence,
    Figure,
    Included,
    Parameter,
    PriceTable,
    Uplift,
    check_boundary,
)
from pbits.usage import Usage

if TYPE_CHECKING:
    from pbits.result import Run


IDLE = "power.idle"
STANDBY = "power.standby"
_UPLIFTED = frozenset(f"{name} power" for name in BOUNDARIES)
CALIBRATION = "calibration"


@dataclass(frozen=True, kw_only=True)
class LedgerRow:
    """One line of a ledger: count × price.

    Attributes
    ----------
    item : str
        An operation ("update"), a power state ("power.active") or an uplift ("board factor", "board power").
    count : float or None
        Operations; seconds, for power; the joules below, for the factor of an uplift. None where the run does
        not know how long it took.
    count_low, count_high : float or None
        The range of the seconds; equal to `count` for what was counted.
    unit : str
        Of the price: J per operation, W, or 1.
    price, low, high : float or None
        The price and its range; None where it is not stated.
    joules : float or None
        count × price (count × (price − 1) for a factor). None where either is unknown, and where the joules
        are in the row that `included_in` names.
    included_in : str
        The row that already holds these joules; empty for a row of its own.
    evidence : Evidence or None
        Of the price, or of the seconds it is multiplied with where that is weaker.
    source, locator, note : str
    boundary : str
        The boundary at which the row enters: the one the prices are stated at, or the one an uplift reaches.
    """

    item: str
    count: float | None
    count_low: float | None
    count_high: float | None
    unit: str
    price: float | None
    low: float | None
    high: float | None
    joules: float | None
    included_in: str
    evidence: Evidence | None
    source: str
    locator: str
    note: str
    boundary: str

    def to_dict(self) -> dict[str, Any]:
        return vars(self) | {"evidence": None if self.evidence is None else self.evidence.value}


@dataclass(frozen=True, kw_only=True)
class EnergyLedger:
    """What a run cost, and how that is known.

    Attributes
    ----------
    machine : str
    boundary : str or None
        What the joules include; None for a machine without prices, asked for no boundary.
    joules : float or None
        For the whole run: every chain, warm-up, programming and read-out that the run counted. None where a
        needed price, time or uplift is unknown; see `reasons`.
    interval : (float, float) or None
        The total with every price and every device time at the low end of its range, and with all at the high
        end: the widest the ranges allow, not a confidence interval. None where `joules` is.
    lower_bound : float or None
        The sum of the rows that are known, at the low ends of their ranges; None where no row is.
    without_idle : float or None
        The total without what the machine draws while it is programmed, written and read (`power.idle`): known
        also where nobody states that power, and then no substitute for `joules`.
    rows : tuple of LedgerRow
    evidence : Evidence or None
        The weakest of the rows that contribute joules.
    reasons : tuple of str
        Why `joules` is None; empty where it is known.
    net_of_idle : float or None
        The total without what the machine would have drawn standing idle for as long: joules − P_idle · seconds,
        widened as the total is. None where the idle power is not stated, or is more than the prices say it draws at
        work. `joules` is gross, and what a report quotes first: somebody pays for the idle machine.
    account : Account or None
        The total as a formula over counts, prices, seconds and uplifts, each with its range: what is known of it
        (`account.monte_carlo()`, `spread`) and what it hangs on (`account.tornado()`). None where `joules` is.
    usage : Usage
        What was charged besides the run.
    full_batch : bool
        Whether the run was charged its share of a batch that fills the machine, see `price`.
    """

    machine: str
    boundary: str | None
    joules: float | None
    interval: tuple[float, float] | None
    lower_bound: float | None
    without_idle: float | None
    rows: tuple[LedgerRow, ...]
    evidence: Evidence | None
    reasons: tuple[str, ...]
    net_of_idle: float | None
    account: Account | None = field(repr=False)
    usage: Usage
    full_batch: bool
    run: Run = field(repr=False, compare=False)

    @cached_property
    def spread(self) -> Spread | None:
        """The distribution of the total by Monte Carlo, with its median and 95 % interval; None where it is unknown.

        Narrower than `interval`, which takes every number at the same end of its range.
        """
        return None if self.account is None else self.account.monte_carlo()

    @property
    def per_sample(self) -> float | None:
        """Joules per stored draw, all chains counted."""
        if self.joules is None or not self.run.n_samples:
            return None
        return self.joules / self.run.n_samples

    @cached_property
    def per_effective_sample(self) -> float | None:
        """Joules per effective sample of the worst observable that `pbits.diagnose` looks at.

        The warm-up yields no samples and is charged all the same. None where the joules are unknown, and where
        the chains have not converged: then there are no effective samples to speak of.
        """
        if self.joules is None:
            return None
        found = diagnose(self.run)
        return self.joules / found.worst_ess if found.converged and found.worst_ess else None

    def per_solution(
        self, target: float | None = None, confidence: float = 0.99, *, objective: float | None = None
    ) -> float | None:
        """Joules to hand over an energy ≤ target, or an answer at least as good as `objective`, at least once
        with probability `confidence`.

        E₁ · max(1, ln(1 − c)/ln(1 − p)), where E₁ is the joules of one chain and p the fraction of chains
        that succeeded. Chains are repeated whole, at least one. None where the joules are unknown or no
        chain succeeded; `per_solution_at_least` then gives a bound.

        Raises
        ------
        ValueError
            For a confidence outside (0, 1).
        """
        return self.to_solution(target, confidence, objective=objective).value

    def to_solution(
        self, target: float | None = None, confidence: float = 0.99, *, objective: float | None = None
    ) -> ToSolution:
        """`per_solution` with the 95 % interval that so many chains leave; prices are taken at their values."""
        successes, trials = self.run.success_fraction(target, objective=objective)
        return to_solution(successes, trials, None if self.joules is None else self.joules / trials, confidence)

    def per_solution_at_least(
        self, target: float | None = None, confidence: float = 0.99, *, objective: float | None = None
    ) -> float | None:
        """A lower bound on `per_solution` where no chain succeeded, else None.

        None of n chains having succeeded, p ≤ 1 − 0.05^(1/n) at 95 % confidence (one-sided), and the bound is
        `per_solution` at that p and at the low ends of all ranges.
        """
        successes, trials = self.run.success_fraction(target, objective=objective)
        repeats = repeats_to_target(most_without_success(trials), confidence)
        if self.lower_bound is None or successes:
            return None
        return self.lower_bound / trials * repeats

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: all but the run, and what needs a diagnosis or a target."""
        return {
            "machine": self.machine,
            "boundary": self.boundary,
            "joules": self.joules,
            "interval": None if self.interval is None else list(self.interval),
            "lower_bound": self.lower_bound,
            "without_idle": self.without_idle,
            "net_of_idle": self.net_of_idle,
            "usage": self.usage.to_dict(),
            "full_batch": self.full_batch,
            "per_sample": self.per_sample,
            "evidence": None if self.evidence is None else self.evidence.value,
            "reasons": list(self.reasons),
            "rows": [row.to_dict() for row in self.rows],
        }


def price(
    run: Run,
    boundary: str | None = None,
    prices: PriceTable | None = None,
    uplifts: Mapping[str, Uplift | Mapping[str, Any]] | None = None,
    *,
    full_batch: bool = False,
    usage: Usage | None = None,
) -> EnergyLedger:
    """What a run cost in joules at a boundary.

    joules = Σ counts × price + Σ seconds × power, then for each boundary on the way from the one the prices
    are stated at to the one asked for: joules × factor + power × (device time + standby).

    Parameters
    ----------
    run : Run
    boundary : str, optional
        One of `pbits.parameters.BOUNDARIES`; by default the one at which the prices are stated.
    prices : PriceTable, optional
        Instead of those stored with the run.
    uplifts : mapping, optional
        Your own, by the boundary reached: an `Uplift`, which is the whole of that step, or {"factor": 1.2, "power_w":
        10.0}, which come before the machine's, count as assumed; what is not given is what the machine
        states, or nothing. Each is a number, a range (low, high) or a `Parameter`.
    full_batch : bool
        Charge a machine that many runs can share (a processor, an array that holds many copies) this run's share of
        a batch large enough to fill it, instead of all the time that this run alone took. Nothing changes for a
        machine without such a share.
    usage : Usage, optional
        What the run shares with others, and what stands idle between them. By default the run is alone: it is charged
        a whole programming, no standby and no calibration.

    Returns
    -------
    EnergyLedger
        With joules None, and the reasons, where the total needs a price, a time or an uplift that nobody
        states, where the boundary is narrower than the prices, or where the machine has no prices. A price
        for something that did not happen is not needed.

    Raises
    ------
    ValueError
        For an unknown boundary, a count that is negative or not finite, or an uplift below 1.
    """
    if boundary is not None:
        check_boundary(boundary)
    usage = Usage() if usage is None else usage
    prices = run.prices if prices is None else prices
    known = {} if prices is None else prices.uplifts
    if prices is not None:
        _check_wider(run.machine, prices.boundary, uplifts or {})
    own = {check_boundary(name): _given_uplift(name, given, known.get(name)) for name, given in (uplifts or {}).items()}
    if prices is None:
        return _unknown(run, boundary, f"{run.machine} states no prices", full_batch, usage)
    stated = BOUNDARIES.index(prices.boundary)
    reached = stated if boundary is None else BOUNDARIES.index(boundary)
    if reached < stated:
        return _unknown(
            run,
            boundary,
            f"prices of {run.machine} include the whole {prices.boundary}; ask for {prices.boundary!r} or wider",
            full_batch,
            usage,
        )
    counts, times, device_time = usage.shared(run.counts, run.power_times, run.device_time, run.programming)
    if full_batch and run.full_batch_time is not None:
        share = batch_share(run.full_batch_time, run.device_time, device_time)
        times, device_time = _shared(times, device_time, share), share
    standby = usage.standby(device_time)
    account = _Account(run.machine)
    account.charge(counts, times, prices)
    if standby.value != 0:
        account.stand_by(standby, prices)
    if usage.runs_per_calibration is not None:
        account.calibrate(usage, prices)
    powered = device_time + standby
    account.idle(prices, powered)
    for name in BOUNDARIES[stated + 1 : reached + 1]:
        below = BOUNDARIES[BOUNDARIES.index(name) - 1]
        uplift = own.get(name, prices.uplifts.get(name))
        if uplift is None:
            account.miss(
                name,
                f"no uplift from {below} to {name} is known for {run.machine}; give "
                f"uplifts={{{name!r}: {{'factor': …, 'power_w': …}}}}",
            )
        else:
            account.widen(name, uplift, powered)
    return account.ledger(run, BOUNDARIES[reached], full_batch, usage)


def _check_wider(machine: str, stated: str, uplifts: Mapping[str, Any]) -> None:
    """Refuse an uplift that leads nowhere, which would be printed and change nothing."""
    for name in uplifts:
        if BOUNDARIES.index(check_boundary(name)) <= BOUNDARIES.index(stated):
            wider = BOUNDARIES[BOUNDARIES.index(stated) + 1 :]
            raise ValueError(
                f"an uplift to {name!r} is given for {machine}, whose prices include the whole {stated}; give one to "
                f"{', '.join(wider) or 'no boundary: there is none wider'}"
            )


def batch_share(share: Figure, alone: Figure, left: Figure) -> Figure:
    """The share of a full batch of what is left of a run, as large a part of it as of the whole run."""
    if share.value is None or alone.value is None or left.value is None or left == alone:
        return share
    return share * (left.value / alone.value if alone.value else 1.0)


def _shared(times: Mapping[str, Figure], alone: Figure, share: Figure) -> dict[str, Figure]:
    """Seconds by power state of a run's share of a full batch: all states shrink alike."""
    if times.keys() == {"active"}:
        return {"active": share}
    if alone.value is None or share.value is None:
        return dict(times)
    fraction = share.value / alone.value if alone.value else 1.0
    return {state: seconds * fraction for state, seconds in times.items()}


def _unknown(run: Run, boundary: str | None, reason: str, full_batch: bool, usage: Usage) -> EnergyLedger:
    return EnergyLedger(
        machine=run.machine,
        boundary=boundary,
        joules=None,
        interval=None,
        lower_bound=None,
        without_idle=None,
        rows=(),
        evidence=None,
        reasons=(reason,),
        net_of_idle=None,
        account=None,
        usage=usage,
        full_batch=full_batch,
        run=run,
    )


class _Account:
    """The rows written so far, their sum at the prices and at both ends, the same as a formula, and what is missing."""

    def __init__(self, machine: str) -> None:
        self.machine = machine
        self.rows: list[LedgerRow] = []
        self.reasons: list[str] = []
        self.total = self.low = self.high = self.busy = 0.0
        self.only_idle_is_missing = True
        self.standing: float | None = None
        self.formula = ""
        self.inputs: dict[str, Input] = {}
        self.clocks: dict[str, Figure] = {}

    def charge(self, run_counts: Mapping[str, float], times: Mapping[str, Figure], prices: PriceTable) -> None:
        counts = {item: Figure.of(count) for item, count in run_counts.items()}
        counts |= {f"power.{state}": seconds for state, seconds in times.items()}
        for item, count in counts.items():
            if count.value is not None and not (math.isfinite(count.value) and count.value >= 0):
                raise ValueError(f"the run counts {count.value} of {item}; a count is finite and not negative")
        table = prices.items()
        for item, count in counts.items():
            unit = "W" if item.startswith("power.") else "J"
            if unit == "W" and count.value:
                self.clocks[self._amount(item, count, "s")] = count
            entry = table.get(item)
            if not isinstance(entry, Included):
                self._add(item, count, entry, unit, prices.boundary)
                continue
            self.rows.append(_row(item, count, None, unit, prices.boundary, included_in=entry.in_))
            # Joules said to be in another row are nowhere when that row counts nothing.
            if count.value != 0 and Figure.of(counts.get(entry.in_, 0.0)).value == 0:
                self.miss(item, f"{item} is included in {entry.in_}, of which the run counts none")

    def stand_by(self, seconds: Figure, prices: PriceTable) -> None:
        table = prices.items()
        entry = table.get(STANDBY, table.get(IDLE))
        # What another price includes is paid by what the machine does, and in standby it does nothing.
        if seconds.value:
            self.clocks[self._amount(STANDBY, seconds, "s")] = seconds
        self._add(STANDBY, seconds, entry if isinstance(entry, Parameter) else None, "W", prices.boundary)

    def calibrate(self, usage: Usage, prices: PriceTable) -> None:
        assert usage.runs_per_calibration is not None
        entry = usage.calibration_j or prices.items().get(CALIBRATION)
        share = Figure.of(1 / usage.runs_per_calibration)
        self._add(CALIBRATION, share, entry if isinstance(entry, Parameter) else None, "J", prices.boundary)

    def idle(self, prices: PriceTable, powered: Figure) -> None:
        """What the machine would have drawn idle all the time that it was on."""
        entry = prices.items().get(IDLE)
        drawn = Figure.of(entry) * powered if isinstance(entry, Parameter) else Figure.of(None)
        self.standing = drawn.value

    def widen(self, name: str, uplift: Uplift, powered: Figure) -> None:
        factor = uplift.factor
        if factor is not None:
            below, added = self.total, None
            if factor.value is None or factor.interval is None:
                self.miss(name, f"the factor of the uplift to {name} is not stated")
            else:
                added = below * (factor.value - 1)
                self.total += added
                self.busy *= factor.value
                self.low *= factor.interval[0]
                self.high *= factor.interval[1]
                if self.standing is not None:
                    self.standing *= factor.value
                if self.formula:
                    key = self._input(f"{name} factor", factor, least=1.0)
                    self.formula = f"({self.formula}) * {key}"
            self.rows.append(_row(f"{name} factor", Figure.of(below), factor, "1", name, joules=added))
        if uplift.power is not None:
            remedy = f"; give uplifts={{{name!r}: {{'power_w': …}}}}"
            self._add(f"{name} power", powered, uplift.power, "W", name, remedy)

    def miss(self, item: str, reason: str) -> None:
        self.reasons.append(reason)
        self.only_idle_is_missing &= item == IDLE

    def ledger(self, run: Run, boundary: str, full_batch: bool, usage: Usage) -> EnergyLedger:
        contributing = [row for row in self.rows if row.joules]
        known = not self.reasons
        net = None if self.standing is None or not known else self.total - self.standing
        return EnergyLedger(
            machine=run.machine,
            boundary=boundary,
            joules=self.total if known else None,
            interval=(self.low, self.high) if known else None,
            lower_bound=self.low if known or contributing else None,
            without_idle=self.busy if self.only_idle_is_missing else None,
            rows=tuple(self.rows),
            evidence=Evidence.weakest(row.evidence for row in contributing if row.evidence is not None),
            reasons=tuple(self.reasons),
            net_of_idle=None if net is None or net < 0 else net,
            account=Account(self.formula or "0", self.inputs) if known else None,
            usage=usage,
            full_batch=full_batch,
            run=run,
        )

    def _add(
        self, item: str, count: Figure, entry: Parameter | None, unit: str, boundary: str, remedy: str = ""
    ) -> None:
        joules = None
        priced = Figure.of(entry) * count
        if count.value == 0:
            joules = 0.0
        elif entry is None or entry.value is None:
            self.miss(item, f"the price of {item} is not stated{remedy}")
        elif priced.value is None or priced.low is None or priced.high is None:
            self.miss(item, f"the run does not know its seconds for {item}")
        else:
            joules = priced.value
            self.total += priced.value
            self.busy += 0.0 if item in (IDLE, STANDBY) else priced.value
            self.low += priced.low
            self.high += priced.high
            amount = (
                self._powered(count) if item in _UPLIFTED else self._amount(item, count, "s" if unit == "W" else "1")
            )
            term = f"{amount} * {self._input(item, entry)}"
            self.formula = f"{self.formula} + {term}" if self.formula else term
        self.rows.append(_row(item, count, entry, unit, boundary, joules=joules))

    def _powered(self, seconds: Figure) -> str:
        """All seconds in which the machine is on: those of its states where they add up to them, so that one number
        stands for each stretch of time wherever it is charged."""
        known = [one.value or 0.0 for one in self.clocks.values()]
        if seconds.value and known and math.isclose(sum(known), seconds.value, rel_tol=1e-9):
            return f"({' + '.join(self.clocks)})"
        return self._amount("powered", seconds, "s")

    def _input(self, item: str, entry: Parameter, **bounds: float) -> str:
        one = Input.of(entry, slug(f"{self.machine} {item}"), f"{_named(item)} of {self.machine}", **bounds)
        self.inputs[one.key] = one
        return one.key

    def _amount(self, item: str, count: Figure, unit: str) -> str:
        """The count of a row as an input. All seconds of a run err together: they come of the same clock."""
        value, low, high = count.value, count.low, count.high
        assert value is not None
        assert low is not None
        assert high is not None
        # Seconds that may come to nothing have no factor down: they get the one up.
        low = low if low > 0 else value**2 / high
        kind = "seconds" if unit == "s" else "count"
        label = f"{_named(item)}, {kind}".replace(" power, seconds", " seconds")
        one = Input(
            key=slug(f"{self.machine} {item} {kind}"),
            label=f"{label} of {self.machine}",
            value=value,
            low=min(low, value),
            high=high,
            unit=unit,
            evidence=count.evidence,
            group=f"seconds of {self.machine}" if unit == "s" else "",
        )
        self.inputs[one.key] = one
        return one.key


def _named(item: str) -> str:
    """An item as readers call it: "active power", "weight read"."""
    name = f"{item.removeprefix('power.')} power" if item.startswith("power.") else item
    return name.replace("_", " ")


def _row(
    item: str,
    count: Figure,
    entry: Parameter | None,
    unit: str,
    boundary: str,
    *,
    joules: float | None = None,
    included_in: str = "",
) -> LedgerRow:
    price = Figure.of(entry)
    grades = [grade for grade in (price.evidence, count.evidence) if grade is not None]
    return LedgerRow(
        item=item,
        count=count.value,
        count_low=count.low,
        count_high=count.high,
        unit=unit,
        price=price.value,
        low=price.low,
        high=price.high,
        joules=joules,
        included_in=included_in,
        evidence=Evidence.weakest(grades) if entry is not None else None,
        source="" if entry is None else entry.source,
        locator="" if entry is None else entry.locator,
        note="" if entry is None else entry.note,
        boundary=boundary,
    )


def _given_uplift(boundary: str, uplift: Uplift | Mapping[str, Any], known: Uplift | None) -> Uplift:
    """An uplift of the user's; of a mapping, what it does not give is what the machine states."""
    if isinstance(uplift, Uplift):
        return uplift
    where = f"uplifts[{boundary!r}]"
    if not isinstance(uplift, Mapping):
        raise ValueError(f"{where} is {uplift!r}; give {{'factor': …, 'power_w': …}}, or an Uplift")
    if not set(uplift) <= {"factor", "power_w"}:
        raise ValueError(f"{where} has keys {sorted(uplift)}; allowed are 'factor' and 'power_w'")
    if not uplift:
        raise ValueError(f"{where} is empty; an uplift needs a factor, a power, or both")
    stated = {} if known is None else {"factor": known.factor, "power": known.power}
    parts = {key: part for key, part in stated.items() if part is not None and part.value is not None}
    for key, given, unit in (("factor", "factor", "1"), ("power", "power_w", "W")):
        if given in uplift:
            parts[key] = _given(uplift[given], unit, f"{where}[{given!r}]")
            if parts[key].value is None:
                del parts[key]
    return Uplift(**parts) if parts else Uplift(factor=_given(1.0, "1", where))


def _given(value: Any, unit: str, where: str) -> Parameter:
    """A number of the user's: exact, a range (low, high) about its middle, or a parameter; 0 W is nothing at all."""
    if isinstance(value, Parameter):
        return value
    ends: Any = value if isinstance(value, list | tuple) else (value, value)
    try:
        low, high = map(float, ends)
    except (TypeError, ValueError):
        raise ValueError(f"{where} is {value!r}; give a number, a range (low, high), or a Parameter") from None
    if unit == "W" and high == 0:
        return Parameter(value=None, unit=unit, note="given by the user: none")
    if not (0 < low <= high < math.inf):
        raise ValueError(f"{where} is {value!r}; it must be positive and finite, and a range in order")
    middle = math.sqrt(low * high) if low < high else low
    return Parameter(value=middle, unit=unit, low=low, high=high, evidence=Evidence.ASSUMED, note="given by the user")
