"""What each lane of a machine does with the device time, and which of them holds up the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pbits.report.quantities import NONE, number, percent, si

#: Headings of `utilisation`.
HEADINGS = ("Lane", "Pieces", "Busy", "Share of the device time", "Saved if it were free")

# The way of a frame; a stored document may have its keys in any order.
_ORDER = ("programming", "sampling", "read-out", "transfer")
_PLURAL = {"read-out": "read-outs", "transfer": "transfers"}
# A frame's sweeps and its read-out take equally long up to the rounding of their quotient.
_ROUNDING = 1e-9


def in_order(names: Iterable[str]) -> list[str]:
    """Lanes from the cells to the host, any others last."""
    return sorted(names, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))


def check_timeline(timeline: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The timeline of a run that has one."""
    if timeline is None:
        raise ValueError(
            "this run was stored without a timeline; run it again (a machine from outside may tell of none)"
        )
    return timeline


def utilisation(timeline: Mapping[str, Any] | None) -> list[list[str]]:
    """A row of text for each lane, under `HEADINGS`.

    Parameters
    ----------
    timeline : mapping
        `Run.timeline`.

    Raises
    ------
    ValueError
        For a run without one.
    """
    timeline = check_timeline(timeline)
    return [
        [
            name,
            number(lane["pieces"]),
            si(lane["busy_s"], "s"),
            percent(lane["share"]),
            NONE if lane["saves_s"] is None else si(lane["saves_s"], "s"),
        ]
        for name in in_order(timeline["lanes"])
        for lane in [timeline["lanes"][name]]
    ]


def bottleneck(timeline: Mapping[str, Any] | None, steps_per_sample: int | None = None) -> str:
    """Which lane holds up the machine, and what would change that, in a few sentences.

    Parameters
    ----------
    timeline : mapping
        `Run.timeline`.
    steps_per_sample : int, optional
        Of the schedule, if it samples; with it, how many would balance sampling with what is slower.

    Raises
    ------
    ValueError
        For a run without a timeline.

    Examples
    --------
    >>> import pbits
    >>> model = pbits.IsingModel([[0, 1], [1, 0]])
    >>> run = pbits.run(model, "extropic-z1", pbits.Schedule(n_samples=300, n_warmup=0, chains=1), seed=1)
    >>> sentences = bottleneck(run.timeline, run.schedule.steps_per_sample)
    >>> print(sentences.replace(": ", ":\\n").replace(". ", ".\\n"))
    Programming takes 1 s, 300 read-outs of 25 µs take 7.5 ms, and sampling takes 6 µs:
    programming is the bottleneck.
    Infinitely fast sampling would save 6 µs of 1.01 s (0.000596 %).
    The read-out of a frame takes 25 µs and its sampling 20 ns:
    they would balance at steps_per_sample = 1,250.
    """
    timeline = check_timeline(timeline)
    lanes = {name: timeline["lanes"][name] for name in in_order(timeline["lanes"])}
    unknown = [name for name, lane in lanes.items() if lane["busy_s"] is None]
    if unknown:
        return f"How long {' and '.join(unknown)} takes is not stated, so no bottleneck can be named."
    total, slowest = timeline["device_time_s"], timeline["bottleneck"]
    if not total or slowest not in lanes:
        return "Nothing takes device time."
    parts = [_taken(name, lane) for name, lane in sorted(lanes.items(), key=lambda entry: -entry[1]["busy_s"])]
    taken = f"{', '.join(parts[:-1])}, and {parts[-1]}" if len(parts) > 1 else parts[0]
    sentences = [f"{taken[0].upper()}{taken[1:]}: {_called(slowest)} is the bottleneck."]
    sampling = lanes.get("sampling")
    if sampling is not None and slowest != "sampling":
        saved = sampling["saves_s"]
        if saved is not None:
            part = f"{si(saved, 's')} of {si(total, 's')} ({percent(saved / total)})"
            sentences.append(f"Infinitely fast sampling would save {part}.")
    if steps_per_sample is not None and (balance := _balance(timeline, steps_per_sample)):
        sentences.append(balance)
    return " ".join(sentences)


def _taken(name: str, lane: Mapping[str, Any]) -> str:
    pieces, busy = lane["pieces"], lane["busy_s"]
    if name in _PLURAL and pieces > 1:
        return f"{number(pieces)} {_PLURAL[name]} of {si(busy / pieces, 's')} take {si(busy, 's')}"
    return f"{_called(name)} takes {si(busy, 's')}"


def _called(name: str) -> str:
    return f"the {name}" if name in _PLURAL else name


def _balance(timeline: Mapping[str, Any], steps_per_sample: int) -> str:
    """How many sweeps take as long as the slowest other thing that is done with each frame."""
    frame = {name: timeline["frame_s"][name] for name in in_order(timeline["frame_s"])}
    sampling = frame.pop("sampling", 0.0)
    slowest = max(frame, key=lambda name: frame[name], default=None)
    if slowest is None or not 0 < sampling < frame[slowest]:
        return ""
    ratio = frame[slowest] / sampling
    steps = number(int(steps_per_sample * ratio * (1 + _ROUNDING)))
    compared = f"The {slowest} of a frame takes {si(frame[slowest], 's')} and its sampling {si(sampling, 's')}"
    if timeline["buffers"] > 1:
        return f"{compared}: up to steps_per_sample = {steps}, more sweeps cost no device time."
    return f"{compared}: they would balance at steps_per_sample = {steps}."
