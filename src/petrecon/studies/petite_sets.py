"""What the runs of the study start from: source networks and scans, noted in the run's receipt; and scores of both."""

from __future__ import annotations

import json
from typing import Any

from torch import Tensor, nn

from petrecon.compendium import record_backend, track_input
from petrecon.models import weights_path
from petrecon.petite.evaluate import Scores, score_volumes
from petrecon.petite.infer import predict
from petrecon.petite.instrument import instrument
from petrecon.petite.pairs import ScanPairs, load_pairs
from petrecon.petite.population import population
from petrecon.petite.scaling import scaled
from petrecon.petite.sources import SourceNetwork, load_source, source_name


def source_network(network: str, scanner: str, suffix: str = "") -> SourceNetwork:
    """Return a pre-trained network; the receipt names its weights.

    Parameters
    ----------
    network : {"cvt-gan", "unetr"}
    scanner : str
    suffix : str
        Of the training card, such as "shared".
    """
    name = source_name(network, scanner, suffix)
    track_input(weights_path(name))
    return load_source(name)


def training_receipt(source: SourceNetwork) -> dict[str, Any]:
    """Return what was written beside a source network's weights when it was trained: card, seconds, losses."""
    receipt: dict[str, Any] = json.loads(weights_path(source.name).with_suffix(".json").read_text(encoding="utf-8"))
    return receipt


def scan(scanner: str, split: str, subjects: int, dose: float, coarsening: str) -> ScanPairs:
    """Return short and long scans of the first subjects of a scanner's split; the receipt names the projector.

    Parameters
    ----------
    scanner : str
    split : {"train", "test"}
    subjects : int
    dose : float
        Fraction of the scanner's reference exam.
    coarsening : str
        Of the scanner: that of the source network.
    """
    record_backend(instrument(scanner, coarsening).projector)
    return load_pairs(population(scanner, split, subjects), dose, coarsening=coarsening, progress=True)


def predict_long(network: nn.Module, source: SourceNetwork, pairs: ScanPairs) -> Tensor:
    """Return the long scans that a network predicts, (N, X, Y, Z), on the scale of its source's training."""
    (short,) = scaled(pairs, source.scaling, ("short",))
    return predict(network, short, source.spec.patch, pad=source.settings.pad)


def score_on(network: nn.Module, source: SourceNetwork, pairs: ScanPairs) -> list[Scores]:
    """Return the scores of a network, made from some source, on every subject of a set."""
    return score_volumes(predict_long(network, source, pairs), pairs, source.scaling)
