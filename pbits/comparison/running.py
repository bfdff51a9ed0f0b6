"""`compare` runs one problem on several machines; `compare_runs` takes runs that were made before."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from pbits.comparison.comparison import Comparison, Row, Uplifts, common_boundary, distance_target, scored
from pbits.comparison.fronts import Score, Target
from pbits.diagnostics import Observables, diagnose
from pbits.errors import MAX_SITES
from pbits.ledger import price
from pbits.models import EnergyModel
from pbits.parameters import Parameter
from pbits.problems.base import Problem
from pbits.result import Run
from pbits.runner import run, suggested_schedule
from pbits.schedule import Schedule
from pbits.streams import fresh_seed
from pbits.substrate import NotMappable, Substrate, load
from pbits.usage import Usage


def compare(
    problem: Problem | EnergyModel,
    machines: Sequence[str | Substrate],
    schedule: Schedule | None = None,
    *,
    seed: int | None = None,
    chip_seed: int = 0,
    boundary: str | None = None,
    uplifts: Uplifts | None = None,
    usage: Usage | Mapping[str, Usage] | None = None,
    prices: Mapping[str, Mapping[str, Parameter]] | None = None,
    goal: float | None = None,
    observables: Observables | None = None,
    distance: float | None = None,
    score: Score | None = None,
    reach: float | None = None,
    sense: Literal["min", "max"] = "max",
    progress: Callable[[str], None] | None = None,
    sweeps: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Run one problem, unchanged, on several machines and account for each.

    Machines are compared at equal quality: anneals per solution, sampling per effective sample of the law as posed,
    or to a distance from it, or to a score of the user's.

    Parameters
    ----------
    problem : Problem or EnergyModel
    machines : sequence of names or Substrate objects
        A machine that cannot hold the problem gets a row with its reasons.
    schedule : Schedule, optional
        The same for all. By default each machine gets what `suggested_schedule` says for it.
    seed : int, optional
        The same for all; drawn and recorded when absent.
    boundary : str, optional
        One of cell, core, chip, board, wall, facility. By default the lowest that every priced machine can
        state, catalogue uplifts applied; where there is none, each machine is shown at its own boundary and no
        ratio is drawn across boundaries.
    uplifts : mapping, optional
        {machine: {boundary: {"factor": …, "power_w": …}}}: your own, printed with the result.
    usage : Usage, or mapping of machine to Usage, optional
        What runs share with others, and what stands idle between them, see `pbits.Usage`: of all machines, or of each.
        By default a run is alone, and is charged a whole programming.
    prices : mapping of machine to mapping, optional
        Prices of your own, such as {"extropic-z1": {"power.idle": pbits.Parameter(…)}}, in place of what the machine
        states or does not state; each row of a ledger shows their evidence and note.
    goal : float, optional
        For anneals: the objective (or, for a plain model, the energy) that counts as solved. By default the
        problem's own goal, else the best that any machine handed over.
    observables : mapping of name to function, optional
        For sampling: what effective samples are counted of, the worst of these, as `pbits.diagnose` takes them. By
        default the energy and every site.
    distance : float, optional
        For sampling: count joules until the draws are within this distance of the exact law (total variation of spins;
        for reals see `pbits.errors`), instead of joules per effective sample.
    score, reach, sense : optional
        For sampling: count joules until `score(states)`, of the draws (chains, draws, n) so far, is at least `reach`,
        or at most where `sense` is "min": a likelihood, an accuracy.
    progress : callable, optional
        Gets the name of each machine before it runs.
    sweeps : callable, optional
        Gets (steps done, steps in all) of the machine that runs.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        For no machines, an unknown name, one machine named twice, or a target that cannot be judged.

    Examples
    --------
    >>> import pbits
    >>> pair = pbits.IsingModel([[0, 1], [1, 0]])
    >>> both = pbits.compare(pair, ["ideal", "fpga-kv260"], pbits.Schedule(n_samples=200), seed=1)
    >>> [row.machine for row in both.rows], both.ratio("ideal", "fpga-kv260")
    (['ideal', 'fpga-kv260'], None)
    """
    if isinstance(machines, str):
        raise TypeError(f"machines is {machines!r}; give a list of machines, such as [{machines!r}]")
    if not machines:
        raise ValueError("compare needs at least one machine; see pbits.available()")
    substrates = [one if isinstance(one, Substrate) else load(one) for one in machines]
    names = [one.name for one in substrates]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ValueError(f"{', '.join(sorted(repeated))} is named more than once; name each machine once")
    _check_machines({"uplifts": uplifts, "usage": usage, "prices": prices}, names)
    seed = fresh_seed() if seed is None else seed
    posed = problem if isinstance(problem, Problem) else None
    common = schedule or suggested_schedule(problem)
    _check_target(common, distance, score, reach, observables)
    drafts: list[Row] = []
    for substrate in substrates:
        title = substrate.describe()["title"]
        if progress is not None:
            progress(substrate.name)
        try:
            one = run(problem, substrate, schedule, seed=seed, chip_seed=chip_seed, progress=sweeps or False)
        except NotMappable as refusal:
            drafts.append(Row(machine=substrate.name, title=title, refusal=refusal.reasons))
            continue
        drafts.append(Row(machine=substrate.name, title=title, run=_repriced(one, prices, substrate.name)))
    return _compared(
        drafts,
        boundary=boundary,
        goal=goal,
        name=posed.name if posed is not None else repr(problem),
        model=posed.to_model() if posed is not None else problem,  # pyright: ignore[reportArgumentType]
        schedule=common,
        seed=seed,
        problem=posed,
        uplifts=dict(uplifts or {}),
        usage=_usage(usage, names),
        observables=observables,
        target=_target(drafts, distance, score, reach, sense),
    )


