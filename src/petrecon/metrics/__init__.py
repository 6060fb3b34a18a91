"""Image quality: one definition per metric, with formula, normaliser and units in its docstring.

Images are tensors or arrays in one unit (kBq/mL unless said); functions return floats or numpy arrays, in float64.
Start with `psnr` and `roi_means`; `petite_scores` and `ddip_scores` are the conventions of two papers.
"""

from petrecon.metrics.bootstrap import Interval, interval, paired_interval
from petrecon.metrics.contrast import background_sd, crc
from petrecon.metrics.conventions import ddip_scores, petite_scores, unit_range
from petrecon.metrics.errors import nrmse, psnr, rmse
from petrecon.metrics.realisations import bias_and_sd
from petrecon.metrics.regions import roi_means
from petrecon.metrics.ssim import ssim

__all__ = [
    "Interval",
    "background_sd",
    "bias_and_sd",
    "crc",
    "ddip_scores",
    "interval",
    "nrmse",
    "paired_interval",
    "petite_scores",
    "psnr",
    "rmse",
    "roi_means",
    "ssim",
    "unit_range",
]
