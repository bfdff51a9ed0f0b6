"""Draws docs/images/nonidealities.png: python -m docs.images.draw_nonidealities"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from examples.in_the_loop import digits
from hardware_models import pbit
from hardware_models.effects import OffsetMismatch, SlopeMismatch, StuckCells
from pbits.learning import LearningPlan, Rate, study, train
from pbits.models import BoltzmannModel

KNOBS = (
    ("offset mismatch, in units of βI", (0.0, 0.25, 0.5, 1.0, 1.5, 2.0), lambda x: OffsetMismatch(sigma_d2d=x)),
    ("slope mismatch, of ln α", (0.0, 0.1, 0.2, 0.4, 0.6, 0.8), lambda x: SlopeMismatch(sigma_d2d=x)),
    ("share of stuck p-bits", (0.0, 0.02, 0.05, 0.1, 0.2, 0.3), lambda x: StuckCells(share=x)),
)


def main():
    images, test, labels, test_labels = digits()
    start = BoltzmannModel.restricted(64, 128, classes=10, seed=1).with_data_fields(images, labels)
    plan = LearningPlan(method="cd", sweeps=5, epochs=60, batch=20, rate=Rate(first=0.02, last=0.0), monitor="none")
    model = train(start, images, labels, plan=plan, seed=1).model
    fig, axes = plt.subplots(1, 3, figsize=(9, 2.8), sharey=True, layout="constrained")
    for ax, (knob, values, effect) in zip(axes, KNOBS):
        found = study(
            model, test, test_labels, machines=lambda x, effect=effect: pbit.Array(effects=[effect(x)]), values=values,
            knob=knob,
        )  # fmt: skip
        print(found, end="\n\n")
        means = [found.mean(value, "accuracy") for value in values]
        errors = [mean.interval[1] - mean.mean for mean in means]
        ax.errorbar(values, [mean.mean for mean in means], yerr=errors, marker="o", ms=4, capsize=2, color="#d9822b")
        ax.axhline(found.rows[0].ideal, color="#222222", ls="--", lw=0.8)
        ax.set(xlabel=knob, ylim=(0, 1))
    axes[0].set_ylabel("accuracy, 360 test digits")
    fig.savefig(Path(__file__).with_name("nonidealities.png"), dpi=110)


if __name__ == "__main__":
    main()
