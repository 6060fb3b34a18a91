# %% [markdown]
# # One network for five scanners
#
# *You will learn* how far a small adapter carries a network between any two scanners, what full fine-tuning makes it forget, and how to keep one base and a folder of small files. *Before:* {doc}`14_petite_results`. *Time:* ten minutes to read, some minutes to run.
#
# This chapter goes beyond the paper {cite:p}`petite2024`. Source networks and substitutions are those of {doc}`11_petite_sources`, learning rates those tuned for {doc}`14_petite_results`; one set of training subjects per target.

# %% tags=["parameters"]
source: str = "hrrt"
dose: float = 0.05
seed: int = 0
profile: str = "quick"

# %% tags=["hide-input"]
import copy
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from petrecon.compendium import (
    load_numbers,
    profile_sizes,
    record,
    record_backend,
    show,
    show_text,
    style,
    table,
    track_input,
)
from petrecon.metrics import format_interval
from petrecon.models import weights_path
from petrecon.peft import Recipe, fingerprint, load_adapter, merge, remove, save_adapter
from petrecon.petite import (
    instrument,
    load_pairs,
    load_source,
    mean_scores,
    population,
    predict,
    scaled,
    score_volumes,
    source_name,
)
from petrecon.projectors import load_scanner
from petrecon.studies.petite_pictures import draw_transfer
from petrecon.studies.petite_recipes import factor_of, fine_tune, variants

style()
size = profile_sizes("16_petite_scanners", profile)
printed = {"cvt-gan": "CVT-GAN", "unetr": "UNETR"}
scanners = list(dict.fromkeys([source, *size["scanners"]]))
names = [load_scanner(s).name for s in scanners]


def loaded(network: str, scanner: str, suffix: str = size["weights"]):
    """Return a source network, and say in the receipt that this run used it."""
    card = source_name(network, scanner, suffix)
    track_input(weights_path(card))
    return load_source(card)


bases = {(network, s): loaded(network, s) for network in printed for s in scanners}
grid, trained_at = bases["unetr", source].coarsening, bases["unetr", source].dose
rates = {
    n: load_numbers("12_petite_tuning", network=n, dose=trained_at, profile=profile)
    for n in printed
}
rates["cvt-gan"] |= load_numbers("18_petite_batches", dose=trained_at, profile=profile)
train = {
    s: load_pairs(
        population(s, "train", size["subjects"]), dose, coarsening=grid, progress=True
    )
    for s in scanners
}
test = {
    s: load_pairs(
        population(s, "test", size["test"]), dose, coarsening=grid, progress=True
    )
    for s in scanners
}
record_backend(instrument(source, grid).projector)


def tuned(base, row: str, target: str):
    """Return a source network tuned to a target scanner by one row of the study."""
    network = base.spec.architecture
    words = {
        "steps": size["steps"][network],
        "rank": size["rank"][network],
        "seed": seed,
        "progress": True,
    }
    words |= {
        "volumes": size["volumes"],
        "crops": size["crops"],
        "factor": factor_of(rates[network], row),
    }
    recipe = (
        Recipe(full=True) if row == "full-ft" else variants(network)[row]
    )  # statistics kept: 18_petite_batches
    return fine_tune(base, row, recipe, train[target], test[target], **words)


def scores_on(network, base, scanner: str) -> dict[str, float]:
    """Return the mean scores of any network on a scanner's test heads."""
    (short,) = scaled(test[scanner], base.scaling, ("short",))
    return mean_scores(
        score_volumes(
            predict(network, short, base.spec.patch, pad=base.settings.pad),
            test[scanner],
            base.scaling,
        )
    )


# %% [markdown]
# ## From any scanner to any other

# %%
maps, adapted = {}, {}
for network, name in printed.items():
    before, after = np.zeros((len(scanners),) * 2), np.zeros((len(scanners),) * 2)
    for i, a in enumerate(scanners):
        for j, b in enumerate(scanners):
            before[i, j] = scores_on(bases[network, a].network, bases[network, a], b)[
                "psnr"
            ]
            if a == b:
                after[i, j] = before[i, j]
                continue
            one = tuned(bases[network, a], "petite", b)
            after[i, j] = mean_scores(one.scores)["psnr"]
            if a == source:
                adapted[network, b] = one
    home = np.diag(before)[None, :]
    maps[f"{name}: as it comes"], maps[f"{name}: PETITE"] = before - home, after - home

