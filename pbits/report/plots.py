"""Charts of runs as inline SVG: the same bytes every time, and text that stays text."""

from __future__ import annotations

import io
import math
import re
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from pbits.report.lanes import check_timeline, in_order
from pbits.report.quantities import amount, number, si, times, words

#: Told apart by the colour-blind (M. Okabe and K. Ito, 2008); every machine also has a marker of its own.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
INK, MUTED, FAINT, ALARM = "#222222", "#6b7280", "#d5d9de", "#b3261e"

_STYLE: dict[Any, Any] = {
    **{"font.family": "sans-serif", "font.size": 9.5, "text.color": INK, "axes.labelcolor": INK},
    **{"axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": MUTED, "axes.linewidth": 0.8},
    **{"xtick.color": MUTED, "ytick.color": MUTED, "xtick.labelcolor": INK, "ytick.labelcolor": INK},
    **{"xtick.labelsize": 9, "ytick.labelsize": 9, "legend.frameon": False, "legend.fontsize": 9},
    # City names may hold a dollar sign, which is no mathematics.
    **{"text.parse_math": False, "svg.fonttype": "none", "figure.dpi": 72, "axes.unicode_minus": True},
}
_WIDE, SMALL, _BROAD = 4.7, 3.1, 7.4
_PHASE_FILLS = (("#1f4e79", ""), ("#8fb8de", ""), ("#f0c987", "//"), ("#c9c9c9", ".."), ("#8e6c8a", "\\\\"))
_PHASES = ("programming", "warm-up", "sweeping", "sampling", "read-out")
_SPAN_FILLS = {
    **{"programming": "#1f4e79", "start states": "#4d7ea8", "warm-up": "#c9d8e8", "sweeping": "#8fb8de"},
    **{"sampling": "#8fb8de", "read-out": "#e0a23c", "transfer": "#8e6c8a"},
}
# A stretch that is drawn beside the whole run, where that would hide it: so many frames.
_FRAMES = 4
_MOST_LABELS = 16
_LOW_END, _HIGH_END = ("#8fb8de", ""), ("#1f4e79", "")
_MOST_SWINGS, _LEAST_SHARE = 10, 0.0005
_APART = 8


