"""Draws docs/images/device_time.png: python -m docs.images.draw_device_time"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from hardware_models.timeline import Cycle, Timeline, Work, play
from pbits.report.plots import draw_spans

READ_S, PHASE_S = 25e-6, 10e-9
WINDOW = (0.0, 160e-6)


def frames(sweeps: int, buffers: int) -> Timeline:
    """300 frames of so many sweeps, at the Z1's figures."""
    frame = [
        Work(phase="sweeping", seconds=PHASE_S, repeat=2 * sweeps),
        Work(phase="read-out", seconds=READ_S),
    ]
    return play([Cycle(works=frame, repeat=300)], buffers=buffers)


def main():
    figure, axes = plt.subplots(4, 1, figsize=(9, 5.6), sharex=True)
    for ax, (sweeps, buffers) in zip(axes, ((1, 1), (400, 1), (400, 2), (2000, 2))):
        timeline = frames(sweeps, buffers)
        draw_spans(ax, timeline.to_dict(), WINDOW)
        kept = "one buffer" if buffers == 1 else "two buffers"
        ax.set_title(
            f"{sweeps:,} sweep{'s' * (sweeps > 1)} a frame, {kept}: 300 frames take "
            f"{timeline.device_time_s * 1e3:.2f} ms; {timeline.bottleneck} is the bottleneck",
            fontsize=9, loc="left",
        )  # fmt: skip
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
    axes[-1].set_xlabel("device time since the first sweep", fontsize=9)
    figure.tight_layout()
    figure.savefig(Path(__file__).with_name("device_time.png"), dpi=100)


if __name__ == "__main__":
    main()
