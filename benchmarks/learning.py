"""Boltzmann machines, trained here and elsewhere: ``python -m benchmarks.learning``.

Data are scikit-learn's digits, 8 × 8, black from 8 of 16 up, 1,437 to train on and 360 to test on (stratified, seed 0).

- speed: an epoch of CD-1, 64 visible and 128 hidden units, in one run beside scikit-learn's BernoulliRBM (which keeps
  persistent chains) and learnergy's RBM where it is installed, in turns, at equal batch size; medians of the wall time.
- equal: the pseudo-likelihood that this project's and scikit-learn's machine of that size reach after equal epochs.
- likelihood: 64 × 16 units, exact mean log-likelihood of the test images, nats.
- joint: images and classes in one machine, classified by free energy, with weights of 8 to 2 bits.
- bimodal: a Curie–Weiss model of 32 spins from all −1: how often plain Gibbs sampling has crossed, and P(M > 0) by
  tempering, beside the exact value.
- machines: the joint machine on simulated chips and on a GPU: accuracy of sampled votes, seconds and joules per
  classification and per generated image; "≥" is a lower bound where a price is not stated.

Wall times on a shared computer prove nothing by themselves; ratios of one run do, as far as all rivals were disturbed
alike. Give PBITS_THREADS=1 OMP_NUM_THREADS=1 to compare single threads.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.special import gammaln, logsumexp
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import BernoulliRBM

import pbits
from pbits.algorithms import temper
from pbits.learning import (
    LearningPlan,
    Rate,
    class_probabilities,
    classify,
    exact_log_likelihood,
    generate_samples,
    pseudo_log_likelihood,
    quantised,
    train,
)
from pbits.models import BoltzmannModel

PIXELS, CLASSES = 64, 10
MACHINES = ("ideal", "smtj-projected", "asic-130nm-vmtj", "fpga-all-to-all", "gpu-h100-sxm", "cpu-epyc-9654")
SECTIONS = ("speed", "equal", "likelihood", "joint", "bimodal", "machines")


def digits() -> tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.int64], NDArray[np.int64]]:
    """Spins to train on and to test on, and their classes."""
    images, labels = load_digits(return_X_y=True)
    spins = np.where(images >= 8, 1, -1).astype(np.int8)
    return train_test_split(spins, labels, test_size=360, random_state=0, stratify=labels)


def plan(epochs: int, **changed: Any) -> LearningPlan:
    """CD-1 in batches of 20, at a rate that falls from 0.01 to 0."""
    given: dict[str, Any] = {"method": "cd", "batch": 20, "rate": Rate(first=0.01, last=0.0), "monitor": "none"}
    return LearningPlan(epochs=epochs, **{**given, **changed})


def theirs(epochs: int, hidden: int, batch: int, bits: NDArray, rate: float = 0.05) -> BernoulliRBM:
    return BernoulliRBM(hidden, batch_size=batch, n_iter=epochs, learning_rate=rate, random_state=0).fit(bits)


def of_bits(rbm: BernoulliRBM) -> BoltzmannModel:
    return BoltzmannModel.from_bits(rbm.components_.T, rbm.intercept_visible_, rbm.intercept_hidden_)


def learnergy_rbm(hidden: int, rate: float) -> Any:
    """Learnergy's machine, or None where it is not installed."""
    try:
        from learnergy.models.bernoulli import RBM
    except ImportError:
        return None
    return RBM(n_visible=PIXELS, n_hidden=hidden, steps=1, learning_rate=rate, momentum=0, decay=0, temperature=1)


def dataset(bits: NDArray) -> Any:
    import torch

    return torch.utils.data.TensorDataset(torch.tensor(bits, dtype=torch.float32), torch.zeros(len(bits)))


def of_learnergy(rbm: Any) -> BoltzmannModel:
    return BoltzmannModel.from_bits(*(part.detach().numpy().astype(float) for part in (rbm.W, rbm.a, rbm.b)))


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def speed(rounds: int, epochs: int) -> list[dict[str, Any]]:
    spins = digits()[0]
    bits = (spins + 1) / 2.0
    rows = []
    for batch in (10, 100):
        start = BoltzmannModel.restricted(PIXELS, 128).with_data_fields(spins)
        work: dict[str, Callable[[], object]] = {
            "pbits, CD-1": partial(train, start, spins, plan=plan(epochs, batch=batch), seed=1),
            "scikit-learn BernoulliRBM": partial(theirs, epochs, 128, batch, bits),
        }
        if (other := learnergy_rbm(128, 0.05)) is not None:
            work["learnergy RBM, CD-1"] = partial(other.fit, dataset(bits), batch_size=batch, epochs=epochs)
        for one in work.values():
            one()
        found: dict[str, list[float]] = {name: [] for name in work}
        for _ in range(rounds):
            for name, one in work.items():
                found[name].append(seconds(one) / epochs)
        ours = np.array(found["pbits, CD-1"])
        for name, taken in found.items():
            ratio = np.array(taken) / ours
            rows.append(
                {
                    "batch": batch, "tool": name, "ms per epoch": 1e3 * float(np.median(taken)),
                    "× pbits": float(np.median(ratio)), "lowest": float(ratio.min()), "highest": float(ratio.max()),
                }
            )  # fmt: skip
    return rows


