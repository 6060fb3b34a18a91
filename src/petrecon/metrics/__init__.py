"""Image quality: one definition per metric, with formula, normaliser and units in its docstring.

Images are tensors or arrays in one unit (kBq/mL unless said); functions return floats or numpy arrays, in float64.
Start with `psnr`, `roi_means` and `interval`; `petite_scores` and `ddip_scores` are the conventions of two papers.
"""

from petrecon.metrics.contrast import background_sd, crc
from petrecon.metrics.conventions import ddip_scores, petite_scores, unit_range
from petrecon.metrics.errors import nrmse, psnr, rmse
from petrecon.metrics.intervals import FEWEST, Interval, format_interval
from petrecon.metrics.realisations import bias_and_sd
from petrecon.metrics.regions import roi_means
from petrecon.metrics.resampling import Units, interval, jackknife, paired_interval, range_of
from petrecon.metrics.ssim import ssim

__all__ = [
    "FEWEST",
    "Interval",
    "Units",
    "background_sd",
    "bias_and_sd",
    "crc",
    "ddip_scores",
    "format_interval",
    "interval",
    "jackknife",
    "nrmse",
    "paired_interval",
    "petite_scores",
    "psnr",
    "range_of",
    "rmse",
    "roi_means",
    "ssim",
    "unit_range",
]
