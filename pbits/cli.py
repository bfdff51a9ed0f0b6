"""The command line: `pbits solve`, `run`, `compare`, `claim`, `catalogue`, `explain` and `report`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

# Everything else is imported where it is used, so that `pbits --help` does not wait for a compiler.
if TYPE_CHECKING:
    from rich.console import Console

    from pbits.ledger import EnergyLedger
    from pbits.parameters import Evidence, Figure
    from pbits.problems import Problem
    from pbits.result import Run
    from pbits.schedule import Schedule
    from pbits.solver import Answer

#: The built-in problems, written out so that `--help` loads none of them.
EXAMPLES = ("capitals", "digits", "and-gate", "diabetes")

#: What `pbits compare` takes when no machine is named, by what the model's sites hold.
DEFAULT_MACHINES = {
    "spin": (
        *("ideal", "fpga-all-to-all", "embedded:extropic-z1", "embedded:gibbs-g12-illustrative"),
        *("gpu-h100-sxm", "cpu-epyc-9654"),
    ),
    "category": ("ideal", "gpu-h100-sxm", "cpu-epyc-9654"),
    "permutation": ("ideal", "permutation-illustrative", "gpu-h100-sxm", "cpu-epyc-9654"),
    "real": ("langevin-rc-illustrative", "gpu-h100-sxm", "cpu-epyc-9654"),
}


#: Columns of a table that are narrower on average cannot be read; then every machine gets lines of its own.
_NARROWEST = 10
#: Answers of more lines are cut to one.
_MOST_LINES = 40


class _Commands(TyperGroup):
    """Commands whose foreseeable failures are one line on stderr: exit 2, or 130 when interrupted."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("interrupted; nothing was written", err=True)
            raise typer.Exit(130) from None
        except BrokenPipeError:
            raise
        except (ValueError, OSError, ImportError) as error:
            typer.echo(f"error: {_one_line(error)}", err=True)
            raise typer.Exit(2) from None
        except MemoryError:
            typer.echo("error: not enough memory for this many draws; take fewer --chains or --samples", err=True)
            raise typer.Exit(2) from None


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())


def _examples(*lines: str) -> str:
    return "\n\n".join(("Examples:", *lines))


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Run problems on simulated probabilistic hardware, and account for every second and joule.",
    epilog=_examples(
        "pbits compare    (four small problems on the default machines; writes report.html)",
        "pbits solve capitals --plot capitals.png",
        "pbits run capitals -m fpga-all-to-all --seed 1",
        "pbits catalogue show extropic-z1",
    ),
)
catalogue = typer.Typer(
    help="The machines, and where each of their numbers comes from.",
    epilog=_examples(
        "pbits catalogue",
        "pbits catalogue show extropic-z1",
        "pbits catalogue diff gpu-a100-sxm gpu-h100-sxm",
        "pbits catalogue check my-machine.toml",
    ),
)
app.add_typer(catalogue, name="catalogue", invoke_without_command=True)

_PROBLEMS = (
    "A file, by its suffix: .tsp (TSPLIB), .dat (QAPLIB), .rud (rudy graph), .col, .mis, .cnf, .wcnf (DIMACS), .sdk "
    f"(Sudoku), .kp (knapsack); or a built-in example: {', '.join(EXAMPLES)}."
)

ProblemName = Annotated[str, typer.Argument(help=_PROBLEMS, metavar="PROBLEM")]
Chains = Annotated[int | None, typer.Option(help="Independent chains. Default: 64 to anneal, 16 to sample.")]
Sweeps = Annotated[
    int | None,
    typer.Option(help="Anneal: how many sweeps. Default: 2000; to recall a memory 20, or 300 on an embedded machine."),
]
Samples = Annotated[int | None, typer.Option(help="Sample: draws kept per chain. Default: 2000.")]
Warmup = Annotated[int | None, typer.Option(help="Sample: sweeps before the first draw. Default: 200.")]
Beta = Annotated[float | None, typer.Option(help="Sample: inverse temperature. Default: 1.")]
BetaStart = Annotated[
    float | None, typer.Option(help="Anneal: first inverse temperature. Default: what the problem says.")
]
BetaStop = Annotated[
    float | None, typer.Option(help="Anneal: last inverse temperature. Default: what the problem says.")
]
Shape = Annotated[str | None, typer.Option(help="Anneal: geometric, linear or logarithmic. Default: geometric.")]
Seed = Annotated[int | None, typer.Option(help="Of the run's noise; drawn and reported when absent.")]
ChipSeed = Annotated[int, typer.Option(help="Which of many nominally equal chips.")]
Encoding = Annotated[
    str | None,
    typer.Option(help="How the problem is posed, such as one-hot or permutation. Default: the problem's first."),
]
PenaltyOption = Annotated[
    str | None,
    typer.Option(help="Of broken constraints: safe, tight, auto (which solve raises as needed) or a number."),
]
Boundary = Annotated[
    str | None,
    typer.Option(help="What the joules include: cell, core, chip, board, wall or facility."),
]


RunsPerProgramming = Annotated[
    float, typer.Option(help="Runs of this model between two programmings; each is charged its share.")
]
Duty = Annotated[float, typer.Option(help="Share of the time in which the machine runs; else it stands by.")]


def main() -> None:
    """The entry point of the `pbits` command."""
    app()


