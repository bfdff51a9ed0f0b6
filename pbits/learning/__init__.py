"""Learning on machines: what a chip is like, and programs that make up for it.

`calibrate` measures each p-bit, `compensate` programs around what was found, and `relearn` adjusts a program on the
chip itself until its moments are those of the model. `train_denoiser` and `generate` are of stacks that undo noise;
`pbits.learning.gradients` holds the block-Gibbs gradients that they, and any Boltzmann machine, are trained by.
"""

from pbits.learning.calibration import Calibration, Compensation, calibrate, compensate
from pbits.learning.denoising import (
    CorrelationControl,
    Denoiser,
    Generated,
    TrainingPlan,
    autocorrelation,
    generate,
    train_denoiser,
)
from pbits.learning.descent import Adam
from pbits.learning.evaluation import frechet_distance, nearest
from pbits.learning.gradients import Gradient, Phase, correlation_gradient, likelihood_gradient, sample_phase
from pbits.learning.relearning import Relearning, relearn

__all__ = [
    "Adam",
    "Calibration",
    "Compensation",
    "CorrelationControl",
    "Denoiser",
    "Generated",
    "Gradient",
    "Phase",
    "Relearning",
    "TrainingPlan",
    "autocorrelation",
    "calibrate",
    "compensate",
    "correlation_gradient",
    "frechet_distance",
    "generate",
    "likelihood_gradient",
    "nearest",
    "relearn",
    "sample_phase",
    "train_denoiser",
]
