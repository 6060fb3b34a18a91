"""How many parameters each way of adapting a score network trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import nn

from petrecon.peft.lora import low_rank_factors

if TYPE_CHECKING:
    import pandas as pd


def count_configurations(network: nn.Module, ranks: Sequence[int], targets: Sequence[str]) -> pd.DataFrame:
    """Return one row per LoRA configuration and rank, and one for the whole network.

    Parameters
    ----------
    network : ScoreNetwork
    ranks : sequence of int
    targets : sequence of str
        Configurations, of `petrecon.peft.TARGETS`.

    Returns
    -------
    DataFrame
        Columns: adapted, rank, parameters, share (%) of the network's own parameters.
    """
    import pandas as pd

    total = sum(p.numel() for p in network.parameters())
    rows: list[tuple[str, object, int]] = []
    for target in targets:
        for rank in ranks:
            trained = low_rank_factors(network, rank, target)
            rows.append((target, rank, sum(tensor.numel() for tensor in trained.values())))
    rows.append(("every weight", "", total))
    shares = [(a, r, n, 100 * n / total) for a, r, n in rows]
    return pd.DataFrame(shares, columns=["adapted", "rank", "parameters", "share (%)"])
