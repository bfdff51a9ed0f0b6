"""Digits learned on this computer, put on chips whose p-bits are mismatched, and learned again on each chip.

    python examples/in_the_loop.py --help

A restricted machine of 64 pixels, 10 label spins and 128 hidden spins is trained on an ideal machine. Then it is put on
simulated chips, each with input offsets of its own, and its classes of test digits are what the label p-bits vote. Each
chip then trains on from those weights, sampling both phases itself: five passes through the training digits. The last
line is the control: the same five passes on the ideal machine.

A second table has weights of few bits: rounded after training, and trained with the rounding in the loop.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from hardware_models import pbit
from hardware_models.effects import OffsetMismatch, SlopeMismatch
from pbits.learning import LearningPlan, Rate, classify, quantised, study, train
from pbits.models import BoltzmannModel

BITS = (8, 6, 5, 4, 3, 2)


def digits():
    """Training and test images, and their classes; black is +1."""
    images, labels = load_digits(return_X_y=True)
    spins = np.where(images >= 8, 1, -1).astype(np.int8)
    return train_test_split(spins, labels, test_size=360, random_state=0, stratify=labels)


def chips(sigma):
    """p-bits with input offsets, in units of βI."""
    return pbit.Array(effects=[OffsetMismatch(sigma_d2d=sigma)])


def sloped(sigma):
    """p-bits with offsets of 1 whose slopes differ too: no Boltzmann machine any more."""
    return pbit.Array(effects=[OffsetMismatch(sigma_d2d=1.0), SlopeMismatch(sigma_d2d=sigma)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chips", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="few epochs, chips and values: to see that it runs")
    parser.add_argument("--picture", type=Path, default=Path("in_the_loop.png"))
    given = parser.parse_args()
    number = 2 if given.quick else given.chips
    epochs = 5 if given.quick else 60

    images, test, labels, test_labels = digits()
    start = BoltzmannModel.restricted(64, 128, classes=10, seed=given.seed).with_data_fields(images, labels)
    plan = LearningPlan(
        method="cd", sweeps=5, epochs=epochs, batch=20, rate=Rate(first=0.02, last=0.0), monitor="none"
    )  # fmt: skip
    model = train(start, images, labels, plan=plan, seed=given.seed).model
    again = LearningPlan(
        method="cd", objective="conditional", positive="sampled", sweeps=5, epochs=1 if given.quick else 5, batch=50,
        rate=Rate(first=0.05, last=0.005), monitor="none",
    )  # fmt: skip
    common = {"chips": number, "seed": given.seed, "fine_tune": again, "training": (images, labels)}
    found = study(
        model, test, test_labels, machines=chips, values=[1.0] if given.quick else [0.5, 1.0, 1.5, 2.0],
        knob="offset mismatch", **common,
    )  # fmt: skip
    print(found)
    if not given.quick:
        print()
        print(study(model, test, test_labels, machines=sloped, values=[0.2], knob="slope mismatch", **common))
    votes = {"sweeps": 50, "draws": 25, "seed": given.seed}
    control = train(model, images, labels, plan=again, machine=pbit.Array(), seed=given.seed).model
    right = (classify(control, test, **votes).labels == test_labels).mean()
    print(f"\ncontrol: trained on for as long on the ideal machine, {right:.3f} are right")

    print("\nweight bits  rounded  trained with rounding")
    for bits in BITS[-2:] if given.quick else BITS:
        kept = LearningPlan(
            method="cd", sweeps=5, epochs=epochs, batch=20, rate=Rate(first=0.02, last=0.0), monitor="none",
            weight_bits=bits,
        )  # fmt: skip
        learned = train(start, images, labels, plan=kept, seed=given.seed).model
        shares = [
            (classify(one, test, **votes).labels == test_labels).mean() for one in (quantised(model, bits), learned)
        ]
        print(f"{bits:<11}  {shares[0]:.3f}    {shares[1]:.3f}")
    found.plot().savefig(given.picture, dpi=110)


if __name__ == "__main__":
    main()
