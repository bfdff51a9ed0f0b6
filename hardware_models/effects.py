"""Small non-idealities of spin machines, one class each: what a chip makes of the model it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pbits.mapping import FixedPoint
from pbits.models import IsingModel
from pbits.streams import Stream, Streams


class Effect(Protocol):
    """A non-ideality: model in, model out, and what it did."""

    def realise(
        self, model: IsingModel, beta: float, cells: NDArray[np.int64], streams: Streams
    ) -> tuple[IsingModel, dict[str, Any]]:
        """The model a chip holds at β with its sites on `cells`, and notes for the record.

        Device-to-device draws come from CHIP and belong to cells: one chip is one chip for every model.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class FixedPointCouplings:
    """βJ and βh are stored as fixed-point numbers.

    realised J = round(βJ)/β and realised h = round(βh)/β, with saturation. At β = 0 nothing is left to round.
    """

    number: FixedPoint

    def realise(
        self, model: IsingModel, beta: float, cells: NDArray[np.int64], streams: Streams
    ) -> tuple[IsingModel, dict[str, Any]]:
        if beta == 0:
            return model, {}
        i, j, w = model.edges()
        couplings, of_couplings = self.number.round(beta * w)
        fields, of_fields = self.number.round(beta * model.h)
        rounded = IsingModel.from_edges(model.n, np.column_stack([i, j]), couplings / beta, fields / beta, model.offset)
        report = of_couplings + of_fields
        return rounded, {
            "fixed_point": {
                "numbers": report.total,
                "saturated": report.saturated,
                "rounded_to_zero": report.vanished,
                "largest_error_in_beta_j": report.largest_error,
                "step_in_beta_j": self.number.step,
            }
        }


@dataclass(frozen=True, kw_only=True)
class OffsetMismatch:
    """Each p-bit's input has a fixed error: P(s_i = +1) = σ(2(βI_i + δ_i)), δ_i ~ N(0, sigma_d2d²) per chip.

    A chip does not know β, so sigma_d2d is in units of βI, the argument of the tanh, and realised
    h = h + δ/β: the hotter the model, the more the offset weighs in it. The law moves and stays Boltzmann.

    Raises
    ------
    ValueError
        For a spread below 0 or not finite; at β = 0, where no model says what a p-bit with an offset does.
    """

    sigma_d2d: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.sigma_d2d) and self.sigma_d2d >= 0):
            raise ValueError(f"sigma_d2d is {self.sigma_d2d}; a spread must be finite and at least 0")

    def realise(
        self, model: IsingModel, beta: float, cells: NDArray[np.int64], streams: Streams
    ) -> tuple[IsingModel, dict[str, Any]]:
        if beta == 0:
            raise ValueError(
                "at β = 0 a p-bit with an input offset is still biased, which no model at β = 0 can say; "
                "take a small β instead"
            )
        of_chip = streams.generator(Stream.CHIP, "OffsetMismatch").standard_normal(int(cells.max()) + 1)
        offsets = self.sigma_d2d * of_chip[cells]
        return IsingModel(model.csr, model.h + offsets / beta, model.offset), {}
