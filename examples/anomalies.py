"""Which cell samples are odd? A Boltzmann machine that has seen benign ones alone tells by its free energy.

    python examples/anomalies.py --help

scikit-learn's breast cancer data: 569 samples of 30 measurements, each turned into five bits, whether it lies above
the 50th, 75th, 90th, 95th and 99th percentile of the benign training samples. A restricted machine is trained on
benign samples alone, and a test sample is the odder the higher its free energy F(v) = −ln Σ_u e^(−E(v, u)). Told is
the area under the ROC curve: the chance that a malignant sample is odder than a benign one. Beside it: bits taken as
independent, and scikit-learn's isolation forest on the same bits. The machine is then trained again on a noisy chip
of p-bits itself, and its free energy, computed by the host from what the chip was programmed with, is used in the
same way.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score, roc_curve

from hardware_models import pbit
from hardware_models.effects import OffsetMismatch
from pbits.learning import LearningPlan, Rate, free_energy, train
from pbits.models import BoltzmannModel

PERCENTILES = (50, 75, 90, 95, 99)
HIDDEN = 8


def samples(seed):
    """Benign training samples, test samples, and which of these are malignant; spins."""
    values, benign = load_breast_cancer(return_X_y=True)
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(np.flatnonzero(benign == 1))
    training, rest = chosen[:200], np.concatenate([chosen[200:], np.flatnonzero(benign == 0)])
    steps = np.percentile(values[training], PERCENTILES, axis=0)
    bits = (values[:, :, None] > steps.T).reshape(len(values), -1)
    spins = np.where(bits, 1, -1).astype(np.int8)
    return spins[training], spins[rest], benign[rest] == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--quick", action="store_true", help="five epochs: to see that it runs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--picture", type=Path, default=Path("anomalies.png"))
    given = parser.parse_args()
    epochs = 5 if given.quick else given.epochs

    benign, test, malignant = samples(given.seed)
    plan = LearningPlan(
        method="pcd", epochs=epochs, batch=20, rate=Rate(first=0.01, last=0.0), decay=0.02, monitor="none"
    )  # fmt: skip
    start = BoltzmannModel.restricted(benign.shape[1], HIDDEN, seed=given.seed).with_data_fields(benign)
    machine = train(start, benign, plan=plan, seed=given.seed, progress=True).model
    apart = BoltzmannModel.restricted(benign.shape[1], 1, spread=0.0).with_data_fields(benign)
    chip = pbit.Array(effects=[OffsetMismatch(sigma_d2d=0.2)], name="a chip of p-bits with offsets of 0.2")
    on_chip = LearningPlan(
        method="pcd", positive="sampled", sweeps=2, epochs=epochs, batch=20, rate=Rate(first=0.01, last=0.0),
        decay=0.02, monitor="none",
    )  # fmt: skip
    learned = train(start, benign, plan=on_chip, machine=chip, chip_seed=3, seed=given.seed, progress=True)
    scores = {
        "restricted machine": free_energy(machine, test),
        "trained on the chip": free_energy(learned.model, test),
        "independent bits": free_energy(apart, test),
        "isolation forest": -IsolationForest(random_state=0).fit(benign).score_samples(test),
    }
    print(f"{len(benign)} benign samples to train on; {len(test)} to test, {malignant.sum()} of them malignant")
    for name, score in scores.items():
        print(f"{name:20s} area under the ROC curve {roc_auc_score(malignant, score):.3f}")
    print(f"on the chip: {learned.cost}")

    fig, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.4))
    energies = scores["restricted machine"]
    edges = np.linspace(energies.min(), np.percentile(energies, 99), 40)
    left.hist(energies[~malignant], edges, alpha=0.7, color="#0072B2", label="benign")
    left.hist(energies[malignant], edges, alpha=0.7, color="#D55E00", label="malignant")
    left.set(xlabel="free energy F(v)", ylabel="test samples")
    left.legend(frameon=False)
    for (name, score), colour in zip(scores.items(), ("#0072B2", "#009E73", "#CC79A7", "#000000")):
        wrong, right_ones, _ = roc_curve(malignant, score)
        right.plot(wrong, right_ones, color=colour, label=f"{name}, {roc_auc_score(malignant, score):.3f}")
    right.set(xlabel="benign called odd", ylabel="malignant called odd", xlim=(0, 0.4), ylim=(0.6, 1.005))
    right.legend(frameon=False, fontsize=8, loc="lower right")
    fig.tight_layout()
    fig.savefig(given.picture, dpi=110)
    print(f"the picture is {given.picture}")


if __name__ == "__main__":
    main()
