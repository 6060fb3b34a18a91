"""The tables of the paper that need no training, each beside what this library has or counts.

The printed numbers come in as data frames, from ``data/paper/petite-table-*.csv``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from petrecon.compendium import track_input
from petrecon.models import CVTGANSpec, UNETRSpec
from petrecon.models.stages import build_on_meta
from petrecon.peft import METHODS, Recipe, apply_recipe, count, mixes, reason_against, single_methods
from petrecon.petite.settings import table4
from petrecon.petite.sources import SPECS
from petrecon.projectors import load_scanner
from petrecon.studies.petite_recipes import LABELS, PRINTED

if TYPE_CHECKING:
    from pandas import DataFrame, Series

NETWORKS: dict[str, UNETRSpec | CVTGANSpec] = {name: SPECS[network].paper() for network, name in PRINTED.items()}
"""Printed name → the paper's widths."""

CARDS = ("hrrt", "biograph-mmr", "biograph-truepoint", "gemini", "ecat-hrplus")
"""Scanner cards that stand in for the paper's scanners 1 to 5, which it does not name."""

SCORES = ["per_cent", "psnr_db", "ssim", "nrmse"]
"""Columns of the printed tables that rows of the study are shown beside."""

_MIXED = ("lora", "adapters", "ssf", "vpt")


def scanners_table(published: DataFrame) -> DataFrame:
    """Return Table 3: the paper's groups of image grids beside the grids of our cards as they are."""
    import pandas as pd

    rows = []
    for row, name in zip(published.itertuples(), CARDS, strict=True):
        printed: Any = row
        native = load_scanner(name).coarsened("paper", 3)
        rows.append(
            {
                "scanner": printed.scanner,
                "maker": printed.manufacturer,
                "site": printed.institution,
                "grid": f"{printed.x}×{printed.y}×{printed.z}",
                "voxel (mm)": f"{printed.voxel_x_mm:.2f}×{printed.voxel_z_mm:.2f}",
                "our card": name,
                "our grid": "×".join(str(n) for n in native.image_shape),
                "our voxel (mm)": f"{native.voxel_mm[0]:.2f}×{native.voxel_mm[2]:.2f}",
            }
        )
    return pd.DataFrame(rows)


def counts_table(published: DataFrame) -> DataFrame:
    """Return the parameters that each method of Table 1 trains, counted, beside the printed per cent."""
    import pandas as pd

    rows = []
    for method in single_methods("unetr"):
        row: dict[str, Any] = {"method": LABELS[method]}
        for name, spec in NETWORKS.items():
            counted = count(apply_recipe(build_on_meta(spec), single_methods(spec.architecture)[method]))
            printed = published.query(f"network == {spec.architecture!r} and method == {method!r}").per_cent.item()
            row |= {name: counted.trainable, f"{name} (%)": counted.per_cent, f"{name}, paper (%)": printed}
        rows.append(row)
    return pd.DataFrame(rows)


def mixes_table(published: dict[str, DataFrame]) -> DataFrame:
    """Return every feasible mix with what it trains, beside Tables 6 and 7 (by printed name of the network)."""
    import pandas as pd

    rows = []
    for name, spec in NETWORKS.items():
        printed = published[name].set_index("mix").per_cent
        for mix, recipe in mixes(spec.architecture).items():
            counted = count(apply_recipe(build_on_meta(spec), recipe))
            rows.append(
                {
                    "network": name,
                    "encoder → decoder": Recipe(recipe.encoder, recipe.decoder).label,
                    "parameters": counted.trainable,
                    "%": counted.per_cent,
                    "paper (%)": printed[mix],
                }
            )
    return pd.DataFrame(rows)


def infeasible_table() -> DataFrame:
    """Return the mixes of two different methods that a network cannot have, each with its reason."""
    import pandas as pd

    rows = []
    for name, spec in NETWORKS.items():
        for encoder in _MIXED:
            for decoder in _MIXED:
                reasons = [
                    f"no {METHODS[method]} in the {part}; {reason}"
                    for part, method in (("encoder", encoder), ("decoder", decoder))
                    if (reason := reason_against(spec.architecture, part, method))
                ]
                if encoder != decoder and reasons:
                    pair = Recipe(encoder, decoder).label
                    rows.append({"network": name, "encoder → decoder": pair, "why not": "; ".join(reasons)})
    return pd.DataFrame(rows)


