"""Learning on machines: what a chip is like, and programs that make up for it.

`calibrate` measures each p-bit, `compensate` programs around what was found, and `relearn` adjusts a program on the
chip itself until its moments are those of the model.
"""

from pbits.learning.calibration import Calibration, Compensation, calibrate, compensate
from pbits.learning.relearning import Relearning, relearn

__all__ = ["Calibration", "Compensation", "Relearning", "calibrate", "compensate", "relearn"]
