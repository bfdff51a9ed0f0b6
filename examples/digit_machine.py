"""One Boltzmann machine of digits and their classes: makes digits, completes them, takes noise out, and names them.

    python examples/digit_machine.py --help

A restricted machine of 64 pixels, 10 label spins and 128 hidden spins is trained on 1,437 of scikit-learn's digits,
black or white, in seconds. Then it is asked, on an ideal machine and on a simulated FPGA of p-bits, for

- digits of each class, its labels clamped;
- the lower half of test digits, their upper half clamped;
- test digits of which every tenth pixel was turned over: each noisy pixel pulls at its p-bit;
- the classes of test digits, by free energy and by the votes of its label p-bits.

Beside each answer stands what takes no machine: the mean image of a class, the majority of each pixel, the noisy
pixels themselves.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from pbits.learning import (
    LearningPlan,
    Rate,
    class_probabilities,
    classify,
    complete,
    denoise,
    generate_samples,
    nearest,
    train,
)
from pbits.models import BoltzmannModel

FLIP = 0.1
CHIP = "fpga-all-to-all"


def digits():
    """Training and test images, and their classes; black is +1."""
    images, labels = load_digits(return_X_y=True)
    spins = np.where(images >= 8, 1, -1).astype(np.int8)
    return train_test_split(spins, labels, test_size=360, random_state=0, stratify=labels)


def cost(found):
    """Of one row, in words."""
    if found.joules_per_row is None:
        return ""
    return f"; {found.joules_per_row:.3g} J and {found.device_time_per_row_s:.3g} s each"


def draw(rows, weights, path):
    """Rows of images with their names, and beside them what ten hidden spins look at."""
    width = len(rows[0][1])
    fig, axes = plt.subplots(len(rows) + 1, width, figsize=(0.72 * width + 1, 0.78 * (len(rows) + 1)))
    for line, (name, images) in zip(axes, rows):
        for ax, image in zip(line, images):
            ax.imshow(np.reshape(image, (8, 8)), cmap="Greys", vmin=-1, vmax=1, interpolation="nearest")
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
    strongest = np.argsort(-np.abs(weights[:64]).sum(axis=0))[:width]
    reach = np.abs(weights[:64, strongest]).max()
    for ax, unit in zip(axes[-1], strongest):
        ax.imshow(weights[:64, unit].reshape(8, 8), cmap="RdBu_r", vmin=-reach, vmax=reach, interpolation="nearest")
    axes[-1, 0].set_ylabel("weights of\nhidden spins", rotation=0, ha="right", va="center", fontsize=8)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    fig.tight_layout(pad=0.3)
    fig.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--quick", action="store_true", help="three epochs: to see that it runs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--checkpoint", type=Path, help="file to go on from, written after every epoch")
    parser.add_argument("--picture", type=Path, default=Path("digit_machine.png"))
    given = parser.parse_args()

    images, test, labels, test_labels = digits()
    start = BoltzmannModel.restricted(64, 128, classes=10, seed=given.seed).with_data_fields(images, labels)
    plan = LearningPlan(
        method="cd", sweeps=5, epochs=3 if given.quick else given.epochs, batch=20, rate=Rate(first=0.01, last=0.0),
        monitor="pseudo-likelihood",
    )  # fmt: skip
    trained = train(
        start, images, labels, plan=plan, seed=given.seed, checkpoint=given.checkpoint, validation=(test, test_labels),
        progress=True,
    )  # fmt: skip
    model = trained.model
    print(trained)
    exact = class_probabilities(model, test).argmax(axis=1)
    print(f"classes by free energy: {(exact == test_labels).mean():.1%} of {len(test)} test digits are right")

    rng = np.random.default_rng(given.seed)
    known = np.arange(64) < 32
    noisy = np.where(rng.random(test.shape) < FLIP, -test, test).astype(np.int8)
    majority = np.sign(images.mean(axis=0))
    means = np.stack([np.sign(images[labels == label].mean(axis=0)) for label in range(10)])
    print(
        f"without a machine: {(majority == test)[:, ~known].mean():.1%} of the missing pixels by the majority, "
        f"{(means[exact] == test)[:, ~known].mean():.1%} by the mean of the class if that is told; noise turned over "
        f"{(noisy != test).mean():.1%} of the pixels"
    )
    _, differ = nearest(test, images)
    print(f"test digits differ from the nearest training image in {differ.mean():.1f} pixels")
    rows = []
    for name, machine in (("ideal", "ideal"), (CHIP, CHIP)):
        where = {"machine": machine, "seed": given.seed, "chip_seed": 1}
        named = classify(model, test, sweeps=200, draws=100, **where)
        print(f"{name}: {(named.labels == test_labels).mean():.1%} of the classes by votes{cost(named)}")
        made = generate_samples(model, labels=np.tile(np.arange(10), 20), sweeps=1000, **where)
        seen = class_probabilities(model, made.data).argmax(axis=1)
        _, differ = nearest(made.data, images)
        print(
            f"  digits made: {(seen == np.tile(np.arange(10), 20)).mean():.1%} are seen as what was asked for, and "
            f"differ from the nearest training image in {differ.mean():.1f} pixels{cost(made)}"
        )
        filled = complete(model, test, known, **where)
        right = (np.where(filled.means >= 0, 1, -1) == test)[:, ~known].mean()
        print(f"  completed: {right:.1%} of the missing pixels are right{cost(filled)}")
        cleaned = denoise(model, noisy, FLIP, **where)
        wrong = (np.where(cleaned.means >= 0, 1, -1) != test).mean()
        print(f"  denoised: {wrong:.1%} of the pixels are wrong{cost(cleaned)}")
        first = [int(np.flatnonzero(test_labels == label)[0]) for label in range(10)]
        if machine == CHIP:
            half = np.where(known, test, 0)
            rows = [
                ("made by the\nFPGA", made.data[:10]),
                ("test digits", test[first]),
                ("known half", half[first]),
                ("completed", np.where(known, test, filled.means)[first]),
                ("noisy", noisy[first]),
                ("denoised", cleaned.means[first]),
            ]
    draw(rows, model.weights, given.picture)
    print(f"the picture is {given.picture}")


if __name__ == "__main__":
    main()
