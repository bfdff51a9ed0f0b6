"""What does naming a digit cost on a Z1, on an FPGA, on magnetic tunnel junctions and on a GPU?

    python examples/classify_on_machines.py --help

Two Boltzmann machines name scikit-learn's digits, black or white:

- dense: 64 pixels, 10 label spins and 128 hidden spins, every hidden spin wired to all that is seen; trained for
  P(image, class). It fits machines on which everything is wired to everything.
- wired as Z1: 32 × 32 cells with the sixteen wires of Extropic's grid; cells of one colour hold each pixel seven
  times and each label five times, those of the other are hidden; trained for P(class | image), first in closed form,
  then by samples. It fits every machine here.

Each is trained once, for an ideal machine, and then run as it is: images are clamped, and label p-bits vote. Chips are
those of the catalogue, with mismatch of their own: p-bits with offsets of the size that is named are shown as well. A
machine whose joules are not all stated shows what is, as "≥", and none is compared at another boundary than its own.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import pbits
from hardware_models import pbit
from hardware_models.effects import OffsetMismatch, SlopeMismatch
from pbits.learning import LearningPlan, Rate, class_probabilities, classify, generate_samples, train
from pbits.mapping import Grid
from pbits.models import BoltzmannModel

SIDE, PIXEL_COPIES, LABEL_COPIES = 32, 7, 5
SPREAD = 0.3


def digits():
    """Training and test images, and their classes; black is +1."""
    images, labels = load_digits(return_X_y=True)
    spins = np.where(images >= 8, 1, -1).astype(np.int8)
    return train_test_split(spins, labels, test_size=360, random_state=0, stratify=labels)


def dense(images, labels, epochs, seed):
    start = BoltzmannModel.restricted(64, 128, classes=10, seed=seed).with_data_fields(images, labels)
    plan = LearningPlan(
        method="cd", sweeps=5, epochs=epochs, batch=20, rate=Rate(first=0.01, last=0.0), monitor="none"
    )  # fmt: skip
    return train(start, images, labels, plan=plan, seed=seed).model


def wired_as_z1(images, labels, epochs, seed):
    """Pixels and labels at random cells of one colour; cells of that colour which hold nothing have no wires."""
    grid = Grid.named("Z1", SIDE, SIDE)
    row, column = np.divmod(np.arange(grid.n_sites), SIDE)
    places = np.random.default_rng(seed).permutation(np.flatnonzero((row + column) % 2 == 0))
    pixels, told, empty = np.split(places, [64 * PIXEL_COPIES, 64 * PIXEL_COPIES + 10 * LABEL_COPIES])
    wires = grid.edges()
    wires = wires[~np.isin(wires, empty).any(axis=1)]
    start = BoltzmannModel.on_graph(
        grid.n_sites, wires, visible=pixels, labels=told.reshape(10, LABEL_COPIES), spread=0.05, seed=seed
    ).with_data_fields(images, labels)
    exact = LearningPlan(
        method="cd", objective="conditional", epochs=epochs, batch=20, rate=Rate(first=0.05, last=0.0), decay=0.003,
        monitor="none",
    )  # fmt: skip
    sampled = LearningPlan(
        method="cd", objective="conditional", positive="sampled", sweeps=20, draws=8, epochs=2 * epochs, batch=50,
        rate=Rate(first=0.03, last=0.0015), monitor="none",
    )  # fmt: skip
    begun = train(start, images, labels, plan=exact, seed=seed).model
    return train(begun, images, labels, plan=sampled, seed=seed, progress=True).model


def machines():
    uneven = [OffsetMismatch(sigma_d2d=SPREAD), SlopeMismatch(sigma_d2d=SPREAD)]
    return {
        "ideal": "ideal",
        "extropic-z1": "extropic-z1",
        "fpga-all-to-all": "fpga-all-to-all",
        "smtj-projected": "smtj-projected",
        f"p-bits, offsets and slopes ± {SPREAD}": pbit.Array(effects=uneven),
        "gpu-h100-sxm": "gpu-h100-sxm",
        "cpu-epyc-9654": "cpu-epyc-9654",
    }


def joules(found):
    """Of a row: known, or at least."""
    if found.joules_per_row is not None:
        return f"{found.joules_per_row:.2e}"
    bound = found.ledger.lower_bound
    return "—" if bound is None else f"≥ {bound / len(found.data):.2e}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sweeps", type=int, default=200, help="of a classification, half of which vote")
    parser.add_argument("--quick", action="store_true", help="hardly trained, 20 sweeps: to see that it runs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--picture", type=Path, default=Path("classify_on_machines.png"))
    given = parser.parse_args()
    sweeps = 20 if given.quick else given.sweeps

    images, test, labels, test_labels = digits()
    if given.quick:
        test, test_labels = test[:60], test_labels[:60]
    copies = np.tile(images, (1, PIXEL_COPIES)), np.tile(test, (1, PIXEL_COPIES))
    networks = {
        "dense": (dense(images, labels, 2 if given.quick else 100, given.seed), test),
        "wired as Z1": (wired_as_z1(copies[0], labels, 1 if given.quick else 10, given.seed), copies[1]),
    }
    points = {}
    for title, (model, rows) in networks.items():
        right = (class_probabilities(model, rows).argmax(axis=1) == test_labels).mean()
        print(f"{title}: {model}\n  {right:.1%} of the test digits are named rightly by free energy, in closed form")
        print(f"  {'by votes, on':36s}{'right':>8s}{'s each':>10s}{'J each':>12s}{'J an image made':>18s}  boundary")
        for name, machine in machines().items():
            where = {"machine": machine, "seed": given.seed, "chip_seed": 1}
            try:
                found = classify(model, rows, sweeps=sweeps, draws=sweeps // 2, **where)
                made = generate_samples(model, labels=test_labels, sweeps=sweeps, **where)
            except pbits.NotMappable as error:
                print(f"  {name:36s}does not fit: {error.reasons[0]}")
                continue
            accuracy = (found.labels == test_labels).mean()
            seconds = found.device_time_per_row_s
            told = "—" if seconds is None else f"{seconds:.1e}"
            print(
                f"  {name:36s}{accuracy:8.1%}{told:>10s}{joules(found):>12s}{joules(made):>18s}  "
                f"{found.ledger.boundary or '—'}"
            )
            spent = found.joules_per_row or (found.ledger.lower_bound or 0) / len(rows)
            if spent:
                points[title, name] = (spent, accuracy, found.joules_per_row is not None, found.ledger.boundary)

    fig, ax = plt.subplots(figsize=(6.6, 3.8))
    for number, ((title, name), (spent, accuracy, known, boundary)) in enumerate(points.items()):
        colour = "#0072B2" if title == "dense" else "#D55E00"
        ax.plot(spent, 100 * accuracy, "o" if known else ">", color=colour, fillstyle="full" if known else "none")
        ax.annotate(f"{name}, {boundary}", (spent, 100 * accuracy), fontsize=6.5, color=colour,
                    xytext=(4, 4 if number % 2 else -9), textcoords="offset points")  # fmt: skip
    ax.set(xscale="log", xlabel="joules a classification (open: what is stated, a lower bound)",
           ylabel="test digits named rightly, %")  # fmt: skip
    ax.margins(x=0.25, y=0.15)
    fig.tight_layout()
    fig.savefig(given.picture, dpi=110)
    print(f"boundaries differ: a figure of cells alone says nothing about a board\nthe picture is {given.picture}")


if __name__ == "__main__":
    main()