def traces(rows: Sequence[tuple[str, int, Mapping[str, Any]]], key: str) -> Drawing:
    """Energy against sweep for all machines: (name, number of its colour, trace).

    Where one is far above all that the best one passes through, energies are counted from the lowest and drawn
    logarithmically, so that it does not press the others flat.
    """
    lowest = min(float(np.nanmin(floats(trace["lowest"]))) for _, _, trace in rows)
    means = [floats(trace["mean"]) - lowest for _, _, trace in rows]
    widest = max(float(np.nanmax(mean)) for mean in means)
    best = min(means, key=lambda mean: mean[-1])
    far = widest > _APART * float(np.nanmax(best))
    # Linear up to where the best one ends, with no more than three decades above.
    knee = max(float(best[-1]), widest / 1000)
    base = lowest if far else 0.0
    with styled():
        figure, axes = _canvas(_WIDE, 3.6)
        for place, (name, k, trace) in enumerate(rows):
            sweeps, colour = trace["sweeps"], _of(COLOURS, k)
            apart = max(1, len(sweeps) // 7)
            # Thinner and thinner, with shifted markers, so that lines on top of each other can all be seen.
            axes.plot(
                sweeps, floats(trace["mean"]) - base, color=colour, lw=max(2.6 - 0.45 * place, 0.8), ms=4.5,
                marker=_of(MARKERS, k), markevery=(place * apart // len(rows), apart), label=name,
            )  # fmt: skip
            axes.plot(sweeps, floats(trace["lowest"]) - base, color=colour, lw=0.9, ls=(0, (2, 1.5)), alpha=0.8)
        axes.set_xlabel("sweeps")
        axes.set_ylabel("energy E(s)")
        if far:
            axes.set_yscale("symlog", linthresh=knee)
            axes.set_ylim(bottom=-0.08 * knee)
            axes.yaxis.set_major_formatter(lambda value, _: number(value))
            axes.set_ylabel(f"E(s) above the lowest, {number(lowest)}\nlogarithmic beyond {number(knee)}")
        axes.grid(axis="y", color=FAINT, lw=0.5)
        figure.legend(loc="outside lower center", ncols=2)
        return svg(figure, key, "energy against sweeps, mean and lowest over chains, all machines")


def law(distance: Mapping[str, Any], k: int, key: str) -> Drawing:
    """Shares of the states: sampled as bars, exact as outlines."""
    sampled, law_ = floats(distance["sampled"]), floats(distance["exact"])
    places = np.arange(len(sampled))
    with styled():
        figure, axes = _canvas(SMALL, 2.3)
        axes.bar(places, sampled, width=0.8, color=_of(COLOURS, k), alpha=0.65, label="sampled")
        axes.bar(places, law_, width=0.8, fill=False, edgecolor=INK, linewidth=1.1, label="exact")
        if len(sampled) <= _MOST_LABELS:
            bits = ["".join("1" if value > 0 else "0" for value in state) for state in distance["states"]]
            axes.set_xticks(places, bits, rotation=90 if len(bits) > 4 else 0, fontsize=8, family="monospace")
        else:
            axes.set_xticks([])
        axes.set_ylabel("share")
        figure.legend(loc="outside lower center", ncols=2)
        return svg(figure, key, "sampled and exact share of each state")


def joules(rows: Sequence[Mapping[str, Any]], label: str, key: str) -> Drawing:
    """Joules on a logarithmic axis with whiskers over the stated ranges.

    Each row has `name`, `colour` (its number), and what a document says under "quality".
    """
    with styled():
        figure, axes = _canvas(_WIDE, 0.9 + 0.42 * len(rows))
        known = [row[part] for row in rows for part in ("joules", "low", "high", "at_least") if row[part]]
        axes.set_xscale("log")
        axes.set_xlim(min(known) / 3, max(known) * 12)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        for place, row in enumerate(rows):
            colour, marker = _of(COLOURS, row["colour"]), _of(MARKERS, row["colour"])
            aside = {"xytext": (7, 0), "textcoords": "offset points", "va": "center", "fontsize": 9}
            if row["joules"] is not None:
                low, high = row["low"] or row["joules"], row["high"] or row["joules"]
                axes.plot([low, high], [place, place], "-", color=colour, lw=1.6, marker="|", ms=8)
                axes.plot(row["joules"], place, marker, color=colour, ms=6)
                axes.annotate(si(row["joules"], "J"), (high, place), **aside)
            elif row["at_least"] is not None:
                axes.plot(row["at_least"], place, ">", color=colour, mfc="white", ms=7)
                axes.annotate(f"more than {si(row['at_least'], 'J')}", (row["at_least"], place), **aside)
            else:
                axes.annotate("not stated", (axes.get_xlim()[0], place), color=MUTED, **aside)
        axes.set_yticks(range(len(rows)), [f"{row['name']}\n{_at(row)}".strip() for row in rows])
        axes.xaxis.set_major_formatter(lambda value, _: si(value, "J"))
        axes.xaxis.set_major_locator(LogLocator(numticks=6))
        axes.xaxis.minorticks_off()
        axes.set_xlabel(label)
        axes.grid(axis="x", color=FAINT, lw=0.5)
        return svg(figure, key, f"{label}, with the stated ranges")


def _at(row: Mapping[str, Any]) -> str:
    return ", ".join(part for part in (row["boundary"], "full batch" if row["full_batch"] else "") if part)


def phases(rows: Sequence[tuple[str, Mapping[str, float | None], float | None]], key: str) -> Drawing:
    """Shares of the device time by phase: (name, seconds by phase, seconds in all)."""
    found = {kind for _, spent, _ in rows for kind in spent}
    kinds = [kind for kind in _PHASES if kind in found] + sorted(found - set(_PHASES))
    with styled():
        figure, axes = _canvas(_WIDE, 1.0 + 0.36 * len(rows))
        for place, (_, spent, total) in enumerate(rows):
            known = sum(seconds for seconds in spent.values() if seconds)
            left = 0.0
            for kind, (fill, hatch) in zip(kinds, _PHASE_FILLS * len(kinds)):
                share = (spent.get(kind) or 0.0) / known if known else 0.0
                axes.barh(place, share, left=left, height=0.6, color=fill, hatch=hatch, edgecolor="white", lw=0.5)
                left += share
            unknown = [kind for kind in kinds if kind in spent and spent[kind] is None]
            note = si(total, "s")
            if unknown and known:
                note = f"{', '.join(unknown)} not stated"
            axes.annotate(note, (left, place), xytext=(6, 0), textcoords="offset points", va="center", fontsize=9)
        handles = [
            Patch(facecolor=fill, hatch=hatch, edgecolor="white", label=kind)
            for kind, (fill, hatch) in zip(kinds, _PHASE_FILLS * len(kinds))
        ]
        axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(0, 1.3)
        axes.set_xticks([0, 0.5, 1], ["0", "50 %", "100 %"])
        axes.set_xlabel("share of the seconds that are stated")
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
        return svg(figure, key, "share of device time by phase of work")


def gantt(timeline: Mapping[str, Any] | None, key: str = "gantt") -> Drawing:
    """What a machine did when, as an SVG: the whole run, and its first frames where the whole would hide them.

    A bar is as high as its lane is busy, so a lower one stands for pieces with waiting between them.

    Parameters
    ----------
    timeline : mapping
        `Run.timeline`.
    key : str
        Keeps the ids of several pictures on a page apart.

    Raises
    ------
    ValueError
        For a run without a timeline, and for one without spans: its device time is nought or not known.
    """
    timeline = check_timeline(timeline)
    if not timeline["spans"]:
        raise ValueError("this timeline has no spans: the device time of the run is nought, or is not stated")
    window = first_frames(timeline)
    lanes = len(timeline["lanes"])
    with styled():
        panels = 1 if window is None else 2
        figure = Figure(figsize=(_BROAD, 0.55 + panels * (0.6 + 0.3 * lanes)), layout="constrained")
        upper, *lower = figure.subplots(panels, 1, squeeze=False).ravel()
        draw_spans(upper, timeline, (0.0, timeline["device_time_s"]))
        upper.set_title("the whole run", fontsize=9, loc="left")
        for axes in lower:
            assert window is not None
            draw_spans(axes, timeline, window)
            axes.set_title(f"its first frames, from {si(window[0], 's')} on", fontsize=9, loc="left")
        shown = dict.fromkeys(span["phase"] for span in timeline["spans"])
        handles = [Patch(facecolor=_SPAN_FILLS.get(phase, MUTED), label=phase) for phase in shown]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
        return svg(figure, key, "what each lane of the machine does when")


def first_frames(timeline: Mapping[str, Any]) -> tuple[float, float] | None:
    """Device seconds around the first frames that are handed on; None where they fill the run, or there are none."""
    singles = [span for span in timeline["spans"] if span["lane"] in ("read-out", "transfer") and span["pieces"] == 1]
    reads = [span for span in singles if span["lane"] == singles[0]["lane"]][:_FRAMES]
    if not reads:
        return None
    first, last = reads[0]["start_s"], reads[-1]["end_s"]
    start = max(0.0, first - max(0.15 * (last - first), timeline["frame_s"].get("sampling", 0.0)))
    return (start, last) if last - start < 0.3 * timeline["device_time_s"] else None


def draw_spans(axes: Axes, timeline: Mapping[str, Any], window: tuple[float, float]) -> None:
    """The spans of a timeline between two moments, counted from the first; a row for each lane."""
    lanes = in_order(timeline["lanes"])
    start, end = window
    stacked: dict[tuple[str, float, float], float] = {}
    for span in timeline["spans"]:
        left, right = max(span["start_s"], start), min(span["end_s"], end)
        if right <= left or span["lane"] not in lanes:
            continue
        place = (span["lane"], span["start_s"], span["end_s"])
        below = stacked.get(place, 0.0)
        height = 0.7 * span["busy_s"] / (span["end_s"] - span["start_s"])
        stacked[place] = below + height
        fill = _SPAN_FILLS.get(span["phase"], MUTED)
        # A thin bar is drawn as a line of its own colour, or it would not be seen at all.
        edge = "white" if right - left > 0.01 * (end - start) else fill
        row = lanes.index(span["lane"])
        bottom = row + 0.35 - below - height
        axes.barh(bottom, right - left, height, left - start, align="edge", color=fill, edgecolor=edge, lw=0.5)
    axes.set_yticks(range(len(lanes)), lanes)
    axes.set_ylim(len(lanes) - 0.5, -0.5)
    axes.set_xlim(0, end - start)
    axes.xaxis.set_major_formatter(lambda value, _: si(value, "s") if value else "0")
    axes.xaxis.set_major_locator(MaxNLocator(6))


def tornado(swings: Sequence[Mapping[str, Any]], value: float, label: str, key: str) -> Drawing:
    """What each number does to a figure between the ends of its range, the widest first, on a logarithmic axis.

    Parameters
    ----------
    swings : sequence of mapping
        `Swing` documents: label, low, high, share, evidence.
    value : float
        The figure with every number as stated; all bars start from it.
    label : str
        What the figure is.
    key : str
        Keeps the ids of several pictures on a page apart.
    """
    shown = [one for one in swings if one["share"] >= _LEAST_SHARE][:_MOST_SWINGS]
    with styled():
        figure, axes = _canvas(_BROAD, 1.0 + 0.42 * len(shown))
        for place, one in enumerate(shown):
            for end, fill, hatch in ((one["low"], *_LOW_END), (one["high"], *_HIGH_END)):
                axes.barh(place, end - value, left=value, height=0.62, color=fill, hatch=hatch, edgecolor="white")
                outward = 1 if end == max(one["low"], one["high"]) else -1
                axes.annotate(
                    times(end), (end, place), xytext=(5 * outward, 0), textcoords="offset points", va="center",
                    ha="left" if outward > 0 else "right", fontsize=9,
                )  # fmt: skip
        axes.axvline(value, color=INK, lw=0.8)
        ends = [value, *(one[end] for one in shown for end in ("low", "high"))]
        axes.set_xscale("log")
        room = max(max(ends) / min(ends), 1.2) ** 0.14
        axes.set_xlim(min(ends) / room, max(ends) * room)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        names = [f"{textwrap.fill(one['label'], 44)}\n{_grade_and_share(one)}" for one in shown]
        axes.set_yticks(range(len(shown)), names)
        _plain_log(axes.xaxis)
        axes.set_xlabel(label)
        axes.grid(axis="x", color=FAINT, lw=0.5)
        axes.set_axisbelow(True)
        handles = [
            Patch(facecolor=fill, hatch=hatch, edgecolor="white", label=f"number at the {end} end of its range")
            for end, (fill, hatch) in (("low", _LOW_END), ("high", _HIGH_END))
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=2)
        return svg(figure, key, f"{label} with each number at the ends of its range")


def _grade_and_share(one: Mapping[str, Any]) -> str:
    grade = f"{words(one['evidence'])}, " if one["evidence"] else ""
    return f"{grade}{100 * one['share']:.0f} % of the spread"


def front(front: Mapping[str, Any], key: str) -> Drawing:
    """Quality against the joules spent so far: 95 % error bars, what is to be reached as a line, machines by name."""
    curves = [curve for curve in front["curves"] if any(value > 0 for value in curve["joules"])]
    with styled():
        figure, axes = _canvas(_BROAD, 4.0)
        for k, curve in enumerate(curves):
            joules_, quality = floats(curve["joules"]), floats(curve["quality"])
            bars = [quality - floats(curve["low"]), floats(curve["high"]) - quality]
            axes.errorbar(
                joules_, quality, yerr=np.maximum(bars, 0), color=_of(COLOURS, k), marker=_of(MARKERS, k),
                ms=4.5, lw=1.4, elinewidth=0.9, capsize=2, label=curve["machine"],
            )  # fmt: skip
        values = [value for curve in curves for value in curve["quality"] if value is not None]
        axes.set_xscale("log")
        # A gap or a score may come to nought, which has no place on a logarithmic axis.
        if min(values) > 0:
            axes.set_yscale("log")
            _plain_log(axes.yaxis)
        if front["target"] is not None:
            axes.axhline(front["target"], color=ALARM, lw=1, ls=(0, (5, 2)))
            axes.annotate(
                f"to be reached: {number(front['target'])}", (1, front["target"]), xycoords=("axes fraction", "data"),
                xytext=(0, 3), textcoords="offset points", ha="right", color=ALARM, fontsize=9,
            )  # fmt: skip
        axes.xaxis.set_major_formatter(lambda value, _: si(value, "J"))
        axes.xaxis.set_major_locator(LogLocator(numticks=8))
        axes.xaxis.minorticks_off()
        axes.set_xlabel(f"{front['x']} spent so far")
        axes.set_ylabel(
            f"{textwrap.fill(front['y'], 36)}\n({'lower' if front['lower_is_better'] else 'higher'} is better)"
        )
        axes.grid(color=FAINT, lw=0.5)
        figure.legend(loc="outside lower center", ncols=3)
        return svg(figure, key, f"{front['y']} against {front['x']}, all machines")


def break_even_map(map: Mapping[str, Any], key: str, claimed: float | None = None) -> Drawing:
    """The ratio over two numbers, on logarithmic axes: blue where the machine needs less, with the line of equality.

    Parameters
    ----------
    map : mapping
        `x` and `y` with label, unit and values, and `ratio`, a row for each value of y; null where there is none.
    key : str
        Keeps the ids of several pictures on a page apart.
    claimed : float, optional
        Draws the line of a claim too.
    """
    x, y = (np.array(map[axis]["values"], dtype=float) for axis in ("x", "y"))
    ratio = np.array([floats(row) for row in map["ratio"]])
    power = np.log10(np.where(ratio > 0, ratio, np.nan))
    reach = max(float(np.nanmax(np.abs(power))), 0.1)
    with styled():
        figure, axes = _canvas(5.4, 4.0)
        # Pieces over pieces, not one smooth image: as many shades as can be told apart, and a small file.
        levels = np.linspace(-reach, reach, 21)
        shades = axes.contourf(x, y, power, levels=levels, cmap="RdBu", vmin=-1.3 * reach, vmax=1.3 * reach)
        handles = []
        for value, style, colour in ((1.0, "-", INK), (claimed, "--", ALARM)):
            if value is not None and np.nanmin(ratio) < value < np.nanmax(ratio):
                axes.contour(x, y, power, levels=[math.log10(value)], colors=colour, linestyles=style)
                name = "equal" if value == 1 else f"{times(value)}×, as claimed"
                handles.append(Line2D([], [], color=colour, ls=style, label=name))
        axes.set_xscale("log")
        axes.set_yscale("log")
        for axis, side in ((axes.xaxis, map["x"]), (axes.yaxis, map["y"])):
            axis.set_major_formatter(lambda value, _, unit=side["unit"]: amount(value, unit))
            axis.set_major_locator(LogLocator(numticks=6))
            axis.set_minor_locator(NullLocator())
        axes.set_xlabel(map["x"]["label"])
        axes.set_ylabel(map["y"]["label"])
        if handles:
            figure.legend(handles=handles, loc="outside lower center", ncols=2)
        bar = figure.colorbar(shades, ax=axes, ticks=MaxNLocator(6, integer=True))
        bar.ax.yaxis.set_major_formatter(lambda value, _: times(10.0**value))
        bar.set_label("ratio: how much less the machine needs")
        return svg(figure, key, f"ratio over {map['x']['label']} and {map['y']['label']}")


def ladder(ledger: Mapping[str, Any], key: str) -> Drawing:
    """Joules up to each boundary as stacked bars of items; a row whose joules are unknown is named, not drawn."""
    known = [row for row in ledger["rows"] if row["joules"] and not row["included_in"]]
    unknown = [row["item"] for row in ledger["rows"] if row["joules"] is None and not row["included_in"]]
    boundaries = list(dict.fromkeys(row["boundary"] for row in ledger["rows"]))
    with styled():
        figure, axes = _canvas(_WIDE, 1.1 + 0.5 * len(boundaries))
        for place, _ in enumerate(boundaries):
            left = 0.0
            for k, row in enumerate(known):
                if boundaries.index(row["boundary"]) > place:
                    continue
                fill, hatch = _PHASE_FILLS[k % len(_PHASE_FILLS)]
                axes.barh(
                    place, row["joules"], left=left, height=0.6, color=fill, hatch=hatch, edgecolor="white", lw=0.5,
                    label=row["item"] if boundaries.index(row["boundary"]) == place else None,
                )  # fmt: skip
                left += row["joules"]
            axes.annotate(
                f"{'≥ ' if unknown else ''}{si(left, 'J')}", (left, place), xytext=(6, 0),
                textcoords="offset points", va="center", fontsize=9,
            )  # fmt: skip
        axes.set_xlim(0, 1.25 * sum(row["joules"] for row in known))
        axes.set_ylim(len(boundaries) - 0.4, -0.6)
        axes.set_yticks(range(len(boundaries)), boundaries)
        axes.xaxis.set_major_formatter(lambda value, _: si(value, "J") if value else "0")
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set_xlabel("joules of the whole run" + (f"; not stated: {', '.join(unknown)}" if unknown else ""))
        figure.legend(loc="outside lower center", ncols=3)
        return svg(figure, key, "joules up to each boundary, by item")


def _plain_log(axis: Axis) -> None:
    """Numbers as people read them, also where less than a decade is shown."""
    low, high = axis.get_view_interval()
    narrow = abs(math.log10(high / low)) < 1.5
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,), numticks=7))
    axis.set_major_formatter(lambda value, _: times(value))
    axis.set_minor_locator(NullLocator())


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def styled():
    return matplotlib.rc_context(_STYLE)


