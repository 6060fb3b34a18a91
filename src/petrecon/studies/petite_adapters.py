"""A folder of adapters: what the file of each scanner weighs, and whether the network it makes is the one tuned."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from petrecon.compendium import record
from petrecon.models import weights_path
from petrecon.peft import load_adapter, merge, remove, save_adapter
from petrecon.petite.evaluate import mean_scores, score_volumes
from petrecon.petite.pairs import ScanPairs
from petrecon.petite.sources import SourceNetwork
from petrecon.projectors import load_scanner
from petrecon.studies.petite_recipes import PRINTED, FineTuned
from petrecon.studies.petite_sets import predict_long

if TYPE_CHECKING:
    from pandas import DataFrame


def record_adapters(base: SourceNetwork, adapted: Mapping[str, FineTuned], test: Mapping[str, ScanPairs]) -> DataFrame:
    """Save, load, merge and take out the adapter of each scanner in turn; record and return what that costs.

    Parameters
    ----------
    base : SourceNetwork
    adapted : mapping of scanner to FineTuned
        Networks tuned from this base, each scored on its scanner's test set.
    test : mapping of scanner to ScanPairs
        These sets.

    Returns
    -------
    DataFrame
        A line per scanner: sizes of adapter and base (kB), time to switch (ms), PSNR (dB), and the largest
        differences of the prediction (scaled): loaded against as tuned, merged against loaded.
    """
    import pandas as pd

    network = base.spec.architecture
    carrier, _ = base.generator_and_discriminator()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for target, tuned in adapted.items():
            file = Path(folder) / f"{target}.safetensors"
            save_adapter(tuned.network, file)
            began = time.perf_counter()
            load_adapter(carrier, file)
            seconds = time.perf_counter() - began
            loaded = predict_long(carrier, base, test[target])
            merge(carrier)
            merged = predict_long(carrier, base, test[target])
            remove(carrier)
            assert tuned.predicted is not None
            kilobytes, difference = file.stat().st_size / 1e3, float((merged - loaded).abs().max())
            record(f"adapter_kb/{network}/{target}", kilobytes, kind="exact", unit="kB")
            record(f"switch_s/{network}/{target}", seconds, unit="s")
            note = "largest difference of predictions in [0, 1]"
            record(f"merged_difference/{network}/{target}", difference, note=note)
            lines.append(
                {
                    "network": PRINTED[network],
                    "for": load_scanner(target).name,
                    "file (kB)": kilobytes,
                    "base (kB)": weights_path(base.name).stat().st_size / 1e3,
                    "switch (ms)": 1e3 * seconds,
                    "PSNR": mean_scores(score_volumes(loaded, test[target], base.scaling))["psnr"],
                    "loaded differs by": float((loaded - tuned.predicted).abs().max()),
                    "merged differs by": difference,
                }
            )
    return pd.DataFrame(lines)