def _version(wanted: bool) -> None:
    if wanted:
        from pbits import __version__

        typer.echo(f"pbits {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


@app.command(
    name="run",
    epilog=_examples(
        "pbits run capitals",
        "pbits run berlin52.tsp -m gpu-h100-sxm --sweeps 5000 --chains 64 --seed 1",
        "pbits run and-gate -m my-machine.toml --samples 10000 --beta 2 -o gate.npz",
    ),
)
def run_command(
    problem: ProblemName,
    machine: Annotated[
        str | None,
        typer.Option(
            "--machine",
            "-m",
            help="A name of the catalogue, embedded:NAME, or a TOML file. "
            f"Default: {' or '.join(names[0] for names in DEFAULT_MACHINES.values())}, as the problem needs.",
        ),
    ] = None,
    encoding: Encoding = None,
    penalty: PenaltyOption = None,
    chains: Chains = None,
    sweeps: Sweeps = None,
    samples: Samples = None,
    warmup: Warmup = None,
    beta: Beta = None,
    beta_start: BetaStart = None,
    beta_stop: BetaStop = None,
    shape: Shape = None,
    seed: Seed = None,
    chip_seed: ChipSeed = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Keep the run in this file, for `pbits explain`.")
    ] = None,
    boundary: Boundary = None,
) -> None:
    """Run one problem on one machine: the answer, how far it can be trusted, the device time and the joules.

    Without options of a schedule, what suits the problem: annealing 64 chains × 2000 sweeps where it knows its range
    of temperatures, else sampling 16 chains × 2000 draws at β = 1.
    """
    import pbits
    from pbits.parameters import check_boundary
    from pbits.report import check_writable

    if output is not None:
        check_writable(output)
    if boundary is not None:
        check_boundary(boundary)
    posed = _posed(problem, encoding, penalty)
    schedule = _schedule(
        posed,
        annealing={"sweeps": sweeps, "beta_start": beta_start, "beta_stop": beta_stop, "shape": shape},
        sampling={"n_samples": samples, "n_warmup": warmup, "beta": beta},
        chains=chains,
    )
    substrate = pbits.load(machine or _default_machines(posed)[0])
    with _bar() as (begin, advance):
        begin(f"{posed.name} on {substrate.name}")
        done = pbits.run(posed, substrate, schedule, seed=seed, chip_seed=chip_seed, progress=advance)
    if output is not None:
        done.save(output)
    console = _console()
    _print_run(console, done, pbits.price(done, boundary), posed)
    if output is not None:
        console.print(f"\nThe run is in {output}; `pbits explain {output}` says where each number comes from.")


@app.command(
    epilog=_examples(
        "pbits solve berlin52.tsp --budget 2 --plot berlin52.png",
        "pbits solve puzzle.sdk",
        "pbits solve G1 --method temper --budget 30",
        "pbits solve capitals -m fpga-all-to-all --method one-hot --penalty auto --repair",
    )
)
def solve(
    problem: ProblemName,
    machine: Annotated[
        str, typer.Option("--machine", "-m", help="A name of the catalogue, embedded:NAME, or a TOML file.")
    ] = "ideal",
    method: Annotated[
        str,
        typer.Option(help="auto, anneal, temper, population, penalties, search, an encoding, or ENCODING:ALGORITHM."),
    ] = "auto",
    budget: Annotated[
        float | None,
        typer.Option(help="Seconds of this computer for emulating the machine, compilation excluded. Default: 10."),
    ] = None,
    penalty: PenaltyOption = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Repair reads that break constraints before they are scored.")
    ] = False,
    seed: Seed = None,
    chip_seed: ChipSeed = 0,
    boundary: Boundary = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the solution and the way to it: a .png, .svg or .pdf file.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Keep the run that gave the answer, for `pbits explain`.")
    ] = None,
) -> None:
    """Search for the best answer to a problem, within a budget of seconds.

    Penalties, temperatures and lengths of runs are chosen by rule; what was chosen is told with the answer.
    """
    import pbits
    from pbits.parameters import check_boundary
    from pbits.report import check_writable

    if plot is not None:
        from pbits.report.pictures import check_picture_file

        check_picture_file(plot)
    for path in (plot, output):
        if path is not None:
            check_writable(path)
    if boundary is not None:
        check_boundary(boundary)
    posed = pbits.problems.read(problem)
    with _bar() as (begin, advance):
        begin(posed.name)
        answer = pbits.solve(
            posed,
            machine,
            method,
            budget,
            seed,
            penalty=None if penalty is None else _penalty(penalty),
            repair=repair,
            chip_seed=chip_seed,
            progress=lambda spent, total: advance(round(1000 * spent), round(1000 * total)),
        )
    if plot is not None:
        answer.plot(plot)
    if output is not None:
        answer.run.save(output)
    console = _console()
    _print_answer(console, answer, boundary)
    for path in (plot, output):
        if path is not None:
            console.print(f"\nWritten: {path}")


def _posed(name: str, encoding: str | None, penalty: str | None) -> Problem:
    """The problem of a file or an example, in the encoding and with the penalty that were asked for."""
    from pbits.problems import read

    problem = read(name)
    if encoding is not None and encoding != problem.encoding:
        problem = problem.encoded(encoding)
    return problem if penalty is None else problem.penalised(_penalty(penalty))


