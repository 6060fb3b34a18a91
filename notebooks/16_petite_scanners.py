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

import numpy as np
import pandas as pd

from petrecon.compendium import profile_sizes, record, show, show_text, style, table
from petrecon.metrics import format_interval
from petrecon.peft import Recipe, fingerprint, remove
from petrecon.petite import mean_scores
from petrecon.projectors import load_scanner
from petrecon.studies.petite_adapters import record_adapters
from petrecon.studies.petite_pictures import draw_transfer
from petrecon.studies.petite_recipes import PRINTED, fine_tune, variants
from petrecon.studies.petite_sets import scan, score_on, source_network
from petrecon.studies.petite_tuning import factor_of, load_factors

style()
size = profile_sizes("16_petite_scanners", profile)
scanners = list(dict.fromkeys([source, *size["scanners"]]))
others = [s for s in scanners if s != source]
names = [load_scanner(s).name for s in scanners]
bases = {
    (network, s): source_network(network, s, size["weights"])
    for network in PRINTED
    for s in scanners
}
base = bases["unetr", source]
train, test, factors = {}, {}, {}
for s in scanners:
    train[s] = scan(s, "train", size["subjects"], dose, base.coarsening)
    test[s] = scan(s, "test", size["test"], dose, base.coarsening)
for network in PRINTED:
    rates = {"dose": base.dose, "profile": profile}
    factors[network] = load_factors(network, statistics_kept=True, **rates)

# %% [markdown]
# ## From any scanner to any other


# %%
def tuned_to(target, base, row="petite"):
    """Return a source network tuned to a target scanner by one row of the study."""
    network = base.spec.architecture
    settings = {k: size[k][network] for k in ("steps", "rank")}
    settings |= {k: size[k] for k in ("volumes", "crops")} | {"seed": seed}
    settings |= {"factor": factor_of(factors[network], row), "progress": True}
    frozen = Recipe(full=True, batchnorm="frozen")  # the statistics: 18_petite_batches
    recipe = frozen if row == "full-ft" else variants(network)[row]
    return fine_tune(base, row, recipe, train[target], test[target], **settings)


def psnr_on(scanner, network, base):
    """Return the mean PSNR of a network on a scanner's test heads."""
    return mean_scores(score_on(network, base, test[scanner]))["psnr"]


maps, adapted = {}, {}
for network, name in PRINTED.items():
    before, after = np.zeros((2, len(scanners), len(scanners)))
    for i, a in enumerate(scanners):
        base = bases[network, a]
        for j, b in enumerate(scanners):
            before[i, j] = after[i, j] = psnr_on(b, base.network, base)
            if a == b:
                continue
            tuned = tuned_to(b, base)
            after[i, j] = mean_scores(tuned.scores)["psnr"]
            if a == source:
                adapted[network, b] = tuned
    own_training = np.diag(before)[None, :]
    maps[f"{name}: as it comes"] = before - own_training
    maps[f"{name}: PETITE"] = after - own_training

# %% tags=["hide-input"]
away = ~np.eye(len(scanners), dtype=bool)
note = "PSNR minus that of the network trained on the target; mean over sources"
options = {"unit": "dB", "units": "scanners", "note": note}
home = "the network trained there"
for network, name in PRINTED.items():
    chosen = {what: maps[f"{name}: {what}"] for what in ("as it comes", "PETITE")}
    before, after = (  # one sample per target: its sources share test heads
        np.nanmean(np.where(away, values, np.nan), axis=0) for values in chosen.values()
    )
    both = ("as it comes", home)
    gap = record(f"away/{network}", samples=before, compares=both, **options)
    both = ("petite", home)
    rest = record(f"adapted/{network}", samples=after, compares=both, **options)
    gap, rest = (format_interval(x, sign=True, unit="dB") for x in (gap, rest))
    show_text(
        f"{name}: {gap} as it comes, **{rest}** after PETITE, against the network that "
        "was trained on the target."
    )
    means = [f"{what} {values[away].mean():+.2f} dB" for what, values in chosen.items()]
    show(
        draw_transfer(chosen, names, "PSNR above that of own training (dB)"),
        name=f"fig-petite-map-{network}",
        caption=f"{name} from every source to every target: PSNR minus that of the "
        "network trained on the target, which saw all its subjects; PETITE saw "
        f"{size['subjects']}. A plus: the foreign network is better than the home one.",
        alt=f"Mean over pairs of different scanners: {', '.join(means)}.",
    )

# %% [markdown]
# ## What is forgotten
#
# After adaptation the same network goes back to the source scanner. A recipe that froze the base can also be taken out again.