def _of(choices: Sequence[str], k: int) -> str:
    return choices[k % len(choices)]


def floats(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values])


class Drawing(str):
    """SVG for a page, with the figure it shows, which other formats are made from."""

    figure: Figure


def svg(figure: Figure, key: str, description: str) -> Drawing:
    """The figure for a page that may hold many: ids of its own, no date, scalable, and a text for readers."""
    buffer = io.StringIO()
    # The salt keeps ids the same from one time to the next, and different between the figures of a page.
    with matplotlib.rc_context({"svg.hashsalt": key}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="svg", transparent=True)
    body = buffer.getvalue()
    body = body[body.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.DOTALL)
    used = set(re.findall(r"#([\w-]+)", body))
    body = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", body)
    # The page sets the width; the shape is in the viewBox.
    opening = re.sub(r' (width|height|xmlns:xlink|version)="[^"]*"', "", body[: body.index(">")])
    if "xlink:" in body:
        opening += ' xmlns:xlink="http://www.w3.org/1999/xlink"'
    alternative = description.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    drawing = Drawing(f'{opening} role="img" aria-label="{alternative}"{body[body.index(">") :]}'.strip())
    drawing.figure = figure
    return drawing


def file_bytes(drawing: Drawing, form: str) -> bytes:
    """A drawing for a paper, as "svg" or "pdf": the same bytes every time, and nothing that a reader must have.

    Letters of a PDF are embedded as a TrueType font, those of an SVG are outlines.
    """
    # Without a date; matplotlib names the keys differently in each format.
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}[form]
    fonts: dict[Any, Any] = {"svg.fonttype": "path", "pdf.fonttype": 42, "svg.hashsalt": "pbits"}
    buffer = io.BytesIO()
    with styled(), matplotlib.rc_context(fonts), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        drawing.figure.savefig(buffer, format=form, metadata=undated)
    return buffer.getvalue()
