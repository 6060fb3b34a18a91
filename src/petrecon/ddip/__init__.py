"""Deep diffusion image prior: a score network that adapts to the counts of the exam it reconstructs.

Start with `load_prior(name)`, `NoiseSchedule()` and `ddip(y, model, mr, network, schedule)`; every variant is a
`DDIPSettings`. Images are kBq/mL outside and in units of `measured_scale` inside.
"""

from petrecon.ddip.adapter import SliceAdapter
from petrecon.ddip.calibration import coverage, rank_histogram, ranks
from petrecon.ddip.counts import count_configurations
from petrecon.ddip.ddim import ddim_step, noise_levels
from petrecon.ddip.dip import DIPResult, dip
from petrecon.ddip.drawing import draw_overview
from petrecon.ddip.loop import DDIPResult, Step, ddip
from petrecon.ddip.pretrain import load_prior, pretrain_score, prior_path, score_loss
from petrecon.ddip.prox import closed_form, penalised_em
from petrecon.ddip.sample import sample
from petrecon.ddip.scale import measured_scale, scale_of
from petrecon.ddip.settings import DDIPSettings
from petrecon.ddip.slices import SlicePool, slice_pool
from petrecon.ddip.toy import GaussianPrior, sampled_variance, smooth_covariance

__all__ = [
    "DDIPResult",
    "DDIPSettings",
    "DIPResult",
    "GaussianPrior",
    "SliceAdapter",
    "SlicePool",
    "Step",
    "closed_form",
    "count_configurations",
    "coverage",
    "ddim_step",
    "ddip",
    "dip",
    "draw_overview",
    "load_prior",
    "measured_scale",
    "noise_levels",
    "penalised_em",
    "pretrain_score",
    "prior_path",
    "rank_histogram",
    "ranks",
    "sample",
    "sampled_variance",
    "scale_of",
    "score_loss",
    "slice_pool",
    "smooth_covariance",
]
