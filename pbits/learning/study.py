"""What a fault of machines costs a trained Boltzmann machine, and what training on the chip wins back."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from pbits.learning.inference import classify
from pbits.learning.likelihood import MAX_UNITS, exact_log_likelihood, units_to_enumerate
from pbits.learning.plan import LearningPlan
from pbits.learning.training import train
from pbits.models import BoltzmannModel, IsingModel
from pbits.models.boltzmann import Learnable
from pbits.schedule import Schedule
from pbits.streams import derived_seed
from pbits.substrate import Substrate, load

# Of the bootstrap of `Study.recovered`, and of the seeds of training.
_RESAMPLES, _TRAIN = 4000, 1


@dataclass(frozen=True, kw_only=True)
class StudyRow:
    """One chip at one value of the knob.

    Attributes
    ----------
    value : float or str
    chip : int
        Its chip_seed.
    accuracy, ideal : float
        Share of right classes by votes, on the chip and on the ideal machine, with the same seed.
    trained : float or None
        The same of the chip after it was trained on; None where it was not.
    likelihood, trained_likelihood : float or None
        Mean exact log-likelihood of the data under what the chip holds, nats; None where that is not Boltzmann or too
        large to sum.
    joules : float or None
        Of one classification; None where a price is not stated.
    """

    value: float | str
    chip: int
    accuracy: float
    ideal: float
    trained: float | None
    likelihood: float | None
    trained_likelihood: float | None
    joules: float | None


@dataclass(frozen=True, kw_only=True)
class Mean:
    """A mean over chips with its 95 % interval, by Student's t unless it says otherwise; None of one chip."""

    mean: float
    interval: tuple[float, float] | None

    @classmethod
    def of(cls, values: ArrayLike) -> Mean:
        row = np.asarray(values, dtype=np.float64)
        mean = float(row.mean())
        if len(row) < 2:
            return cls(mean=mean, interval=None)
        if not np.ptp(row):
            return cls(mean=float(row[0]), interval=(float(row[0]), float(row[0])))
        reach = float(stats.t.ppf(0.975, len(row) - 1) * row.std(ddof=1) / np.sqrt(len(row)))
        return cls(mean=mean, interval=(mean - reach, mean + reach))

    def __str__(self) -> str:
        if self.interval is None:
            return f"{self.mean:.4g}"
        low, high = self.interval
        if not np.isclose(self.mean - low, high - self.mean):
            return f"{self.mean:.4g} ({low:.3g} to {high:.3g})"
        return f"{self.mean:.4g} ± {high - self.mean:.2g}"