# %% tags=["hide-input"]
rows = []
options = {"unit": "dB", "units": "scanners"}
for network, name in PRINTED.items():
    base = bases[network, source]
    at_home, lost = psnr_on(source, base.network, base), {"full-ft": [], "petite": []}
    for target in others:
        full = tuned_to(target, base, "full-ft")
        for row, tuned in (("full-ft", full), ("petite", adapted[network, target])):
            lost[row].append(psnr_on(source, tuned.network, base) - at_home)
    freed = remove(copy.deepcopy(adapted[network, others[0]].network))
    back = fingerprint(freed) == fingerprint(base.network)
    exact = {"kind": "exact", "note": "1: bit for bit"}
    record(f"removed_is_base/{network}", float(back), **exact)
    left = {}
    options["note"] = "on the source scanner; targets"
    for row, values in lost.items():
        both = (row, "before")
        options["samples"] = values
        change = record(f"forgotten/{network}/{row}", compares=both, **options)
        left[row] = format_interval(change, sign=True, over=False)
    less, both = np.subtract(lost["petite"], lost["full-ft"]), ("petite", "full-ft")
    options["note"] = "PETITE minus Full-FT; targets"
    options["samples"] = less
    record(f"forgets_less/{network}", compares=both, **options)
    row = {"network": name, "Full-FT": left["full-ft"]}
    row["PETITE, left in"] = left["petite"]
    row["PETITE, taken out"] = "the base, bit for bit" if back else "not the base"
    rows.append(row)
table(
    pd.DataFrame(rows),
    name="tab-petite-forgetting",
    caption=f"PSNR (dB) on the source scanner ({load_scanner(source).name}) after "
    f"adaptation to another, minus before; mean and interval over {len(others)} "
    "target(s).",
)

# %% [markdown]
# ## A folder of adapters
#
# An adapter file holds what a recipe trained, the recipe itself and the fingerprint of the base it belongs to: `load_adapter` refuses any other. One base, five scanners: load the file of today's scanner, or merge it into the weights; prompts and adapters cannot be merged and stay inserted.

# %% tags=["hide-input"]
adapters = pd.concat(
    record_adapters(
        bases[network, source], {t: adapted[network, t] for t in others}, test
    )
    for network in PRINTED
)
digits = {"file (kB)": ".0f", "base (kB)": ".0f", "switch (ms)": ".0f", "PSNR": ".2f"}
digits |= {"loaded differs by": ".0e", "merged differs by": ".0e"}
table(
    adapters,
    name="tab-petite-adapters",
    caption="One base network with the adapter file of each scanner: size (single "
    "precision; the base in half), time to switch, PSNR (dB), and the largest "
    "differences of the prediction, in units of the scaled image: loaded from the file "
    "against as tuned, and merged into the weights against loaded.",
    formats=digits,
)

# %% [markdown]
# ## One scale for both scans
#
# With the published scaling each scan is divided by its own brightest voxel, a noise peak that differs from scanner to scanner. Divide both by *one* level of the short scan and predictions are in kBq/mL again. Two networks were trained that way; PSNR is still relative to the range of the long scan, so rows compare. (CVT-GAN is not made for it: its last layer, a LeakyReLU on what is added to the input, lets a fifth of every negative correction through.)

# %% tags=["hide-input"]
rows = []
options = {"unit": "dB", "units": "scanners"}
for network, name in PRINTED.items() if size["shared"] and source == "hrrt" else ():
    shared, each = source_network(network, source, "shared"), bases[network, source]
    for title, base in {"each its own (paper)": each, "one for both": shared}.items():
        no_ft = [psnr_on(target, base.network, base) for target in others]
        petite = [mean_scores(tuned_to(t, base).scores)["psnr"] for t in others]
        gains, both = np.subtract(petite, no_ft), ("petite", "no-ft")
        key, options["note"] = f"{network}/{title}", "PETITE over No-FT; targets"
        gain = record(f"scale_gain/{key}", samples=gains, compares=both, **options)
        options["note"] = "No-FT"
        plain = record(f"scale_psnr/{key}", samples=no_ft, **options)
        row = {"network": name, "scale": title}
        row["No-FT"] = format_interval(plain, over=False)
        row["PETITE gains"] = format_interval(gain, sign=True, over=False)
        rows.append(row)
if rows:
    table(
        pd.DataFrame(rows),
        name="tab-petite-scale",
        caption=f"From {load_scanner(source).name} to the others: PSNR (dB) of the "
        "network as it comes and what PETITE adds, with both scalings; mean and "
        "interval over targets.",
    )
else:
    show_text(
        "Networks with one scale were trained on the HRRT only, at laptop widths: run "
        "this notebook with that source."
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
