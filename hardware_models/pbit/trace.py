"""What a probe sees of stochastic devices: values at equal steps of time, under a known drive."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models.base import check_finite, read_only, real_array

# Times of a file may be off their grid by this share of a step: rounding of what an instrument prints.
_JITTER = 0.05


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """Values of devices side by side, sampled at equal steps of time.

    Attributes
    ----------
    dt_s : float
        Seconds from one sample to the next.
    values : (devices, samples) array
        A (samples,) array is one device. Integers stay as they are; anything else becomes float64.
    drive : float or (samples,) array
        What the devices were driven with, in the drive's own unit.

    Raises
    ------
    ValueError
        For a step that is not positive, values that are not finite, fewer than two samples, or a drive of
        another length.

    Examples
    --------
    >>> trace = Trace(dt_s=1e-9, values=[1, 1, -1, 1], drive=[0.0, 0.0, 0.5, 0.5])
    >>> [(drive, values.shape) for drive, values in trace.pieces()]
    [(0.0, (1, 2)), (0.5, (1, 2))]
    """

    dt_s: float
    values: ArrayLike
    drive: ArrayLike = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.dt_s) and self.dt_s > 0):
            raise ValueError(f"dt_s is {self.dt_s}; the time from sample to sample must be positive and finite")
        given = np.asarray(self.values)
        values = given.copy() if given.dtype.kind == "i" else real_array(given, "values", "samples")
        values = np.atleast_2d(values)
        if values.ndim != 2 or values.shape[1] < 2:
            raise ValueError(f"values has shape {given.shape}; expected (devices, samples), with two samples or more")
        check_finite(values, "values")
        drive = real_array(self.drive, "drive", "drives")
        if drive.shape not in ((), (values.shape[1],)):
            raise ValueError(f"drive has shape {drive.shape}; expected one number, or one for each of the samples")
        check_finite(drive, "drive")
        object.__setattr__(self, "values", read_only(values))
        object.__setattr__(self, "drive", read_only(drive))

    @property
    def devices(self) -> int:
        return np.shape(self.values)[0]

    @property
    def times_s(self) -> NDArray[np.float64]:
        """The time of each sample since the start; the first is one step after it."""
        return self.dt_s * np.arange(1, np.shape(self.values)[1] + 1)

    def pieces(self) -> list[tuple[float, NDArray[Any]]]:
        """(drive, values) of each stretch of constant drive, in order of time."""
        values, drive = np.asarray(self.values), np.asarray(self.drive)
        if not drive.ndim:
            return [(float(drive), values)]
        cuts = np.flatnonzero(np.diff(drive)) + 1
        return [(float(d[0]), v) for d, v in zip(np.split(drive, cuts), np.split(values, cuts, axis=1))]

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str]) -> Trace:
        """A measured trace of one device.

        The first line names the columns: time_s, value and, optionally, drive; others are left alone. Times rise in
        equal steps.

        Raises
        ------
        ValueError
            For a missing column, a line that holds no number where one belongs, or times that do not rise in equal
            steps; the message names the file and the line.
        """
        name = os.fspath(path)
        columns: dict[str, list[float]] = {"time_s": [], "value": [], "drive": []}
        with open(path, newline="", encoding="utf-8-sig") as stream:
            rows = csv.reader(stream)
            header = [title.strip() for title in next(rows, [])]
            missing = [title for title in ("time_s", "value") if title not in header]
            if missing:
                raise ValueError(
                    f"{name} has no column {' and no column '.join(missing)}; its first line must name the columns "
                    f"time_s, value and, optionally, drive, and reads {','.join(header)!r}"
                )
            places = {title: header.index(title) for title in columns if title in header}
            for row in rows:
                for title, place in places.items() if any(cell.strip() for cell in row) else ():
                    try:
                        columns[title].append(float(row[place]))
                    except (ValueError, IndexError):
                        found = repr(row[place]) if place < len(row) else "nothing"
                        raise ValueError(
                            f"{name}, line {rows.line_num}: {title} is {found}; it must be a number"
                        ) from None
        times = np.array(columns["time_s"])
        if len(times) < 2:
            raise ValueError(f"{name} holds {len(times)} samples; a trace has two or more")
        dt = float(times[-1] - times[0]) / (len(times) - 1)
        off = np.abs(np.diff(times) - dt)
        if not (np.isfinite(dt) and dt > 0 and off.max() <= _JITTER * dt):
            worst = int(off.argmax()) if np.isfinite(off).all() else 0
            raise ValueError(
                f"{name}: time_s does not rise in equal steps: sample {worst + 1} comes "
                f"{times[worst + 1] - times[worst]:.6g} s after the one before, and {dt:.6g} s is the mean; resample it"
            )
        return cls(dt_s=dt, values=columns["value"], drive=columns["drive"] or 0.0)
