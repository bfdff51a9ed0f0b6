"""Flowers as a potential: matched to data without sampling, then sampled by circuits.

    python examples/score_matching.py --help

The petals of scikit-learn's 150 irises, length and width, are two clouds. Score matching fits potentials to them by one
linear solve: a quadratic one, which has one cloud, and a quartic one, double wells that are coupled. Then

- cells with non-linear characteristics sample the quartic;
- they sample it level by level, from wide noise to little, each level matched to data with that much noise;
- cells with a host in the loop sample a potential that no circuit holds, the logarithm of a smoothed histogram: the
  host computes its gradient in every step, and its operations and words are counted. Prices of the parts are assumed
  here; they show where the joules go, and not how many there are.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris

import pbits
from hardware_models import langevin
from pbits.learning import anneal_scores, fit_score, noise_ladder
from pbits.parameters import Evidence, Included, Parameter, PriceTable
from pbits.report import si

WIDTH = 0.3


def petals():
    """Length and width, scaled to mean 0 and deviation 1, in an order that tells nothing."""
    x = load_iris().data[:, 2:]
    return np.random.default_rng(0).permutation((x - x.mean(axis=0)) / x.std(axis=0))


def histogram(data):
    """−ln of a mean of normal distributions of width WIDTH about the data, and its gradient."""

    def parts(x):
        apart = x[..., None, :] - data
        return apart, -(apart**2).sum(axis=-1) / (2 * WIDTH**2)

    def energy(x):
        return -np.logaddexp.reduce(parts(x)[1], axis=-1)

    def gradient(x):
        apart, logs = parts(x)
        shares = np.exp(logs - logs.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        return (shares[..., None] * apart).sum(axis=-2) / WIDTH**2

    m, n = data.shape
    return pbits.PotentialModel(n, energy, gradient, gradient_flops=m * (5 * n + 12))


def assumed(joules):
    return Parameter(
        value=joules, unit="J", low=joules / 3, high=3 * joules, evidence=Evidence.ASSUMED, note="for this example"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--picture", type=Path, default=Path("score_matching.png"))
    given = parser.parse_args()

    data = petals()
    training, test = data[:100], data[100:]
    print("score matching, E[½|∇E|² − ΔE] of noisy data (lower is better):")
    for kind in ("gaussian", "quartic"):
        found = fit_score(training, kind, noise=WIDTH)
        slope = found.model.gradient(test) if kind == "quartic" else test @ found.model.A - found.model.b
        own = 3 * found.model.a * test**2 - found.model.b if kind == "quartic" else np.diag(found.model.A)
        unseen = (0.5 * (slope**2).sum(axis=1) - np.broadcast_to(own, test.shape).sum(axis=1)).mean()
        print(f"  {kind:9s} {found.loss:8.3f} on what it was matched to, {unseen:8.3f} on unseen flowers as they are")
    quartic = fit_score(data, "quartic", noise=WIDTH).model
    cells = langevin.Potentials(resistance_ohm=1e3, capacitance_f=1e-9, word_s=1e-8, adc_s=1e-7)
    plan = pbits.Schedule(n_samples=1, n_warmup=60, chains=given.samples)
    wells = pbits.run(quartic, cells, plan, seed=given.seed, judge=False)
    print(f"cells of a quartic: {si(wells.device_time_s, 's')} for {given.samples} samples, one after another")

    sigmas = noise_ladder(1.5, WIDTH, 4)
    levels = [fit_score(data, "gaussian" if sigma > 1 else "quartic", noise=sigma).model for sigma in sigmas]
    made = anneal_scores(levels, sigmas, cells, samples=given.samples, steps=5, seed=given.seed)
    print(f"the same from wide noise to little, {len(levels)} levels: {si(made.cost.device_time_s, 's')}")

    model = histogram(data)
    prices = PriceTable(
        boundary="board",
        operations={
            "adc": assumed(1e-12), "dac": assumed(1e-12), "host_flop": assumed(1e-11), "link_word": assumed(1e-11),
            "read": assumed(1e-12), "cell_second": assumed(1e-4),
        },
        power={"active": Included(in_="cell_second")},
    )  # fmt: skip
    board = langevin.Hosted(
        hold=0.01, hold_s=1e-8, adc_s=1e-8, dac_s=1e-8, flop_s=1e-10, link_s=1e-6, prices=prices,
        name="cells with a host",
    )  # fmt: skip
    plan = pbits.Schedule(n_samples=1, n_warmup=20, chains=given.samples, step_tau=0.2)
    hosted = pbits.run(model, board, plan, seed=given.seed, judge=False)
    ledger = pbits.price(hosted)
    print(f"cells with a host: {si(ledger.joules, 'J')} and {si(hosted.device_time_s, 's')}, at assumed prices:")
    for row in ledger.rows:
        if row.joules:
            print(f"  {row.item:12s} {row.joules / ledger.joules:6.1%}")

    fig, axes = plt.subplots(1, 4, figsize=(11, 2.9), sharex=True, sharey=True)
    clouds = {
        "150 irises": data,
        "quartic, on cells": wells.states[:, -1],
        "annealed, on cells": made.samples,
        "histogram, host in the loop": hosted.states[:, -1],
    }
    for ax, (name, points) in zip(axes, clouds.items()):
        ax.plot(*points.T, "o", ms=2, alpha=0.5, color="#0072B2")
        ax.set(title=name, xlabel="petal length", xlim=(-3, 3), ylim=(-3, 3))
        ax.title.set_fontsize(9)
    axes[0].set_ylabel("petal width")
    fig.tight_layout()
    fig.savefig(given.picture, dpi=110)
    print(f"the picture is {given.picture}")


if __name__ == "__main__":
    main()
