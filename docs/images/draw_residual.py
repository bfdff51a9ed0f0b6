"""Draws docs/images/residual.png: python docs/images/draw_residual.py RECORD.json …

The records are those of ``python -m benchmarks.residual --json RECORD.json``; PBITS_DATA names the folder with the
published curves, as there.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import records, residual


def main():
    curves = {}
    for name in sys.argv[1:]:
        record = records.read(Path(name))
        published = residual.published(residual.folder(), record["side"])
        ours = residual.mean_curve(record["rows"], published, np.array(record["sweeps"]))
        curves[f"L = {record['side']}"] = (ours, published)
    residual.draw(curves, Path(__file__).with_name("residual.png"))


if __name__ == "__main__":
    main()
