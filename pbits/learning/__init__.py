"""Learning on machines: what a chip is like, and programs that make up for it.

`train` fits a Boltzmann machine by the slopes that a machine samples, and `classify`, `generate_samples`, `complete`
and `denoise` ask what it has learned. `calibrate` measures each p-bit, `compensate` programs around what was found, and
`relearn` adjusts a program on the chip itself until its moments are those of the model. `train_denoiser` and `generate`
are of stacks that undo noise; `pbits.learning.gradients` holds their block-Gibbs gradients, with errors.
"""

from typing import TYPE_CHECKING, Any

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
from pbits.learning.inference import (
    Inference,
    class_probabilities,
    classify,
    complete,
    denoise,
    free_energy,
    generate_samples,
)
from pbits.learning.jobs import quantised
from pbits.learning.likelihood import (
    LogLikelihood,
    exact_log_likelihood,
    exact_log_z,
    pseudo_log_likelihood,
    units_to_enumerate,
)
from pbits.learning.log_z import LogZEstimate, ais, estimated_log_likelihood, integrate_log_z
from pbits.learning.mean_field import mean_field
from pbits.learning.plan import LearningPlan, Rate
from pbits.learning.relearning import Relearning, relearn
from pbits.learning.score import AnnealedSamples, ScoreFit, anneal_scores, fit_score, noise_ladder
from pbits.learning.study import Study, StudyRow, realised_log_likelihood, study
from pbits.learning.training import Trained, train

if TYPE_CHECKING:
    from pbits.learning.estimators import RBM, BoltzmannMachine, ThermodynamicClassifier

__all__ = [
    "RBM",
    "Adam",
    "AnnealedSamples",
    "BoltzmannMachine",
    "Calibration",
    "Compensation",
    "CorrelationControl",
    "Denoiser",
    "Generated",
    "Gradient",
    "Inference",
    "LearningPlan",
    "LogLikelihood",
    "LogZEstimate",
    "Phase",
    "Rate",
    "Relearning",
    "ScoreFit",
    "Study",
    "StudyRow",
    "ThermodynamicClassifier",
    "Trained",
    "TrainingPlan",
    "ais",
    "anneal_scores",
    "autocorrelation",
    "calibrate",
    "class_probabilities",
    "classify",
    "compensate",
    "complete",
    "correlation_gradient",
    "denoise",
    "estimated_log_likelihood",
    "exact_log_likelihood",
    "exact_log_z",
    "fit_score",
    "frechet_distance",
    "free_energy",
    "generate",
    "generate_samples",
    "integrate_log_z",
    "likelihood_gradient",
    "mean_field",
    "nearest",
    "noise_ladder",
    "pseudo_log_likelihood",
    "quantised",
    "realised_log_likelihood",
    "relearn",
    "sample_phase",
    "study",
    "train",
    "train_denoiser",
    "units_to_enumerate",
]


def __getattr__(name: str) -> Any:
    # Estimators need scikit-learn, which is optional and takes a second to import.
    if name in ("BoltzmannMachine", "RBM", "ThermodynamicClassifier"):
        from pbits.learning import estimators

        return getattr(estimators, name)
    raise AttributeError(f"module 'pbits.learning' has no attribute {name!r}")