def _penalty(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


@app.command(
    epilog=_examples(
        "pbits compare",
        "pbits compare capitals -m fpga-kv260 -m gpu-h100-sxm --boundary board --seed 1 -o capitals.html",
        "pbits compare digits -m embedded:gibbs-g12-illustrative -m gpu-h100-sxm "
        "--uplift embedded:gibbs-g12-illustrative:board=factor:1.2,power:10W",
    )
)
def compare(
    problems: Annotated[
        list[str] | None,
        typer.Argument(help=f"{_PROBLEMS} Default: all examples.", metavar="[PROBLEM]..."),
    ] = None,
    machine: Annotated[
        list[str] | None,
        typer.Option("--machine", "-m", help="Give it once per machine. Default: some that suit the problem."),
    ] = None,
    encoding: Encoding = None,
    penalty: PenaltyOption = None,
    chains: Chains = None,
    sweeps: Sweeps = None,
    samples: Samples = None,
    warmup: Warmup = None,
    beta: Beta = None,
    beta_start: BetaStart = None,
    beta_stop: BetaStop = None,
    shape: Shape = None,
    seed: Seed = None,
    chip_seed: ChipSeed = 0,
    boundary: Boundary = None,
    uplift: Annotated[
        list[str] | None,
        typer.Option(help="Your own step to a wider boundary: MACHINE:BOUNDARY=factor:1.2,power:10W (either or both)."),
    ] = None,
    distance: Annotated[
        float | None,
        typer.Option(
            help="Sample: count joules until the draws are this close to the exact law. Default: per effective sample."
        ),
    ] = None,
    runs_per_programming: RunsPerProgramming = 1.0,
    duty: Duty = 1.0,
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML report.")] = Path("report.html"),
    json: Annotated[bool, typer.Option("--json", help="Also write JSON beside the report.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Also write CSV beside the report.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Also write Markdown beside the report.")] = False,
) -> None:
    """Run problems, unchanged, on several machines; write one report and print its verdicts.

    Machines are compared by joules per solution, or per effective sample of one law, at a boundary that all can state.

    Where they sample different laws, or have no common boundary, no ratio is drawn; --distance, --boundary and --uplift
    can help.

    A machine that cannot hold a problem appears with its reasons.

    Without options of a schedule, what suits each problem: annealing 64 chains × 2000 sweeps where it knows its range
    of temperatures, else sampling 16 chains × 2000 draws at β = 1.
    """
    import pbits
    from pbits import report
    from pbits.parameters import check_boundary
    from pbits.streams import fresh_seed

    wanted: dict[Path, Callable[[Sequence[dict[str, Any]]], str]] = {output: report.to_html}
    for asked, suffix, render in (
        (json, ".json", report.to_json),
        (csv, ".csv", report.to_csv),
        (markdown, ".md", report.to_markdown),
    ):
        if asked:
            path = output.with_suffix(suffix)
            if path in wanted:
                raise ValueError(f"{path} is asked for twice; give the report another name with -o")
            wanted[path] = render
    for path in wanted:
        report.check_writable(path)
    if boundary is not None:
        check_boundary(boundary)
    uplifts = _uplifts(uplift or [])
    usage = pbits.Usage(runs_per_programming=runs_per_programming, duty=duty)
    # An uplift names a machine as -m does, or by its own name.
    own = {name: pbits.load(name).name for name in machine or []}
    uplifts = {own.get(name, name): given for name, given in uplifts.items()}
    if seed is None:
        # The main job is the same for everyone; else one seed serves all problems of a call.
        seed = fresh_seed() if problems else 1
    posed = [_posed(name, encoding, penalty) for name in problems or pbits.problems.EXAMPLES]
    schedules = [
        _schedule(
            one,
            annealing={"sweeps": sweeps, "beta_start": beta_start, "beta_stop": beta_stop, "shape": shape},
            sampling={"n_samples": samples, "n_warmup": warmup, "beta": beta},
            chains=chains,
        )
        for one in posed
    ]
    named = [machine or _default_machines(one) for one in posed]
    with _bar() as (begin, advance):
        compared = [
            pbits.compare(
                one,
                machines,
                schedule,
                seed=seed,
                chip_seed=chip_seed,
                boundary=boundary,
                uplifts=uplifts,
                usage=None if usage == pbits.Usage() else usage,
                distance=distance,
                progress=lambda machine, title=one.name: begin(f"{title} on {machine}"),
                sweeps=advance,
            )
            for one, schedule, machines in zip(posed, schedules, named)
        ]
    documents = [one.to_dict() for one in compared]
    console = _console()
    for document in documents:
        _print_comparison(console, document)
    # Every page is made before the first is written, so that a failure leaves nothing behind.
    texts = {path: render(documents) for path, render in wanted.items()}
    for path, text in texts.items():
        report.write_text(path, text)
    for document in documents:
        console.print(f"\n{document['verdict']}")
    console.print(f"\n{report.summary(documents)}", style="bold")
    console.print(f"\nWritten: {', '.join(map(str, texts))}")


@catalogue.callback()
def list_machines(ctx: typer.Context) -> None:
    """List the machines, or show where each number of one comes from.

    The last column is the weakest evidence among a machine's numbers.
    """
    if ctx.invoked_subcommand is not None:
        return
    import pbits
    from pbits.catalogue import weakest

    rows = []
    for name in pbits.available():
        machine = pbits.load(name)
        spec, about = machine.spec, machine.describe()
        rows.append(
            [
                name,
                about["title"],
                about["physics"],
                machine.prices.boundary if machine.prices else "no prices",
                about["catalogue_date"] or "—",
                "—" if spec is None else _grade(weakest(spec)),
            ]
        )
    heads = ["Machine", "Title", "Physics", "Joules of", "Date", "Weakest evidence"]
    _console().print(_table(heads, rows))


@catalogue.command(epilog=_examples("pbits catalogue show extropic-z1", "pbits catalogue show my-machine.toml"))
def show(name: Annotated[str, typer.Argument(help="A name of the catalogue, or a TOML file.")]) -> None:
    """Every number of one machine, with its range, evidence, source, place in the source and note."""
    import pbits
    from pbits.catalogue import HEADINGS, bibliography, rows

    spec = pbits.load(name).spec
    console = _console()
    if spec is None:
        console.print(f"{name} is made in code, not from a catalogue entry; it states no numbers.")
        return
    console.print(f"[b]{_plain(spec.title)}[/b]  {spec.name} · {spec.physics} · {spec.date}", markup=True)
    console.print(spec.description)
    for title, table in rows(spec).items():
        console.print(f"\n[b]{title}[/b]", markup=True)
        console.print(_table(HEADINGS, table))
    if spec.sources:
        console.print("\n[b]Sources[/b]", markup=True)
    for line in bibliography(spec):
        console.print(line)


@catalogue.command(
    epilog=_examples(
        "pbits catalogue diff gpu-a100-sxm gpu-h100-sxm",
        "pbits catalogue diff extropic-z1 my-z1.toml --json",
    )
)
def diff(
    a: Annotated[str, typer.Argument(help="A name of the catalogue, or a TOML file.")],
    b: Annotated[str, typer.Argument(help="Another.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the differences as JSON.")] = False,
) -> None:
    """What two machines state differently: numbers, their ranges and evidence, and where they are from."""
    import json

    from pbits.catalogue import described, differences
    from pbits.report import times

    left, right = described(a), described(b)
    found = differences(left, right)
    if as_json:
        document = {"a": left.name, "b": right.name, "differences": [one.to_dict() for one in found]}
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    console = _console()
    if not found:
        console.print(f"{a} and {b} state the same.")
        return
    table = [[one.where, *one.texts(), "" if one.ratio is None else times(one.ratio)] for one in found]
    console.print(_table(["Number", a, b, "Second over first"], table))


@catalogue.command(epilog=_examples("pbits catalogue check my-machine.toml"))
def check(file: Annotated[Path, typer.Argument(help="A machine's TOML file.", metavar="FILE.toml")]) -> None:
    """Every fault of a machine file, not only the first; exit 1 where there is one."""
    from pbits.catalogue import faults

    found = faults(file)
    for fault in found:
        typer.echo(fault)
    if found:
        raise typer.Exit(1)
    typer.echo(f"{file}: no fault found")


@app.command(
    epilog=_examples(
        "pbits run capitals -o run.npz",
        "pbits explain run.npz --boundary wall",
        "pbits explain run.npz --runs-per-programming 1000 --duty 0.1",
    )
)
def explain(
    file: Annotated[Path, typer.Argument(help="A run that `pbits run -o` or `Run.save` kept.", metavar="RUN.npz")],
    boundary: Boundary = None,
    runs_per_programming: RunsPerProgramming = 1.0,
    duty: Duty = 1.0,
) -> None:
    """Where every number of a stored run came from: versions, seeds, machine, counts, prices and notes; and what its
    joules hang on."""
    import pbits
    from pbits.parameters import check_boundary
    from pbits.report import bottleneck, number, si, utilisation
    from pbits.report.lanes import HEADINGS

    if boundary is not None:
        check_boundary(boundary)
    done = pbits.Run.load(file)
    ledger = pbits.price(done, boundary, usage=pbits.Usage(runs_per_programming=runs_per_programming, duty=duty))
    console = _console()
    _print_run(console, done, ledger)
    record = done.record
    console.print("\n[b]Record[/b]", markup=True)
    _print_facts(console, _flat({key: value for key, value in record.items() if key != "notes"}))
    console.print("\n[b]Counted[/b]", markup=True)
    _print_facts(console, [(name, number(count)) for name, count in sorted(done.counts.items())])
    _print_facts(console, [(f"seconds, {phase}", si(spent, "s")) for phase, spent in done.phases.items()])
    console.print("\n[b]Device time[/b]", markup=True)
    times = {
        **{f"in the state {state}": spent for state, spent in done.power_times.items()},
        "in all": done.device_time,
    }
    if done.full_batch_time is not None:
        times["as a share of a full batch"] = done.full_batch_time
    _print_facts(console, [(name, _spent(spent)) for name, spent in times.items()])
    if done.timeline is not None:
        console.print(_table(HEADINGS, utilisation(done.timeline)))
        steps = done.schedule.steps_per_sample if done.schedule.kind == "sample" else None
        console.print(bottleneck(done.timeline, steps))
    if ledger.rows:
        console.print(f"\n[b]Ledger at the {ledger.boundary} boundary[/b]", markup=True)
        heads = ["Item", "Count", "Price", "Range", "Joules", "Evidence", "Source", "Note"]
        console.print(_table(heads, [_ledger_row(row) for row in ledger.rows]))
    if ledger.account is not None and (swings := ledger.account.tornado()):
        console.print("\n[b]What the total hangs on[/b]", markup=True)
        heads = ["Share of the spread", "Number", "Total at its low end", "Total at its high end", "Evidence"]
        rows = [
            [f"{one.share:.0%}", one.label, si(one.low, "J"), si(one.high, "J"), _grade(one.evidence)] for one in swings
        ]
        console.print(_table(heads, rows))
    if record["notes"]:
        console.print("\n[b]Notes of the machine[/b]", markup=True)
        _print_facts(console, _flat(record["notes"]))


@app.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog=_examples(
        "pbits meter", "pbits meter python train.py", "pbits meter --declared-w 65 --json python train.py"
    ),
)
def meter(
    command: Annotated[
        list[str] | None,
        typer.Argument(help="A command to run under the meter, with its arguments.", metavar="[COMMAND …]"),
    ] = None,
    declared_w: Annotated[
        float | None,
        typer.Option(help="Watts of the busy processor, where nothing meters it: assumed, good to a factor of two."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The reading as JSON.")] = False,
) -> None:
    """What can meter joules on this computer, and why the rest cannot; or the joules of a command.

    The exit status is that of the command. Without a meter there are no joules: not 0, and no guess.
    """
    import json as encoder
    import subprocess

    import pbits
    from pbits.report import si

    found = pbits.meter(declared_w=declared_w)
    console = _console()
    status = 0
    if command:
        with found:
            try:
                status = subprocess.run(command, check=False).returncode
            except OSError as error:
                raise type(error)(f"cannot run {command[0]}: {error.strerror}") from None
        assert found.reading is not None
        refusals = found.reading.refusals
    else:
        refusals = found.refusals
    if json:
        reading = None if found.reading is None else found.reading.to_dict()
        sources = [{"source": one.name, "boundary": one.boundary} for one in found.sources]
        told = reading or {"sources": sources, "refusals": [vars(one) for one in refusals]}
        typer.echo(encoder.dumps(told, indent=1, ensure_ascii=False))
        raise typer.Exit(status)
    if found.reading is None:
        rows = [(one.name, f"meters joules at the {one.boundary} boundary") for one in found.sources]
        _print_facts(console, rows or [("meters", "none: nothing here meters joules")])
    else:
        reading = found.reading
        rows = []
        for one in reading.by_source:
            ends = f"{si(one.low, 'J')} to {si(one.high, 'J')}"
            rows.append((one.source, f"{si(one.joules, 'J')} at the {one.boundary} ({ends}; {one.method})"))
        rows += [("warning", text) for one in reading.by_source for text in one.warnings]
        _print_facts(console, [("seconds", si(reading.seconds, "s")), *(rows or [("joules", "not known")])])
    for one in refusals:
        console.print(
            f"[b]{_plain(one.source)}[/b] ({one.reason}): {_plain(one.text)}; {_plain(one.hint)}.", markup=True
        )
    raise typer.Exit(status)


@app.command(
    epilog=_examples(
        "pbits compare --json", "pbits report report.json -o again.html", "pbits report report.json --figures figures",
        "pbits report --schema",
    )
)  # fmt: skip
def report(
    file: Annotated[Path | None, typer.Argument(help="What `pbits compare --json` wrote.", metavar="FILE.json")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML report.")] = Path("report.html"),
    figures: Annotated[
        Path | None,
        typer.Option(help="Write each figure as SVG and PDF to this folder, and no HTML.", metavar="FOLDER"),
    ] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of the file, and stop.")] = False,
) -> None:
    """Make the HTML report, or its figures for a paper, again from its JSON; nothing is run."""
    from pbits.report import check_writable, from_json, schema_text, to_html, write_text

    if schema:
        typer.echo(schema_text(), nl=False)
        return
    if file is None:
        raise ValueError("name the file that `pbits compare --json` wrote: pbits report report.json")
    if figures is not None:
        from pbits.report import save_figures

        typer.echo(f"Written: {len(save_figures(from_json(file), figures))} figures to {figures}")
        return
    check_writable(output)
    write_text(output, to_html(from_json(file)))
    typer.echo(f"Written: {output}")


@app.command(
    epilog=_examples(
        "pbits claim    (the dossiers, with their verdicts)",
        "pbits claim extropic-dtm",
        "pbits claim extropic-dtm --set sweeps=800 --set host=3W",
        "pbits claim my-claim.toml -o claim.html --json",
        "pbits claim --ratio 1e4 --machine chip.npz --rival gpu.npz --boundary board",
    )
)
def claim(
    dossiers: Annotated[
        list[str] | None,
        typer.Argument(help="Names of dossiers, or TOML files. Default: list those there are.", metavar="[CLAIM]..."),
    ] = None,
    assumption: Annotated[
        list[str] | None, typer.Option("--set", help="Another value of an input: KEY=2fJ, KEY=800. Taken as exact.")
    ] = None,
    ratio: Annotated[
        float | None, typer.Option(help="For two stored runs: the rival takes so many times the joules.")
    ] = None,
    machine: Annotated[Path | None, typer.Option(help="A stored run of the machine.", metavar="RUN.npz")] = None,
    rival: Annotated[Path | None, typer.Option(help="A stored run of the rival.", metavar="RUN.npz")] = None,
    boundary: Boundary = None,
    uplift: Annotated[
        list[str] | None,
        typer.Option(help="For stored runs, as for compare: machine:board=factor:1.2,power:10W or rival:…"),
    ] = None,
    quality: Annotated[
        str | None,
        typer.Option(help="For stored runs whose quality differs: 'not matched' divides all the same, and says so."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Also write an HTML page with sliders.")] = None,
    json: Annotated[
        bool, typer.Option("--json", help="JSON beside the page; without -o on the screen, in place of the text.")
    ] = False,
) -> None:
    """Does a claim such as "10,000 times less energy" hold, with what probability, and what breaks it first?

    A claim is a dossier: formulas for both sides, every number with its range, evidence and source, and the assumptions
    that could be others. Or it is about two stored runs of one problem, at equal quality.

    Exit code 0 whatever the verdict.
    """
    from pbits import claims, report
    from pbits.report import check_writable

    wanted: dict[Path, Callable[..., str]] = {} if output is None else {output: report.claim_html}
    if output is not None and json:
        if output.suffix == ".json":
            raise ValueError(f"{output} is asked for twice; give the page another name with -o")
        wanted[output.with_suffix(".json")] = report.to_json
    for path in wanted:
        check_writable(path)
    stored = {"--ratio": ratio, "--machine": machine, "--rival": rival}
    if any(given is not None for given in stored.values()):
        if dossiers or assumption:
            raise ValueError("--ratio, --machine and --rival are about stored runs; a dossier states its own")
        if missing := [name for name, given in stored.items() if given is None]:
            raise ValueError(f"two stored runs need --ratio, --machine and --rival; {', '.join(missing)} is missing")
        checks = [_claim_of_runs(ratio, machine, rival, boundary, _uplifts(uplift or []), quality)]
    else:
        if boundary is not None or uplift or quality is not None:
            raise ValueError("--boundary, --uplift and --quality are for two stored runs; a dossier states its own")
        if assumption and not dossiers:
            raise ValueError("--set changes an input of a dossier: pbits claim extropic-dtm --set sweeps=800")
        listed = [claims.Claim.load(name) for name in dossiers or claims.available()]
        checks = [_assumed(one, assumption or []).check() for one in listed]
    documents = [one.to_dict() for one in checks]
    if json and output is None:
        typer.echo(report.to_json(documents))
        return
    for path, render in wanted.items():
        report.write_text(path, render(documents))
    console = _console()
    if not checks:
        console.print("No installed package offers a dossier; name a TOML file.")
    elif dossiers or ratio is not None:
        console.print("\n\n".join(map(str, checks)), soft_wrap=True)
    else:
        heads = ["Claim", "Verdict"]
        console.print(_table(heads, [[one.name, one.verdict] for one in checks]))
        console.print("pbits claim NAME says what breaks one, and where its numbers come from.")
    for path in wanted:
        console.print(f"\nWritten: {path}")


def _assumed(claim: Any, texts: Sequence[str]) -> Any:
    """A claim with the inputs that were set: KEY=800, KEY=2fJ."""
    from pbits.parameters import unit_of

    changes: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        quantity = re.sub(r"(?<=[\d.])(?=[^\d.eE+\- ])", " ", value.strip(), count=1)
        if not equals or unit_of(quantity) is None:
            raise ValueError(f"--set {text!r} is not of the form KEY=VALUE, such as sweeps=800 or update=2fJ")
        changes[key.strip()] = quantity
    return claim.replaced(**changes)


def _claim_of_runs(
    ratio: float | None,
    machine: Path | None,
    rival: Path | None,
    boundary: str | None,
    uplifts: Mapping[str, Any],
    quality: str | None,
) -> Any:
    """The claim that one stored run takes so many times less than another, at equal quality."""
    import pbits
    from pbits.claims.check import required_boundary

    required_boundary(boundary)
    assert machine is not None
    assert rival is not None
    runs = {"machine": pbits.Run.load(machine), "rival": pbits.Run.load(rival)}
    compared = pbits.compare_runs(runs, boundary=boundary, uplifts=dict(uplifts))
    names = {role: one.machine for role, one in runs.items()}
    return pbits.check_claim(
        ratio,
        machine=(compared, "machine"),
        rival=(compared, "rival"),
        boundary=boundary,
        quality=quality,
        name=f"{names['machine']} against {names['rival']}",
        statement=f"{machine} takes {ratio:g} times fewer {compared.metric} than {rival}.",
    )


def _schedule(
    problem: Problem, annealing: Mapping[str, Any], sampling: Mapping[str, Any], chains: int | None
) -> Schedule | None:
    """The schedule that suits the problem, with what the user set; None where the user set nothing."""
    from pbits.runner import suggested_schedule
    from pbits.schedule import Schedule

    anneal = {name: value for name, value in annealing.items() if value is not None}
    wanted = {name: value for name, value in {**sampling, "chains": chains}.items() if value is not None}
    if anneal and set(wanted) - {"chains"}:
        raise ValueError(
            "--sweeps, --beta-start, --beta-stop and --shape are for annealing, --samples, --warmup and "
            "--beta for sampling; give options of one kind"
        )
    if anneal and problem.beta_range() is None:
        if not {"beta_start", "beta_stop"} <= set(anneal):
            raise ValueError(
                f"{problem.name!r} knows no range of temperatures to anneal over; give --beta-start and "
                "--beta-stop too, or --samples to sample it"
            )
        return Schedule.anneal(**anneal, **wanted)
    wanted |= anneal
    return suggested_schedule(problem, **wanted) if wanted else None


def _default_machines(problem: Problem) -> Sequence[str]:
    domain = problem.to_model().domain
    if domain not in DEFAULT_MACHINES:
        raise ValueError(f"no default machines hold {domain} sites; name some with -m")
    return DEFAULT_MACHINES[domain]


def _uplifts(texts: Iterable[str]) -> dict[str, dict[str, dict[str, float]]]:
    """{machine: {boundary: {"factor": …, "power_w": …}}} from MACHINE:BOUNDARY=factor:1.2,power:10W."""
    from pbits.parameters import check_boundary, parse_quantity

    found: dict[str, dict[str, dict[str, float]]] = {}
    for text in texts:
        where, _, given = text.partition("=")
        machine, _, boundary = where.rpartition(":")
        parts = {}
        for part in given.split(","):
            key, _, value = part.partition(":")
            if not machine or key.strip() not in ("factor", "power") or not value:
                raise ValueError(
                    f"--uplift {text!r} is not of the form MACHINE:BOUNDARY=factor:1.2,power:10W, with a "
                    "factor, a power or both"
                )
            try:
                if key.strip() == "factor":
                    parts["factor"] = parse_quantity(value.strip(), "1")
                else:
                    parts["power_w"] = parse_quantity(re.sub(r"(?<=\d)(?=[^\d.eE+-])", " ", value.strip()), "W")
            except ValueError:
                raise ValueError(
                    f"--uplift {text!r}: {part.strip()!r} is not understood; allowed are a factor without unit, "
                    "factor:1.2, and a power in watts, power:10W"
                ) from None
        if parts.get("factor", 1) < 1 or parts.get("power_w", 0) < 0:
            raise ValueError(f"--uplift {text!r}: a factor is at least 1 and a power not negative")
        found.setdefault(machine, {})[check_boundary(boundary)] = parts
    return found


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False, markup=False, soft_wrap=False)
    # A file or a pipe has no width; the tables need some.
    return console if console.is_terminal else Console(highlight=False, markup=False, width=150)


@contextmanager
def _bar() -> Iterator[tuple[Callable[[str], None], Callable[[int, int], None]]]:
    """A progress bar on stderr: begin(title) opens a piece of work, and advance(done, in all) moves it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)
        yield (
            lambda title: progress.reset(task, description=title, total=None),
            lambda done, total: progress.update(task, completed=done, total=total),
        )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*map(_plain, row))
    return table


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _print_facts(console: Console, facts: Iterable[tuple[str, str]]) -> None:
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    for name, text in facts:
        grid.add_row(_plain(name), _plain(text))
    console.print(grid)


def _print_run(console: Console, done: Run, ledger: EnergyLedger, posed: Problem | None = None) -> None:
    from pbits.report import number, si

    machine = done.record["machine"]
    label = ", illustrative" if machine["illustrative"] else ""
    facts = [
        ("problem", done.record["problem"] or done.record["model"]["kind"]),
        ("machine", f"{done.machine} ({machine['title']}{label})"),
        ("seed", f"{done.record['seed']}, chip {done.record['chip_seed']}"),
        ("schedule", _schedule_line(done.schedule)),
    ]
    if done.solution is not None:
        facts += [("answer", str(done.solution)), ("decoded", _decoded(done.solution.value, posed))]
    facts += [
        ("energy", f"mean of the draws {number(done.energies.mean())}, lowest {number(done.energies.min())}"),
        ("", f"lowest energy passed through {number(done.best_energy)}"),
        *_trust(done),
        ("device time", si(done.device_time_s, "s")),
        ("simulated in", si(done.wall_time_s, "s")),
    ]
    where = f" at the {ledger.boundary} boundary" if ledger.boundary else ""
    if ledger.joules is not None and ledger.spread is not None:
        low, high = (si(end, "J") for end in (ledger.spread.low, ledger.spread.high))
        grade = f"; weakest evidence: {_grade(ledger.evidence)}" if ledger.evidence else ""
        facts.append(("joules", f"{si(ledger.joules, 'J')}{where} (95 % from {low} to {high}{grade})"))
        if ledger.net_of_idle is not None:
            facts.append(("net of idle", f"{si(ledger.net_of_idle, 'J')} more than the machine draws idle for as long"))
        facts.append(("per sample", si(ledger.per_sample, "J")))
    else:
        bound = "" if ledger.lower_bound is None else f", at least {si(ledger.lower_bound, 'J')}"
        known = "" if ledger.without_idle is None else f"; {si(ledger.without_idle, 'J')} without standby"
        facts.append(("joules", f"not stated{where}{bound}{known}"))
        facts += [("", reason) for reason in ledger.reasons]
    _print_facts(console, facts)


def _print_answer(console: Console, answer: Answer, boundary: str | None) -> None:
    from pbits.report import number, si

    run, posed = answer.run, answer.problem
    machine = run.record["machine"]
    label = ", illustrative" if machine["illustrative"] else ""
    facts = [
        ("problem", posed.name),
        ("machine", f"{run.machine} ({machine['title']}{label})"),
        ("method", f"{answer.method}: {answer.reason}"),
    ]
    if posed.penalty is not None:
        facts.append(("penalty", f"{number(posed.penalty)}, {posed.penalty_rule}"))
    reached = "the goal, or best known, was reached" if answer.reached else "the budget is spent"
    count = len(answer.attempts) if answer.search is None else len(answer.search.rounds)
    called, which = ("attempts", "best") if answer.search is None else ("rounds", "last")
    facts += [
        ("answer", str(answer.solution)),
        ("decoded", _decoded(answer.solution.value, posed)),
        (called, f"{count}; {'interrupted' if answer.interrupted else reached}"),
        ("", f"the {which} has seed {run.record['seed']}, {_schedule_line(run.schedule)}"),
        ("simulated in", f"{si(answer.wall_time_s, 's')} of a budget of {si(answer.budget_s, 's')}"),
        ("device time", f"{si(answer.device_time_s, 's')} in all; {si(run.device_time_s, 's')} the {which}"),
    ]
    joules, best = answer.joules(boundary), _ledger_of(run, boundary)
    where = f" at the {best.boundary} boundary" if best.boundary else ""
    if joules is None:
        facts += [("joules", f"not stated{where}"), *(("", reason) for reason in best.reasons)]
    else:
        facts.append(("joules", f"{si(joules, 'J')} in all; {si(best.joules, 'J')} the {which}{where}"))
    _print_facts(console, facts)


def _ledger_of(run: Run, boundary: str | None) -> EnergyLedger:
    import pbits

    return pbits.price(run, boundary)


def _schedule_line(schedule: Schedule) -> str:
    from pbits.report.costs import schedule_text

    return schedule_text({"kind": schedule.kind, **schedule.to_dict()})


def _decoded(answer: Any, posed: Problem | None) -> str:
    """The answer for people, as the problem puts it; of what it puts in one line, at most 200 characters."""
    text = repr(answer) if posed is None or answer is None else posed.text(answer)
    if 1 < len(text.splitlines()) <= _MOST_LINES:
        return text
    text = " ".join(text.split())
    return text if len(text) <= 200 else f"{text[:199]}…"


def _trust(done: Run) -> Iterator[tuple[str, str]]:
    """How far the draws can be trusted: effective samples, the three errors, broken chains."""
    import pbits
    from pbits.report import number
    from pbits.report.quantities import percent

    if done.schedule.kind == "sample":
        found = pbits.diagnose(done)
        worst = "" if found.worst is None else f" of {found.worst}, the worst"
        ess = "unknown" if found.worst_ess is None else f"{found.worst_ess:,.0f}{worst}"
        yield "effective samples", f"{ess}; worst R̂ {number(found.worst_r_hat)}"
        yield "", "converged" if found.converged else "not converged"
        yield from (("warning", warning) for warning in found.warnings)
    if done.errors is not None:
        errors = done.errors
        names = ("mapping", "clock", *(("reading",) if errors.reading else ()), "sampling")
        parts = ", ".join(f"{name} {number(getattr(errors, name))}" for name in names)
        known = f"; the clock error is known to {number(errors.clock_known_to)}" if errors.clock_known_to else ""
        yield "errors", f"{parts} ({errors.measure}{known})"
        judged = {True: "as posed", False: "not as posed", None: "cannot be judged"}[errors.faithful]
        yield "", f"draws against the posed law {number(errors.total)}, by chance {number(errors.floor)}: {judged}"
    if (obeyed := done.conditionals) is not None:
        low, high = obeyed.slope_interval
        yield "conditionals", f"slope {number(obeyed.slope)} ({number(low)} to {number(high)}); 1 for Boltzmann's law"
        if obeyed.beta is not None and obeyed.beta_interval is not None:
            low, high = obeyed.beta_interval
            yield "", f"as if at β {number(obeyed.beta)} ({number(low)} to {number(high)})"
    broken = done.record["notes"].get("embedding", {}).get("chain_break_fraction")
    if broken is not None:
        yield "chain breaks", percent(broken)


def _print_comparison(console: Console, document: dict[str, Any]) -> None:
    from pbits.report import costs
    from pbits.report.tables import cells, headings

    rows = []
    for row in document["rows"]:
        figures = ["refused"] if row["refusal"] else map(str, cells(document, row))
        rows.append([row["machine"] + ("\nillustrative" if row.get("illustrative") else ""), *figures])
    console.print(f"\n[b]{_plain(document['title'])}[/b]  (seed {document['seed']})", markup=True)
    console.print(costs.schedule_text(document["schedule"]))
    if goal := costs.goal(document):
        console.print(f"counts as solved: {goal}")
    heads = headings(document)
    if max(len(row["machine"]) for row in document["rows"]) + _NARROWEST * len(heads[1:]) <= console.width:
        table = _table(heads, rows)
        # Names are typed again, so they stay whole; the other columns wrap.
        table.columns[0].no_wrap = True
        console.print(table)
    else:
        for name, *figures in rows:
            console.print("\n" + ", ".join(name.splitlines()))
            _print_facts(console, [(f"  {head}", figure) for head, figure in zip(heads[1:], figures)])
    for row in document["rows"]:
        if row["refusal"]:
            console.print(f"{row['machine']} refused: {'; '.join(row['refusal'])}")
        if own := costs.own_schedule(document, row):
            console.print(f"{row['machine']} ran {own}")


def _ledger_row(row: Any) -> list[str]:
    from pbits.report import number, si

    counted = {
        "J": lambda count: number(count),
        "W": lambda count: si(count, "s"),
        "1": lambda count: si(count, "J"),
    }
    return [
        row.item,
        _ranged(*map(counted[row.unit], (row.count, row.count_low, row.count_high))),
        *((f"in {row.included_in}", "", "") if row.included_in else _priced(row)),
        _grade(row.evidence),
        _cited(row),
        row.note,
    ]


def _spent(figure: Figure) -> str:
    from pbits.report import si

    text = _ranged(*(si(seconds, "s") for seconds in (figure.value, figure.low, figure.high)))
    return text if figure.evidence is None else f"{text}; weakest evidence: {_grade(figure.evidence)}"


def _ranged(value: str, low: str, high: str) -> str:
    return value if low == high else f"{value} ({low} to {high})"


def _grade(evidence: Evidence | None) -> str:
    from pbits.report.costs import grade

    return grade(None if evidence is None else evidence.value)


def _priced(row: Any) -> tuple[str, str, str]:
    from pbits.report import si

    span = "—" if row.low is None else f"{_amount(row.low, row.unit)} to {_amount(row.high, row.unit)}"
    return _amount(row.price, row.unit), span, si(row.joules, "J")


def _amount(value: float | None, unit: str) -> str:
    from pbits.report import number, si

    return number(value) if unit == "1" and value is not None else si(value, unit)


def _cited(entry: Any) -> str:
    return ", ".join(part for part in (entry.source, entry.locator) if part)


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        name = f"{before}{key}".replace("_", " ")
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{name}, ")
        elif isinstance(value, list):
            yield name, ", ".join(map(str, value)) or "none"
        elif value is not None and value != {}:
            yield name, str(value)