def settings_table(published: DataFrame) -> DataFrame:
    """Return Table 4 with our number of steps; the other settings of a training are read from that table.

    No-FT, the network that is not adapted, has the settings of pre-training.
    """
    import pandas as pd

    names = {spec.architecture: name for name, spec in NETWORKS.items()}
    fields = ["learning_rate", "weight_decay", "optimiser", "schedule"]
    rows = []
    for row in published.to_dict("records"):
        used = table4(row["network"], "pretraining" if row["method"] == "no-ft" else row["method"])
        rows.append(
            {"network": names[row["network"]], "method": LABELS[row["method"]]}
            | {field.replace("_", " "): row[field] for field in fields}
            | {"epochs": row["epochs"], "our steps": used.steps}
        )
    return pd.DataFrame(rows)


def contradictions_table(table1: DataFrame, table2: DataFrame, table7: DataFrame) -> DataFrame:
    """Return pairs of printed numbers that should agree and do not, or should differ and do not."""
    import pandas as pd

    one, two = table1.set_index(["network", "method"]), table2.set_index(["network", "method", "bitfit"]).sort_index()
    seven = table7.set_index("mix")
    agree, differ = "should agree", "should differ"
    unetr, cvt = "unetr", "cvt-gan"
    rows = [
        (agree, "UNETR, No-FT, NRMSE: Tables 1 and 2", one.nrmse[unetr, "no-ft"], two.nrmse[unetr, "No-FT", "no"]),
        (agree, "UNETR, Full-FT, NRMSE: Tables 1 and 2", one.nrmse[unetr, "full-ft"],
         two.nrmse[unetr, "Full-FT", "no"]),
        (agree, "UNETR, SSF, %: Tables 1 and 2", one.per_cent[unetr, "ssf"], two.per_cent[unetr, "SSF", "no"]),
        (agree, "UNETR, SSF, PSNR (dB): Tables 1 and 2", one.psnr_db[unetr, "ssf"], two.psnr_db[unetr, "SSF", "no"]),
        (agree, "CVT-GAN, LoRA, %: Tables 1 and 2", one.per_cent[cvt, "lora"], two.per_cent[cvt, "LoRA r=8", "no"]),
        (differ, "UNETR, LoRA, PSNR (dB): without BitFit, with", *two.psnr_db[unetr, "LoRA r=4"]),
        (differ, "UNETR, SSF, PSNR (dB): without BitFit, with", *two.psnr_db[unetr, "SSF"]),
        (differ, "SSF, SSIM: CVT-GAN, UNETR", one.ssim[cvt, "ssf"], one.ssim[unetr, "ssf"]),
        (differ, "UNETR, PSNR (dB): PETITE without BitFit, VPT → LoRA with", two.psnr_db[unetr, "PETITE", "no"],
         seven.psnr_db["vpt->lora"]),
        ("should grow", "CVT-GAN, LoRA, %: without BitFit, with", *two.per_cent[cvt, "LoRA r=8"]),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["they", "what", "first", "second"])


def nrmse_excess(published: DataFrame) -> Series[float]:
    """Return by how much each printed NRMSE lies above 10^(−PSNR/20), as a fraction.

    Volumes scaled to [0, 1] have NRMSE = 10^(−PSNR/20) each. A mean NRMSE is therefore never below that of the mean
    PSNR, and close to it unless the volumes differ very much.
    """
    excess: Series[float] = published["nrmse"] / 10 ** (-published["psnr_db"] / 20) - 1
    return excess


def published_table(number: int) -> DataFrame:
    """Return a table of the paper, as printed; the run's receipt names its file."""
    import pandas as pd

    return pd.read_csv(track_input(f"data/paper/petite-table-{number}.csv"))


def printed_scores(table1: DataFrame, network: str) -> dict[str, tuple[float, ...]]:
    """Return per cent, PSNR (dB), SSIM and NRMSE of Table 1 for a network, by the study's name of the row."""
    rows = table1.query("network == @network").set_index("method")[SCORES]
    return {str(row): tuple(values) for row, values in zip(rows.index, rows.to_numpy(), strict=True)}


def printed_ablations(table2: DataFrame, network: str) -> dict[str, tuple[float, ...]]:
    """Return per cent, PSNR (dB), SSIM and NRMSE of Table 2 for a network, by the study's name of the row."""
    rows = {}
    for line in table2.query("network == @network").to_dict("records"):
        method, bitfit = line["method"], line["bitfit"] == "yes"
        if method == "PETITE":
            row = "petite" if bitfit else "petite-bitfit"
        elif method in ("No-FT", "Full-FT", "BitFit"):
            row = method.lower()
        else:
            row = method.split()[0].lower() + ("+bitfit" if bitfit else "")
        rows[row] = tuple(line[column] for column in SCORES)
    return rows
