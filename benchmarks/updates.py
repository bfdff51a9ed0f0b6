"""Updates per nanosecond, project and peers side by side: ``python -m benchmarks.updates``.

Every instance is held by all tools at once, and they take turns on the same anneal (β linear from 0.1 to 3 over the
size of a coupling) or at a fixed β. An update is one attempt to move one site. The marginal rate is that of the
sweeps alone, from two lengths of the same call; the call rate includes everything the call does.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks import limits as machine
from benchmarks import peers, plots, records
from benchmarks.instances import Absent, Instance, build, expand
from benchmarks.timing import Entrant, enter, race
from benchmarks.tools import Pbits, Tool, Work

# The states of more spins than this are not asked for at once.
MOST_SPINS = 1 << 26
AGREEMENT_SPINS = 300_000
AGREEMENT_CHAINS = 16
# Means may differ by this share: tools sweep in different orders.
ORDER = 0.003


def projects(
    instance: Instance, bits: Sequence[int], chains: Sequence[int], layouts: Sequence[str], rules: Sequence[str]
) -> list[Work]:
    """What the project is timed on: each accuracy, layout, rule and number of chains that differ for an instance.

    Without `chains`, 512 and 1 of them for couplings ±1, else 64 and 1.
    """
    many = 512 if instance.kind == "±1" else 64
    numbers = [k for k in (chains or (many, 1)) if k == 1 or k * instance.model.n <= MOST_SPINS]
    found = []
    for rule in rules:
        for layout in layouts:
            for number in numbers:
                parallel = instance.kind == "±1" and (number > 1 or instance.lattice is not None)
                for resolution in bits if parallel else bits[:1]:
                    found.append(
                        Work(sweeps=1, chains=number, rule=rule, layout=layout, threshold_bits=resolution)
                    )  # fmt: skip
                # Energies after every sweep, and none, of the same chains.
                if rule == "heat-bath":
                    fixed = replace(found[-1], schedule="fixed", threshold_bits=bits[0])
                    found += [replace(fixed, energies=False), replace(fixed, energies=True)]
    return found


def entrants(
    instance: Instance, works: Iterable[Work], others: Iterable[type[Tool]], threads: Sequence[int], seconds: float
) -> tuple[list[Entrant], list[dict[str, str]]]:
    """All that can be timed on an instance, calibrated, and what cannot with the reason."""
    found: list[Entrant] = []
    skipped: list[dict[str, str]] = []
    plan: list[tuple[type[Tool], list[Work]]] = [(Pbits, list(works))]
    plan += [(other, [Work(schedule=s, sweeps=1, chains=other.chains) for s in other.schedules]) for other in others]
    for kind, tasks in plan:
        if reason := kind.refusal(instance):
            skipped.append({"instance": instance.name, "tool": kind.name, "reason": reason})
            continue
        start = time.perf_counter()
        tool = kind(instance)
        build_s = time.perf_counter() - start
        for work in tasks:
            for count in threads:
                # Chains are what threads share, so one chain more a thread, or one block more; of one chain a large
                # lattice alone is shared.
                alone = kind is Pbits and work.chains == 1
                if count > kind.threads or (alone and count > 1 and work.layout not in ("auto", "lattice")):
                    continue
                try:
                    task = replace(work, threads=count, chains=work.chains if alone else count * work.chains)
                    found.append(enter(tool, task, seconds, build_s))
                except (ValueError, TypeError, NotImplementedError) as error:
                    skipped.append({"instance": instance.name, "tool": kind.name, "reason": str(error)})
    return found, skipped


def agreement(
    instance: Instance, works: Iterable[Work], others: Iterable[type[Tool]], sweeps: int
) -> list[dict[str, Any]]:
    """Mean energies after the same work: each peer against each anneal of the project that has the peer's rule.

    Tools that know one β are compared there, at half the fixed β, where all have forgotten their start. They agree
    within five standard errors and 0.3 % for the order of sweeps.
    """
    hot = replace(instance, beta=instance.beta / 2)
    own = Pbits(hot)
    known: dict[Work, tuple[float, float]] = {}

    def ours(work: Work) -> tuple[float, float]:
        if work not in known:
            runs = -(-AGREEMENT_CHAINS // work.chains)
            known[work] = _mean(np.concatenate([own.run(work, seed=seed).energies for seed in range(runs)]))
        return known[work]

    rows = []
    for kind in others:
        if kind.refusal(instance) or not kind.counted:
            continue
        schedule = kind.schedules[0]
        default = Work(schedule=schedule, sweeps=sweeps, chains=64, energies=False)
        if schedule == "anneal":
            default = replace(default, rule=kind.rule)
        matching = [work.of(sweeps) for work in works if (work.schedule, work.rule) == (schedule, kind.rule)]
        theirs = _mean(kind(hot).run(replace(default, chains=AGREEMENT_CHAINS), seed=1).energies)
        for work in matching if schedule == "anneal" and matching else [default]:
            mean, error = ours(work)
            allowed = 5 * float(np.hypot(error, theirs[1])) + ORDER * abs(mean)
            rows.append(
                {
                    "instance": instance.name, "tool": kind.name, "schedule": schedule, "rule": work.rule,
                    "sweeps": sweeps, "chains": work.chains, "layout": work.layout,
                    "threshold_bits": work.threshold_bits, "ours": mean, "theirs": theirs[0], "allowed": allowed,
                    "agrees": abs(mean - theirs[0]) <= allowed,
                }
            )  # fmt: skip
    return rows


def _mean(energies: np.ndarray) -> tuple[float, float]:
    """Mean and its standard error; of a single mean the error is not known, and taken as none."""
    return float(energies.mean()), float(energies.std() / np.sqrt(len(energies)))


def ranked(rows: list[dict[str, Any]]) -> None:
    """Add to each row its ratio to the best peer of the same instance and threads, whatever its schedule."""
    for row in rows:
        rivals = [
            other["marginal_per_ns"]
            for other in rows
            if other["tool"] != "pbits" and other["counted"] and other["marginal_per_ns"]
            if (other["instance"], other["threads"]) == (row["instance"], row["threads"])
        ]
        known = row["counted"] and rivals and row["marginal_per_ns"]
        row["times_best_peer"] = row["marginal_per_ns"] / max(rivals) if known else None


def table(instance: Instance, rows: Sequence[dict[str, Any]]) -> Table:
    shown = Table(title=f"{instance.name}: {instance.model}", title_justify="left")
    for heading in ("tool", "layout", "schedule", "rule", "chains", "threads", "bits", "energies"):
        shown.add_column(heading)
    for heading in ("updates/ns", "whole call", "× best peer", "of random bits", "cpu/wall"):
        shown.add_column(heading, justify="right")
    for row in rows:
        share = row["shares"].get("random_bits")
        energies = {None: "", True: "each sweep", False: "none"}[row["energies"]]
        shown.add_row(
            row["tool"], row["layout"] or "", row["schedule"], row["rule"], str(row["chains"]), str(row["threads"]),
            str(row["threshold_bits"]) if row["layout"] in ("bits", "lattice") else "", energies,
            _figure(row["marginal_per_ns"]), _figure(row["call_per_ns"]),
            _figure(row["times_best_peer"]), f"{share:.0%}" if share else "",
            f"{row['cpu_per_wall']:.2f}{' (!)' if row['noisy'] else ''}",
            style="bold" if row["tool"] == "pbits" else None,
        )  # fmt: skip
    return shown


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def numbers(text: str) -> list[int]:
    """Whole numbers separated by commas."""
    return [int(part) for part in text.split(",") if part.strip()]


def main(
    instances: Annotated[str, typer.Option(help="Names and groups, with commas; see benchmarks/instances.py.")] = "",
    with_peers: Annotated[str, typer.Option("--peers", help="all, none, or beginnings of names.")] = "all",
    quick: Annotated[bool, typer.Option(help="Six instances, three rounds, one thread, two accuracies.")] = False,
    repeat: Annotated[int, typer.Option(min=2, help="Rounds; 3 with --quick.")] = 5,
    seconds: Annotated[float, typer.Option(help="Length of a call; 0.2 with --quick.")] = 0.5,
    threads: Annotated[str, typer.Option(help="Numbers of threads.")] = "1,2",
    bits: Annotated[str, typer.Option(help="Accuracies of a decision.")] = "16,24,32",
    chains: Annotated[str, typer.Option(help="Numbers of chains of the project's runs.")] = "",
    layouts: Annotated[str, typer.Option(help="Layouts of the project's runs.")] = "auto",
    rules: Annotated[str, typer.Option(help="heat-bath, metropolis, or both.")] = "heat-bath",
    clock: Annotated[str, typer.Option(help="wall, or cpu where others use the machine.")] = "wall",
    check: Annotated[bool, typer.Option(help="Compare mean energies with those of the peers.")] = True,
    json: Annotated[Path | None, typer.Option(help="Where to write the record: a file, or a folder.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Where to draw rates against sites, degree and chains.")] = None,
) -> None:
    """Time project and peers on the same instances."""
    if quick:
        repeat, seconds, threads, bits = min(repeat, 3), min(seconds, 0.2), "1", "16,24"
    console = Console(width=None if Console().is_terminal else 170)
    record = records.circumstances()
    others, hints = peers.installed(with_peers)
    for hint in hints:
        console.print(f"skipped {hint}")
    limits = machine.measure(min(0.1, seconds))
    console.print(
        f"One core draws {limits.random_bits_per_ns:.0f} random bits and does "
        f"{limits.integer_ops_per_ns:.1f} 512-bit operations a nanosecond."
    )
    rows: list[dict[str, Any]] = []
    skipped: list[dict[str, str]] = [{"tool": hint, "instance": "", "reason": "not installed"} for hint in hints]
    checks: list[dict[str, Any]] = []
    for name in expand(instances or ("quick" if quick else "all")):
        try:
            instance = build(name)
        except Absent as absent:
            console.print(f"skipped {absent}")
            skipped.append({"instance": name, "tool": "", "reason": str(absent)})
            continue
        works = projects(instance, numbers(bits), numbers(chains), layouts.split(","), rules.split(","))
        with Progress(console=Console(stderr=True), transient=True) as bar:
            bar.add_task(f"{name}: getting ready", total=None)
            found, left_out = entrants(instance, works, others, numbers(threads), seconds)
            for entrant in found:
                entrant.clock = clock
            task = bar.add_task(f"{name}: {len(found)} entrants, {repeat} rounds", total=repeat * len(found))
            race(found, repeat, lambda task=task, bar=bar: bar.advance(task))
        timed = [_row(instance, entrant, limits) for entrant in found]
        ranked(timed)
        rows += timed
        skipped += left_out
        console.print(table(instance, timed))
        for tool, reason in dict.fromkeys((line["tool"], line["reason"]) for line in left_out):
            console.print(f"{name}: no {tool}: {reason}")
        if check and instance.model.n <= AGREEMENT_SPINS:
            try:
                checked = agreement(instance, works, others, 50 if quick else 200)
            except ValueError as error:
                checked = []
                console.print(f"{name}: energies are not compared: {error}")
                skipped.append({"instance": name, "tool": "agreement", "reason": str(error)})
            checks += checked
            for line in checked:
                verdict = "agrees" if line["agrees"] else "DIFFERS"
                console.print(
                    f"{name}, {line['schedule']}, {line['rule']}, {line['sweeps']} sweeps: {line['tool']} "
                    f"{line['theirs']:.6g}, pbits ({line['layout']}, {line['chains']} chains, "
                    f"{line['threshold_bits']} bits) {line['ours']:.6g}: {verdict} (within {line['allowed']:.2g})"
                )
    record |= {
        "options": {
            "repeat": repeat, "seconds": seconds, "threads": threads, "bits": bits, "chains": chains,
            "layouts": layouts, "rules": rules, "peers": with_peers, "clock": clock,
        },
        "limits": limits.to_dict(), "rows": rows, "skipped": skipped, "agreement": checks,
    }  # fmt: skip
    if json is not None:
        console.print(f"record: {records.write(record, json, 'updates')}")
    if plot is not None:
        plots.rates(rows, plot)
        console.print(f"plot: {plot}")
    if any(not line["agrees"] for line in checks):
        raise typer.Exit(1)


def _row(instance: Instance, entrant: Entrant, limits: machine.Limits) -> dict[str, Any]:
    row = {"instance": instance.name, "n": instance.model.n, "degree": instance.degree, "couplings": instance.kind}
    row |= entrant.to_dict()
    one_thread = row["threads"] == 1 and row["tool"] == "pbits" and row["marginal_per_ns"]
    row["shares"] = (
        limits.shares(row["layout"], row["n"], row["degree"], row["threshold_bits"], row["marginal_per_ns"])
        if one_thread
        else {}
    )
    return row


if __name__ == "__main__":
    typer.run(main)