@dataclass(frozen=True, kw_only=True)
class Study:
    """Accuracy and likelihood against a knob, chip by chip.

    Attributes
    ----------
    knob : str
    rows : tuple of StudyRow
    """

    knob: str
    rows: tuple[StudyRow, ...]

    @property
    def values(self) -> tuple[float | str, ...]:
        return tuple(dict.fromkeys(row.value for row in self.rows))

    def mean(self, value: float | str, what: str) -> Mean | None:
        """Of a column over the chips; "gap" is ideal − accuracy chip by chip. None where a chip has none.

        Raises
        ------
        ValueError
            For a value that was not studied.
        """
        column = [self._gap(row) if what == "gap" else getattr(row, what) for row in self._at(value)]
        return None if any(entry is None for entry in column) else Mean.of(column)

    def recovered(self, value: float | str) -> Mean | None:
        """Share of the gap that training on the chip wins back, Σ(trained − accuracy)/Σ(ideal − accuracy) over chips.

        The interval is a 95 % percentile bootstrap over chips. None where chips were not trained, or where the
        interval of the gap is not above 0: then there is nothing to win back.
        """
        rows, gap = self._at(value), self.mean(value, "gap")
        if gap is None or gap.interval is None or gap.interval[0] <= 0:
            return None
        if any(row.trained is None for row in rows):
            return None
        lost = np.array([self._gap(row) for row in rows])
        won = np.array([row.trained - row.accuracy for row in rows if row.trained is not None])
        drawn = np.random.Generator(np.random.Philox(0)).integers(len(rows), size=(_RESAMPLES, len(rows)))
        of_draws = lost[drawn].sum(axis=1)
        if (of_draws <= 0).any():
            return None
        low, high = np.percentile(won[drawn].sum(axis=1) / of_draws, [2.5, 97.5])
        return Mean(mean=float(won.sum() / lost.sum()), interval=(float(low), float(high)))

    def table(self) -> list[dict[str, Any]]:
        """A row for each value: means over chips, as `Mean` or None."""
        columns = ("accuracy", "ideal", "gap", "trained", "likelihood", "trained_likelihood", "joules")
        return [
            {
                self.knob: value,
                "chips": len(self._at(value)),
                **{name: self.mean(value, name) for name in columns},
                "recovered": self.recovered(value),
            }
            for value in self.values
        ]

    def to_dict(self) -> dict[str, Any]:
        """For `pbits.report.study_plots`, and for JSON."""
        means = [
            {
                name: {"mean": entry.mean, "interval": entry.interval} if isinstance(entry, Mean) else entry
                for name, entry in line.items()
            }
            for line in self.table()
        ]
        return {"knob": self.knob, "rows": [vars(row) for row in self.rows], "means": means}

    def to_csv(self) -> str:
        """A line for each chip; what is unknown is left empty."""
        stream = io.StringIO()
        writer = csv.DictWriter(stream, fieldnames=list(vars(self.rows[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows(vars(row) for row in self.rows)
        return stream.getvalue()

    def to_markdown(self) -> str:
        """The table, without what no chip has."""
        heads, lines = self._cells()
        ruled = [heads, ["---"] * len(heads), *lines]
        return "\n".join("| " + " | ".join(line) + " |" for line in ruled)

    def __str__(self) -> str:
        heads, lines = self._cells()
        widths = [max(map(len, column)) for column in zip(heads, *lines)]
        return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths)).rstrip() for line in [heads, *lines])

    def plot(self) -> Any:
        """Accuracy, and likelihood where it is known, against the knob; a matplotlib figure."""
        from pbits.report.study_plots import study_figure

        return study_figure(self.to_dict())

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        table = self.table()
        heads = [name for name in table[0] if any(line[name] is not None for line in table)]
        lines = [["unknown" if line[name] is None else str(line[name]) for name in heads] for line in table]
        return [name.replace("_", " ") for name in heads], lines

    def _at(self, value: float | str) -> list[StudyRow]:
        rows = [row for row in self.rows if row.value == value]
        if not rows:
            raise ValueError(f"{value!r} was not studied; there are {', '.join(map(str, self.values))}")
        return rows

    @staticmethod
    def _gap(row: StudyRow) -> float:
        return row.ideal - row.accuracy


def study(
    model: BoltzmannModel,
    data: ArrayLike,
    labels: ArrayLike,
    *,
    machines: Mapping[Any, str | Substrate] | Callable[[Any], Substrate],
    values: Sequence[Any] | None = None,
    knob: str = "value",
    chips: int = 10,
    sweeps: int = 50,
    draws: int = 25,
    seed: int = 0,
    fine_tune: LearningPlan | None = None,
    training: tuple[ArrayLike, ArrayLike] | None = None,
) -> Study:
    """Put a trained machine on chips that lack something, and see what it still knows.

    The ideal machine answers for the same data with the same seed, so that differences are of pairs.

    Parameters
    ----------
    model : BoltzmannModel
        Trained, with label units.
    data, labels
        To test on: (m, d) spins and (m,) classes.
    machines : mapping or callable
        The machine of each value of the knob, or what makes it from one of `values`.
    values : sequence, optional
    knob : str
        What is varied, for the table.
    chips : int
        Chips of each value, of chip_seed 1, 2, …
    sweeps, draws : int
        Of votes, as `classify` takes them.
    seed : int
    fine_tune : LearningPlan, optional
        Lets each chip train on, from the weights of `model`.
    training : (data, labels), optional
        What it trains on then.

    Raises
    ------
    ValueError
        For no values, fewer than one chip, a plan without data to train on, or data that do not fit.
    NotMappable
        When a machine cannot hold the model.
    """
    if chips < 1:
        raise ValueError(f"chips is {chips}; give at least 1, and 2 for intervals")
    if (fine_tune is None) != (training is None):
        raise ValueError("training on the chip needs both fine_tune, a LearningPlan, and training, data and labels")
    if isinstance(machines, Mapping):
        made = {value: load(one) if not isinstance(one, Substrate) else one for value, one in machines.items()}
    else:
        made = {value: machines(value) for value in values or ()}
    if not made:
        raise ValueError("no values of the knob; give machines={value: machine}, or a callable and values=[…]")
    told = np.asarray(labels)
    votes: dict[str, Any] = {"sweeps": sweeps, "draws": draws, "seed": seed}
    rows = []
    ideal = _right(classify(model, data, machine="ideal", **votes).labels, told)
    for value, machine in made.items():
        for chip in range(1, chips + 1):
            found = classify(model, data, machine=machine, chip_seed=chip, **votes)
            trained = after = None
            if fine_tune is not None and training is not None:
                begun = derived_seed(seed, chip, _TRAIN)
                better = train(model, *training, plan=fine_tune, machine=machine, seed=begun, chip_seed=chip).model
                trained = _right(classify(better, data, machine=machine, chip_seed=chip, **votes).labels, told)
                after = realised_log_likelihood(better, data, told, machine, chip)
            rows.append(
                StudyRow(
                    value=value,
                    chip=chip,
                    accuracy=_right(found.labels, told),
                    ideal=ideal,
                    trained=trained,
                    likelihood=realised_log_likelihood(model, data, told, machine, chip),
                    trained_likelihood=after,
                    joules=found.joules_per_row,
                )
            )
    return Study(knob=knob, rows=tuple(rows))


def realised_log_likelihood(
    model: Learnable, data: ArrayLike, labels: ArrayLike, machine: Substrate, chip_seed: int
) -> float | None:
    """Mean of ln P(v, y) under what a chip holds of a model, nats; None where that is no Boltzmann law on the sites of
    the model, or too large to be summed."""
    program = machine.compile(model.to_model(), Schedule(), chip_seed=chip_seed)
    if program.law(1.0).kind != "boltzmann":
        return None
    held = program.realised(1.0)
    if not isinstance(model, BoltzmannModel) or not isinstance(held, IsingModel) or held.n != model.n:
        return None
    first, second, couplings = held.edges()
    chip = BoltzmannModel(
        n=model.n,
        edges=np.column_stack([first, second]),
        couplings=couplings,
        fields=held.h,
        visible=model.visible,
        labels=model.labels,
    )
    if units_to_enumerate(held) > MAX_UNITS:
        return None
    return exact_log_likelihood(chip, data, labels).mean


def _right(found: NDArray[np.int64], labels: NDArray) -> float:
    return float((found == labels).mean())