def compare_runs(
    runs: Sequence[Run] | Mapping[str, Run],
    *,
    boundary: str | None = None,
    uplifts: Uplifts | None = None,
    usage: Usage | Mapping[str, Usage] | None = None,
    prices: Mapping[str, Mapping[str, Parameter]] | None = None,
    goal: float | None = None,
    observables: Observables | None = None,
    distance: float | None = None,
    score: Score | None = None,
    reach: float | None = None,
    sense: Literal["min", "max"] = "max",
) -> Comparison:
    """Compare runs that were made before, such as those that `pbits.Run.load` reads.

    Parameters
    ----------
    runs : sequence of Run, or mapping of name to Run
        Of one model, under the same clamps, all sampled at one β or all annealed. Two of one machine need names.
    boundary, uplifts, usage, prices, goal, observables, distance, score, reach, sense
        As for `compare`. The goal of anneals is an objective where all runs have scores of a problem, else an energy.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        For runs that do not answer the same question: other models, clamps, kinds of schedule or β; for no runs, or
        two of one machine without names.

    Examples
    --------
    >>> import pbits
    >>> pair = pbits.IsingModel([[0, 1], [1, 0]])
    >>> runs = [pbits.run(pair, name, pbits.Schedule(), seed=1) for name in ("gpu-h100-sxm", "gpu-a100-sxm")]
    >>> pbits.compare_runs(runs).boundary
    'board'
    """
    named = dict(runs) if isinstance(runs, Mapping) else {}
    if not isinstance(runs, Mapping):
        for one in runs:
            if not isinstance(one, Run):
                raise TypeError(f"compare_runs takes runs, not {one!r}; read a stored one with pbits.Run.load(path)")
            if one.machine in named:
                raise ValueError(f"two runs are of {one.machine}; give them names: {{'first': run, 'second': run}}")
            named[one.machine] = one
    if not named:
        raise ValueError("compare_runs needs at least one run")
    _check_one_question(named)
    _check_machines({"uplifts": uplifts, "usage": usage, "prices": prices}, list(named))
    first = next(iter(named.values()))
    _check_target(first.schedule, distance, score, reach, observables)
    drafts = [
        Row(machine=name, title=one.record["machine"]["title"], run=_repriced(one, prices, name))
        for name, one in named.items()
    ]
    return _compared(
        drafts,
        boundary=boundary,
        goal=goal,
        name=first.record["problem"] or repr(first.model),
        model=first.model,
        schedule=first.schedule,
        seed=first.record["seed"],
        problem=None,
        uplifts=dict(uplifts or {}),
        usage=_usage(usage, list(named)),
        observables=observables,
        target=_target(drafts, distance, score, reach, sense),
    )


def _compared(drafts: Sequence[Row], *, boundary: str | None, goal: float | None, **about: Any) -> Comparison:
    uplifts, schedule, observables = about["uplifts"], about["schedule"], about["observables"]
    runs = {row.machine: row.run for row in drafts if row.run is not None}
    if boundary is None:
        boundary = common_boundary({name: one for name, one in runs.items() if one.prices is not None}, uplifts)
        note = (
            f"{boundary}: the lowest boundary that every priced machine can state"
            if boundary
            else "none can be stated for all machines: each is shown at the boundary of its own prices"
        )
    else:
        note = f"{boundary}: as asked for"
    rows = [
        row
        if row.run is None
        else replace(
            row,
            ledger=price(row.run, boundary, uplifts=uplifts.get(row.machine), usage=about["usage"].get(row.machine)),
            diagnosis=diagnose(row.run, observables) if row.run.schedule.kind == "sample" else None,
        )
        for row in drafts
    ]
    anneals = schedule.kind == "anneal"
    return Comparison(
        boundary=boundary,
        boundary_note=note,
        goal=_goal(about["problem"], list(runs.values()), goal) if anneals else None,
        rows=tuple(rows),
        **about,
    )


