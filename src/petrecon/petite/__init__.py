"""PETITE: fine-tune a scan-time-reduction network to another PET scanner with few parameters.

Start with `population` (who is scanned), `load_pairs` (their short and long scans), `table4` and `fit`; then
`predict`, `score_volumes` and `score_bounds`. Networks come from `petrecon.models`, what is trained in them from
`petrecon.peft`. Source: Kim et al. 2024, MICCAI. Volumes are (N, X, Y, Z) in kBq/mL, or scaled where said.
"""

from petrecon.petite.evaluate import mean_scores, score_bounds, score_volumes
from petrecon.petite.exams import DRIFT, FRAMES, simulate
from petrecon.petite.fit_network import Fit, fit
from petrecon.petite.infer import predict
from petrecon.petite.instrument import Instrument, instrument
from petrecon.petite.pairs import ScanPairs, load_pairs
from petrecon.petite.patches import PatchSampler, check_fits
from petrecon.petite.population import ANATOMIES, Member, check_members, folds, population
from petrecon.petite.protocols import Reconstruction, reconstruction_of
from petrecon.petite.scaling import SCALINGS, scaled, shared_level
from petrecon.petite.settings import Settings, table4
from petrecon.petite.sources import SourceNetwork, load_source, source_name
from petrecon.petite.states import restore_state, trained_state

__all__ = [
    "ANATOMIES",
    "DRIFT",
    "FRAMES",
    "Fit",
    "Instrument",
    "Member",
    "ScanPairs",
    "PatchSampler",
    "Reconstruction",
    "SCALINGS",
    "Settings",
    "SourceNetwork",
    "score_bounds",
    "check_fits",
    "check_members",
    "fit",
    "folds",
    "instrument",
    "load_pairs",
    "load_source",
    "mean_scores",
    "population",
    "predict",
    "reconstruction_of",
    "restore_state",
    "scaled",
    "score_volumes",
    "shared_level",
    "simulate",
    "source_name",
    "table4",
    "trained_state",
]