# %% tags=["hide-input"]
off = ~np.eye(len(scanners), dtype=bool)
for network, name in printed.items():
    two = []
    for what in (
        "as it comes",
        "PETITE",
    ):  # one sample per target: its sources share test heads
        two.append(
            np.nanmean(np.where(off, maps[f"{name}: {what}"], np.nan), axis=0).tolist()
        )
    words = {
        "unit": "dB",
        "note": "PSNR minus that of the network trained on the target; mean over sources",
    }
    home = "the network trained there"
    away = record(
        f"away/{network}",
        samples=two[0],
        units="scanners",
        compares=("as it comes", home),
        **words,
    )
    after = record(
        f"adapted/{network}",
        samples=two[1],
        units="scanners",
        compares=("petite", home),
        **words,
    )
    show_text(
        f"{name}: {format_interval(away, sign=True, unit='dB')} as it comes, **{format_interval(after, sign=True, unit='dB')}** after PETITE, against the network that was trained on the target."
    )
for network, name in printed.items():
    chosen = {
        title.split(": ")[1]: values
        for title, values in maps.items()
        if title.startswith(name)
    }
    show(
        draw_transfer(chosen, names, "PSNR above that of own training (dB)"),
        name=f"fig-petite-map-{network}",
        caption=f"{name} from every source to every target: PSNR minus that of the network trained on the target, which saw all its subjects; PETITE saw {size['subjects']}. A plus: the foreign network is better than the home one.",
        alt="Mean over pairs of different scanners: "
        + ", ".join(f"{k} {v[off].mean():+.2f} dB" for k, v in chosen.items())
        + ".",
    )

# %% [markdown]
# ## What is forgotten
#
# After adaptation the same network goes back to the source scanner. A recipe that froze the base can also be taken out again.

# %% tags=["hide-input"]
rows = []
others = [s for s in scanners if s != source]
for network, name in printed.items():
    base = bases[network, source]
    at_home = scores_on(base.network, base, source)["psnr"]
    lost = {"full-ft": [], "petite": []}
    for target in others:
        lost["full-ft"].append(
            scores_on(tuned(base, "full-ft", target).network, base, source)["psnr"]
            - at_home
        )
        lost["petite"].append(
            scores_on(adapted[network, target].network, base, source)["psnr"] - at_home
        )
    freed = remove(copy.deepcopy(adapted[network, others[0]].network))
    back = fingerprint(freed) == fingerprint(base.network)
    record(
        f"removed_is_base/{network}", float(back), kind="exact", note="1: bit for bit"
    )
    kept = {}
    for row, values in lost.items():
        words, both = (
            {"unit": "dB", "note": "on the source scanner; targets"},
            (row, "before"),
        )
        change = record(
            f"forgotten/{network}/{row}",
            samples=values,
            units="scanners",
            compares=both,
            **words,
        )
        kept[row] = format_interval(change, sign=True, over=False)
    less, both = np.subtract(lost["petite"], lost["full-ft"]), ("petite", "full-ft")
    words = {"unit": "dB", "note": "PETITE minus Full-FT; targets"}
    record(
        f"forgets_less/{network}",
        samples=less,
        units="scanners",
        compares=both,
        **words,
    )
    again = "the base, bit for bit" if back else "not the base"
    rows.append(
        {
            "network": name,
            "Full-FT": kept["full-ft"],
            "PETITE, left in": kept["petite"],
            "PETITE, taken out": again,
        }
    )
table(
    pd.DataFrame(rows),
    name="tab-petite-forgetting",
    caption=f"PSNR (dB) on the source scanner ({load_scanner(source).name}) after adaptation to another, minus before; mean and interval over {len(others)} target(s).",
)

# %% [markdown]
# ## A folder of adapters
#
# An adapter file holds what a recipe trained, the recipe itself and the fingerprint of the base it belongs to: `load_adapter` refuses any other. One base, five scanners: load the file of today's scanner, or merge it into the weights; prompts and adapters cannot be merged and stay inserted.

