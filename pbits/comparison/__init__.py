"""`compare`: one problem, unchanged, on several machines, at equal quality and a stated boundary."""

from pbits.comparison.comparison import Comparison, Row
from pbits.comparison.fronts import Curve, Front, Progress, Target
from pbits.comparison.quality import Quality, Ratio
from pbits.comparison.running import compare, compare_runs

__all__ = [
    "Comparison",
    "Curve",
    "Front",
    "Progress",
    "Quality",
    "Ratio",
    "Row",
    "Target",
    "compare",
    "compare_runs",
]
