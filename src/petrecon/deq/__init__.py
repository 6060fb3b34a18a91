"""Deep equilibrium: hyperparameters of a dynamic reconstruction learned through its fixed point.

Start with `problem_from_exam(exam)`, `hyperparameters(eta, lam)` and `reconstruct`; then `train`. The fixed point of
`mm_map` is the minimiser of a penalised likelihood over all frames; `solve` makes it a differentiable function of
the logarithms of η, λ_t and ε. Images are (realisations, frames, x, y) in kBq/mL, sinograms counts.
"""

from petrecon.deq.anderson import NotConverged, Report, anderson, picard
from petrecon.deq.approximate import jacobian_free_gradient, truncated_gradient, unrolled_gradient
from petrecon.deq.binding import Binding, fit_srtm
from petrecon.deq.dose_laws import LAWS, LawFit, compare_laws, fit_law, predict_hyperparameters
from petrecon.deq.hyperparameters import Hyperparameters, expand, free_vector, hyperparameters
from petrecon.deq.implicit import hypergradient, reconstruct, solve
from petrecon.deq.mm_map import mm_map
from petrecon.deq.objective import gradient, kkt_residual, objective
from petrecon.deq.problem import Problem, dose_of, dynamic_problem, problem_from_exam
from petrecon.deq.search import Search, grid_search, tpe_search
from petrecon.deq.train_hyperparameters import Training, evaluate, squared_error, train
from petrecon.deq.train_settings import TrainSettings

__all__ = [
    "Binding",
    "LawFit",
    "LAWS",
    "Search",
    "TrainSettings",
    "Training",
    "compare_laws",
    "evaluate",
    "fit_law",
    "fit_srtm",
    "grid_search",
    "predict_hyperparameters",
    "squared_error",
    "tpe_search",
    "train",
    "Hyperparameters",
    "NotConverged",
    "Problem",
    "Report",
    "anderson",
    "dose_of",
    "dynamic_problem",
    "expand",
    "free_vector",
    "gradient",
    "hypergradient",
    "hyperparameters",
    "jacobian_free_gradient",
    "kkt_residual",
    "mm_map",
    "objective",
    "picard",
    "problem_from_exam",
    "reconstruct",
    "solve",
    "truncated_gradient",
    "unrolled_gradient",
]
