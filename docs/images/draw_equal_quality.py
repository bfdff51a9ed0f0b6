"""Draws docs/images/equal_quality.png: python -m docs.images.draw_equal_quality"""

import re
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
STYLES = {"wired": ("#222222", "o"), "weak chains": ("#d9822b", "^"), "strong chains": ("#3b6ea5", "s")}


def comparison():
    """What the page compares, by the code that stands on it."""
    page = (HERE.parent / "explanation" / "equal_quality.md").read_text("utf-8")
    names = {}
    exec(re.findall(r"^```python\n(.*?)^```$", page, re.S | re.M)[0], names)
    return names["both"]


def main():
    figure, ax = plt.subplots(figsize=(7.2, 4.1))
    for curve in comparison().front().curves:
        colour, marker = STYLES[curve.machine]
        progress = curve.progress
        ax.fill_between(curve.joules, progress.low, progress.high, color=colour, alpha=0.15, lw=0)
        ax.plot(curve.joules, progress.quality, marker=marker, ms=4.5, color=colour, label=curve.machine)
    ax.axhline(0.03, color="0.6", lw=0.8, ls="--")
    ax.annotate(
        "0.03", (1, 0.03), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points", va="center"
    )
    ax.set(xscale="log", yscale="log", xlabel="joules spent, programming and warm-up included")
    ax.set_ylabel("total variation to the exact law")
    ax.set_title("An update costs 1 pJ (wired) or 10 fJ (chains)", fontsize=10)
    ax.legend(frameon=False, fontsize=9)
    ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(HERE / "equal_quality.png", dpi=110)


if __name__ == "__main__":
    main()