def equal(epochs: int) -> list[dict[str, Any]]:
    spins, test, _, _ = digits()
    bits = (spins + 1) / 2.0
    rows = []
    for batch in (10, 100):
        start = BoltzmannModel.restricted(PIXELS, 128).with_data_fields(spins)
        machines = {
            "pbits, CD-1": train(start, spins, plan=plan(epochs, batch=batch), seed=1).model,
            "scikit-learn, rate 0.01": of_bits(theirs(epochs, 128, batch, bits, 0.01)),
            "scikit-learn, rate 0.05": of_bits(theirs(epochs, 128, batch, bits, 0.05)),
        }
        rows += [
            {"batch": batch, "machine": name, "pseudo-likelihood, test": pseudo_log_likelihood(model, test).mean}
            for name, model in machines.items()
        ]
    return rows


def likelihood(epochs: int) -> list[dict[str, Any]]:
    spins, test, _, _ = digits()
    bits = (spins + 1) / 2.0
    start = BoltzmannModel.restricted(PIXELS, 16, seed=1).with_data_fields(spins)
    machines = {
        "independent pixels": BoltzmannModel.restricted(PIXELS, 1, spread=0.0).with_data_fields(spins),
        "scikit-learn, 60 epochs": of_bits(theirs(60, 16, 10, bits)),
        f"scikit-learn, {epochs} epochs": of_bits(theirs(epochs, 16, 10, bits)),
    }
    if (other := learnergy_rbm(16, 0.05)) is not None:
        other.fit(dataset(bits), batch_size=10, epochs=60)
        machines["learnergy CD-1, 60 epochs"] = of_learnergy(other)
    for name, changed in {
        "CD-1": {},
        "CD-10": {"sweeps": 10},
        "persistent": {"method": "pcd"},
        "persistent, 8 levels of β": {"method": "tempered", "sweeps": 2, "epochs": max(1, epochs // 10), "chains": 20},
    }.items():
        settings = plan(**{"epochs": epochs, "rate": Rate(first=0.02, last=0.0), **changed})
        machines[f"pbits {name}, {settings.epochs} epochs"] = train(start, spins, plan=settings, seed=3).model
    rows = []
    for name, model in machines.items():
        found = exact_log_likelihood(model, test)
        trained = exact_log_likelihood(model, spins)
        rows.append({"machine": name, "test, nats": found.mean, "±": found.error, "training, nats": trained.mean})
    return rows


def joint_machine(seed: int, epochs: int, sweeps: int = 1, tuned: int = 0) -> BoltzmannModel:
    """Images and classes, 128 hidden units; then `tuned` epochs of the conditional objective."""
    spins, _, labels, _ = digits()
    start = BoltzmannModel.restricted(PIXELS, 128, classes=CLASSES, seed=seed).with_data_fields(spins, labels)
    model = train(start, spins, labels, plan=plan(epochs, sweeps=sweeps), seed=seed).model
    if tuned:
        model = train(model, spins, labels, plan=plan(tuned, objective="conditional"), seed=seed).model
    return model


def joint(epochs: int, seeds: int) -> list[dict[str, Any]]:
    _, test, _, labels = digits()
    rows = []
    for name, changed in {
        "CD-1": {},
        "CD-5": {"sweeps": 5},
        "CD-5, then 10 epochs of P(class | image)": {"sweeps": 5, "tuned": 10},
    }.items():
        began = time.perf_counter()
        machines = [joint_machine(seed, epochs, **changed) for seed in range(seeds)]
        taken = (time.perf_counter() - began) / seeds

        def right(bits: int | None, machines: list[BoltzmannModel] = machines) -> tuple[float, float]:
            held = machines if bits is None else [quantised(model, bits) for model in machines]
            found = [float((class_probabilities(model, test).argmax(axis=1) == labels).mean()) for model in held]
            return float(np.mean(found)), float(np.std(found, ddof=1)) if len(found) > 1 else 0.0

        row: dict[str, Any] = {"trained by": name, "s": taken}
        for bits in (None, 8, 6, 5, 4, 3, 2):
            mean, spread = right(bits)
            row["exact" if bits is None else f"{bits} bits"] = mean
            if bits is None:
                row["± of a seed"] = spread
        rows.append(row)
    return rows


def curie_weiss() -> tuple[pbits.IsingModel, float]:
    """The model, and its P(M > 0) as a sum over magnetisations."""
    n = 32
    J = np.full((n, n), 2.5 / n)
    np.fill_diagonal(J, 0)
    up = np.arange(n + 1)
    M = 2 * up - n
    logs = gammaln(n + 1) - gammaln(up + 1) - gammaln(n - up + 1) + 1.25 / n * (M**2 - n) + 0.02 * M
    chances = np.exp(logs - logsumexp(logs))
    return pbits.IsingModel(J, np.full(n, 0.02)), float(chances[M > 0].sum())


def bimodal(chains: int) -> list[dict[str, Any]]:
    model, exact = curie_weiss()
    down = -np.ones(model.n, dtype=int)
    plain = pbits.run(
        model, "ideal", pbits.Schedule(n_samples=4000, chains=chains), initial=down, seed=1, judge=False
    )  # fmt: skip
    crossed = float((plain.states.sum(axis=2) > 0).any(axis=1).mean())
    levels = 12
    found = temper(
        model, betas=np.linspace(1 / levels, 1, levels), sweeps=4000, n_samples=1000, copies=chains, initial=down,
        seed=1,
    )  # fmt: skip
    above = float((found.run.states[-chains:].sum(axis=2) > 0).mean())
    return [
        {"sampler": "exact", "P(M > 0)": exact, "chains that crossed": None},
        {"sampler": "Gibbs, 4000 sweeps", "P(M > 0)": None, "chains that crossed": crossed},
        {"sampler": f"tempered, {levels} β, 4000 sweeps", "P(M > 0)": above, "chains that crossed": None},
    ]


def machines(epochs: int, sweeps: int) -> list[dict[str, Any]]:
    _, test, _, labels = digits()
    model = joint_machine(0, epochs, sweeps=5)
    rows = []
    for name in MACHINES:
        told = classify(model, test, machine=name, sweeps=sweeps, draws=sweeps // 2, seed=1, chip_seed=1)
        made = generate_samples(model, labels=labels, machine=name, sweeps=sweeps, seed=1, chip_seed=1)
        again = class_probabilities(model, made.data).argmax(axis=1)
        row: dict[str, Any] = {
            "machine": name,
            "accuracy": float((told.labels == labels).mean()),
            "images seen as asked for": float((again == labels).mean()),
            "boundary": told.ledger.boundary,
        }
        for what, found in (("classification", told), ("image", made)):
            bound = found.ledger.lower_bound
            row[f"s per {what}"] = found.device_time_per_row_s
            row[f"J per {what}"] = found.joules_per_row
            row[f"J per {what}, at least"] = None if bound is None else bound / len(found.data)
        rows.append(row)
    return rows


def shown(console: Console, title: str, rows: list[dict[str, Any]]) -> None:
    table = Table(title=title, title_justify="left")
    for name in rows[0]:
        table.add_column(name)
    for row in rows:
        table.add_row(*("—" if v is None else f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()))
    console.print(table)


def main(
    only: Annotated[str, typer.Option(help=f"Sections, separated by commas: {', '.join(SECTIONS)}.")] = ",".join(
        SECTIONS
    ),
    quick: Annotated[bool, typer.Option(help="A few epochs and one seed: to see that it runs.")] = False,
    rounds: Annotated[int, typer.Option(help="Of the race.")] = 7,
    output: Annotated[Path | None, typer.Option(help="JSON file for all rows.")] = None,
) -> None:
    """Train Boltzmann machines here and elsewhere, and compare."""
    wanted = only.split(",")
    if unknown := set(wanted) - set(SECTIONS):
        raise typer.BadParameter(f"there is no section {min(unknown)!r}; take {', '.join(SECTIONS)}")
    work: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "speed": lambda: speed(1 if quick else rounds, 1 if quick else 5),
        "equal": lambda: equal(2 if quick else 30),
        "likelihood": lambda: likelihood(2 if quick else 300),
        "joint": lambda: joint(2 if quick else 100, 1 if quick else 5),
        "bimodal": lambda: bimodal(8 if quick else 64),
        "machines": lambda: machines(2 if quick else 100, 20 if quick else 200),
    }
    console = Console()
    found = {}
    for name in wanted:
        found[name] = work[name]()
        shown(console, name, found[name])
    if output is not None:
        output.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    typer.run(main)
