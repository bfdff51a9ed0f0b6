"""Draws docs/images/ten_thousand.png: python -m docs.images.draw_ten_thousand"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from hardware_models.gibbs.claims import published, stairs, swaps
from pbits.report.quantities import times

UP, DOWN, EXACT, RANGE = "#5a8f4e", "#d9822b", "#222222", "#8f8f8f"
CLAIM = published()


def bars(ax, claims, start):
    """A bar for each claim, from `start` of the one before or of the claim itself, and its range."""
    for place, (claim, before) in enumerate(zip(claims.values(), start)):
        ratio = claim.ratio
        ax.barh(place, ratio.value - before, 0.6, before, color=UP if ratio.value > before else DOWN)
        ax.plot([ratio.low, ratio.high], [place, place], color=RANGE, lw=1)
        ax.plot(ratio.value, place, "o", ms=4, color=EXACT)
        above = ratio.value > before
        where = {"xy": (ratio.high if above else ratio.low, place), "xytext": (4 if above else -4, 0)}
        ax.annotate(
            times(ratio.value),
            **where,
            textcoords="offset points",
            va="center",
            ha="left" if above else "right",
            fontsize=7,
        )
    ax.set_yticks(range(len(claims)), list(claims), fontsize=7.5)
    ax.axvline(1, color=EXACT, lw=0.8, ls=":")
    ax.axvline(CLAIM.ratio.value, color=EXACT, lw=0.8)
    ax.set(xscale="log", xlabel="rival ÷ machine, in joules; lines are ranges")
    ax.invert_yaxis()
    ax.spines[["top", "right"]].set_visible(False)


def main():
    figure, (left, right) = plt.subplots(1, 2, figsize=(12.4, 4.6), width_ratios=(1.2, 1))
    alone = dict(sorted(swaps(CLAIM).items(), key=lambda item: -item[1].ratio.value))
    bars(left, alone, [CLAIM.ratio.value] * len(alone))
    left.set_title("One assumption changed", fontsize=10)
    left.set_xlim(1e-4, 1e12)
    chain = stairs(CLAIM)
    ratios = [claim.ratio.value for claim in chain.values()]
    bars(right, chain, [ratios[0], *ratios[:-1]])
    right.set_title("One after another", fontsize=10)
    right.set_xlim(1e-5, 1e6)
    figure.tight_layout(w_pad=2)
    figure.savefig(Path(__file__).with_name("ten_thousand.png"), dpi=110)


if __name__ == "__main__":
    main()