def _goal(problem: Problem | None, runs: Sequence[Run], goal: float | None) -> float | None:
    if goal is not None or not runs:
        return goal
    if problem is not None and problem.goal is not None:
        return problem.goal
    if problem is None and not scored(runs):
        return min(float(one.energies.min()) for one in runs)
    answers = [one.solution for one in runs if one.solution and one.solution.objective is not None]
    scores = [one.objective for one in answers if one.objective is not None]
    if not scores:
        return None
    return min(scores) if answers[0].sense == "min" else max(scores)


def _check_machines(given: Mapping[str, Any], names: Sequence[str]) -> None:
    for what, by_machine in given.items():
        strangers = set(by_machine) - set(names) if isinstance(by_machine, Mapping) else set()
        if strangers:
            given_for, held = ", ".join(sorted(strangers)), ", ".join(names)
            raise ValueError(f"{what} are given for {given_for}, not in this comparison; it has {held}")


def _repriced(one: Run, prices: Mapping[str, Mapping[str, Parameter]] | None, name: str) -> Run:
    """The run with prices of the user's."""
    given = (prices or {}).get(name)
    if given is None:
        return one
    if one.prices is None:
        raise ValueError(f"prices are given for {name}, which states none and no boundary that they would be at")
    return replace(one, prices=one.prices.with_prices(given))


def _usage(given: Usage | Mapping[str, Usage] | None, names: Sequence[str]) -> dict[str, Usage]:
    return dict.fromkeys(names, given) if isinstance(given, Usage) else dict(given or {})


def _check_target(
    schedule: Schedule,
    distance: float | None,
    score: Score | None,
    reach: float | None,
    observables: Observables | None,
) -> None:
    """Refuse, before hours of work, what cannot be judged after them."""
    given = {"distance": distance, "score": score, "observables": observables}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise ValueError(f"{' and '.join(named)} are measures of quality; give one")
    if schedule.kind == "anneal" and named:
        raise ValueError(f"{named[0]} is of a law that is sampled, and an anneal has none; give it a goal")
    if (score is None) != (reach is None):
        raise ValueError("score and reach go together: reach is the value of the score that counts as reached")
    if distance is not None and not distance > 0:
        raise ValueError(f"distance is {distance}; draws come close to a law and never upon it: give more than 0")


def _target(
    drafts: Sequence[Row], distance: float | None, score: Score | None, reach: float | None, sense: str
) -> Target | None:
    if sense not in ("min", "max"):
        raise ValueError(f"sense is {sense!r}; a score is better when it is 'max' or 'min'")
    if score is not None:
        name = getattr(score, "__name__", "score").replace("_", " ").replace("<lambda>", "score")
        aim = f"reach {name} {reach:g}"
        return Target(name=name, score=score, reach=reach, lower_is_better=sense == "min", aim=aim)
    ran = [row.run for row in drafts if row.run is not None]
    if distance is None or not ran:
        return None
    target = distance_target(ran[0], distance)
    if target is None:
        raise ValueError(
            f"the exact law of {ran[0].model!r} cannot be written down, so nothing is known to be within "
            f"{distance:g} of it (spins: up to {MAX_SITES} sites; reals: Gaussian models); give score and reach instead"
        )
    return target


def _check_one_question(runs: Mapping[str, Run]) -> None:
    """Refuse runs that differ in what was asked of the machines, naming the first two that do."""
    questions = {name: _question(one) for name, one in runs.items()}
    (first, asked), *others = questions.items()
    for name, question in others:
        for what, value in question.items():
            if value != asked[what]:
                raise ValueError(
                    f"{first} and {name} do not answer one question: their {what} differ ({_short(asked[what])} and "
                    f"{_short(value)}); compare runs of one model under one law"
                )


def _question(one: Run) -> dict[str, Any]:
    schedule = one.schedule
    return {
        "models": one.model.fingerprint(),
        "clamps": _clamp(one),
        "kinds of schedule": schedule.kind,
        "β": float(schedule.beta) if schedule.kind == "sample" else None,
        "ladders of β": schedule.ladder,
        "models that draws are meant to be of": one.record.get("against"),
    }


def _clamp(one: Run) -> str:
    held = one.record.get("clamped_by_chain", [])
    values = {str(site): one.states[:, 0, site].tolist() for site in held}
    return json.dumps(one.record["clamp"] | values, sort_keys=True)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 24 else f"{text[:23]}…"