# %% tags=["hide-input"]
rows = []
for network, name in printed.items():
    base = bases[network, source]
    carrier, _ = base.generator_and_discriminator()
    whole = weights_path(base.name).stat().st_size
    with tempfile.TemporaryDirectory() as folder:
        for target in others:
            file = Path(folder) / f"{target}.safetensors"
            save_adapter(adapted[network, target].network, file)
            began = time.perf_counter()
            load_adapter(carrier, file)
            switched = time.perf_counter() - began
            (short,) = scaled(test[target], base.scaling, ("short",))
            as_loaded = predict(carrier, short, base.spec.patch, pad=base.settings.pad)
            merge(carrier)
            merged = predict(carrier, short, base.spec.patch, pad=base.settings.pad)
            psnr = mean_scores(score_volumes(as_loaded, test[target], base.scaling))[
                "psnr"
            ]
            same = float((as_loaded - adapted[network, target].predicted).abs().max())
            off_by = float((merged - as_loaded).abs().max())
            record(
                f"adapter_kb/{network}/{target}",
                file.stat().st_size / 1e3,
                kind="exact",
                unit="kB",
            )
            record(f"switch_s/{network}/{target}", switched, unit="s")
            record(
                f"merged_difference/{network}/{target}",
                off_by,
                note="largest difference of predictions in [0, 1]",
            )
            rows.append(
                {
                    "network": name,
                    "for": load_scanner(target).name,
                    "file (kB)": file.stat().st_size / 1e3,
                    "base (kB)": whole / 1e3,
                    "switch (ms)": 1e3 * switched,
                    "PSNR": psnr,
                    "loaded differs by": same,
                    "merged differs by": off_by,
                }
            )
            remove(carrier)
table(
    pd.DataFrame(rows),
    name="tab-petite-adapters",
    caption="One base network with the adapter file of each scanner: size (single precision; the base in half), time to switch, PSNR (dB), and the largest differences of the prediction, in units of the scaled image: loaded from the file against as tuned, and merged into the weights against loaded.",
    formats={
        "file (kB)": ".0f",
        "base (kB)": ".0f",
        "switch (ms)": ".0f",
        "PSNR": ".2f",
        "loaded differs by": ".0e",
        "merged differs by": ".0e",
    },
)

# %% [markdown]
# ## One scale for both scans
#
# With the published scaling each scan is divided by its own brightest voxel, a noise peak that differs from scanner to scanner. Divide both by *one* level of the short scan and predictions are in kBq/mL again. Two networks were trained that way; PSNR is still relative to the range of the long scan, so rows compare. (CVT-GAN is not made for it: its last layer, a LeakyReLU on what is added to the input, lets a fifth of every negative correction through.)

# %% tags=["hide-input"]
rows = []
for network, name in printed.items() if size["shared"] and source == "hrrt" else ():
    shared, each = loaded(network, source, "shared"), bases[network, source]
    for title, base in (("each its own (paper)", each), ("one for both", shared)):
        no_ft = [scores_on(base.network, base, t)["psnr"] for t in others]
        gains = [
            mean_scores(tuned(base, "petite", t).scores)["psnr"] - n
            for t, n in zip(others, no_ft, strict=True)
        ]
        both, words = (
            ("petite", "no-ft"),
            {"unit": "dB", "note": "PETITE over No-FT; targets"},
        )
        gain = record(
            f"scale_gain/{network}/{title}",
            samples=gains,
            units="scanners",
            compares=both,
            **words,
        )
        plain = record(
            f"scale_psnr/{network}/{title}",
            samples=no_ft,
            units="scanners",
            unit="dB",
            note="No-FT",
        )
        texts = {
            "No-FT": format_interval(plain, over=False),
            "PETITE gains": format_interval(gain, sign=True, over=False),
        }
        rows.append({"network": name, "scale": title, **texts})
if rows:
    table(
        pd.DataFrame(rows),
        name="tab-petite-scale",
        caption=f"From {load_scanner(source).name} to the others: PSNR (dB) of the network as it comes and what PETITE adds, with both scalings; mean and interval over targets.",
    )
else:
    show_text(
        "Networks with one scale were trained on the HRRT only, at laptop widths: run this notebook with that source."
    )

# %% [markdown]
# ```{exercise} The wrong adapter
# :label: ex-petite-adapter
#
# What could go wrong if a site loaded an adapter into a base of the same architecture but other weights, and nothing complained?
# ```
#
# ```{solution} ex-petite-adapter
# :class: dropdown
#
# The shapes fit, so the network runs; its images look like PET and are wrong, by a gain or worse. The file therefore carries the SHA-256 of the base's weights, and `load_adapter` refuses any other base and says why.
# ```
#
# ## What next
#
# {doc}`17_petite_few`: how few subjects does all this need?
