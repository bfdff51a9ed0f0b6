"""What a compiler tells of a plan: what was chosen, how good it is, and how to read it out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Advice:
    """How to read a circuit out.

    Attributes
    ----------
    accuracy : float
        Relative error of the covariance, root mean square, in the Frobenius norm.
    interval : float
        Between read-outs, in slowest relaxation times: at it a covariance takes a tenth more time than if it were
        watched all the time.
    draws : int
        One every interval.
    burn_in : float
        In slowest relaxation times, until the covariance is as accurate as that.
    interval_s, seconds : float, optional
        Of an interval, and of burn-in and all draws, without their conversion; None where R or C is not stated.
    """

    accuracy: float
    interval: float
    draws: int
    burn_in: float
    interval_s: float | None
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a compiler chose and why, and how good it is; `str` of it is a text to read.

    Attributes
    ----------
    mapping, coupling, cell, transform, mean : str
        As in `Design`.
    sites, cells : int
    findings : tuple of str
        Why what would have taken less could not be.
    digital_work : str
        What is left to a computer.
    scale : float, optional
        Siemens or farads per unit of A; None where not stated.
    volts : float, optional
        Per unit of what is converted; None where not stated.
    headroom_sd : float, optional
        By how many standard deviations the tightest cell's mean stays away from ±swing_v; None without one.
    component_step : float
        Distance of programmable values in units of A; 0 for exact ones.
    component_error : float
        Of the largest rounding, in units of A.
    covariance_error, covariance_error_first_order : float
        What rounding does: ‖δΣ‖/‖Σ‖ (Frobenius), exactly and by δΣ = −Σ δA Σ; infinite where rounded components hold
        nothing.
    mean_error : float
        ‖δm‖/‖m‖, or ‖δm‖ where m is 0.
    relaxation : (float, float)
        Slowest and fastest, in units of `Plan.time_s`.
    relaxation_s : (float, float), optional
    condition : float
        Of A.
    """

    mapping: str
    coupling: str
    cell: str
    transform: str
    mean: str
    sites: int
    cells: int
    findings: tuple[str, ...]
    digital_work: str
    scale: float | None
    volts: float | None
    headroom_sd: float | None
    component_step: float
    component_error: float
    covariance_error: float
    covariance_error_first_order: float
    mean_error: float
    relaxation: tuple[float, float]
    relaxation_s: tuple[float, float] | None
    condition: float

    def __str__(self) -> str:
        unit, whole = ("S", "conductance") if self.mapping == "conductance" else ("F", "capacitance")
        lines = [
            f"{self.sites} sites on {self.cells} {self.cell.upper()} cells, {self.coupling} coupling, "
            f"{self.mapping} mapping",
            *(f"not {finding}" for finding in self.findings),
            f"left to a computer: {self.digital_work}",
            f"scale: {_told(self.scale, unit)} of {whole} per unit of A, {_told(self.volts, 'V')} per unit read",
        ]
        if self.headroom_sd is not None:
            lines.append(f"headroom: {self.headroom_sd:.3g} standard deviations before a voltage clips")
        if self.component_step:
            lines.append(
                f"components in steps of {self.component_step:.3g}: covariance off by {self.covariance_error:.3g} "
                f"(first order {self.covariance_error_first_order:.3g}), mean by {self.mean_error:.3g}"
            )
        slowest, fastest = self.relaxation_s or self.relaxation
        what = "s" if self.relaxation_s else "units"
        lines.append(f"relaxation: {slowest:.3g} to {fastest:.3g} {what}, condition of A {self.condition:.3g}")
        return "\n".join(lines)


def _told(value: float | None, unit: str) -> str:
    return "not stated" if value is None else f"{value:.3g} {unit}"
