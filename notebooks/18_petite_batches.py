# %% [markdown]
# # When full fine-tuning breaks
#
# *You will learn* what batch normalisation does to a network that is tuned on two patches at a time, and how to give full fine-tuning a fair chance. *Before:* {doc}`10_petite_idea`, {doc}`11_petite_sources`. *Time:* five minutes to read, two to run.
#
# CVT-GAN normalises by the mean and variance of the batch while it trains, and by *running statistics*, an average of past batches, when it is used. Methods that freeze the network keep the statistics of the source. Full fine-tuning, as published, lets them follow the batches; the paper's have 24 patches, ours two.
# Statistics of two patches are noise. So full fine-tuning is tried both ways here, each with a learning rate of its own, on the pairs, subjects and seeds of {doc}`14_petite_results`. UNETR has no such statistics.

# %% tags=["parameters"]
source: str = "hrrt"
target: str = "gemini"
dose: float = 0.05
seed: int = 0
profile: str = "quick"

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
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
from petrecon.errors import PetreconError
from petrecon.metrics import format_interval
from petrecon.models import weights_path
from petrecon.peft import Recipe
from petrecon.petite import (
    folds,
    instrument,
    load_pairs,
    load_source,
    mean_scores,
    population,
    source_name,
)
from petrecon.projectors import load_scanner
from petrecon.studies.petite_rates import search_uphill
from petrecon.studies.petite_recipes import fine_tune

style()
tuning, size = (
    profile_sizes("12_petite_tuning", profile),
    profile_sizes("13_petite_compare", profile),
)
pairs = profile_sizes("14_petite_results", profile)["pairs"]
kept = Recipe(full=True, batchnorm="frozen")
words = {
    "steps": tuning["steps"]["cvt-gan"],
    "volumes": tuning["volumes"],
    "crops": tuning["crops"],
}


def loaded(scanner: str):
    """Return a source network, and say in the receipt that this run used it."""
    name = source_name("cvt-gan", scanner, tuning["weights"])
    track_input(weights_path(name))
    return load_source(name)


# %% [markdown]
# ## A learning rate
#
# As for every other method: multiples of the published rate, judged on held-out training subjects of one pair.

# %%
base = loaded(source)
record_backend(instrument(target, base.coarsening).projector)
members = population(target, "train", tuning["subjects"])
training, held = folds(members, tuning["folds"], seed)[0]
pool = load_pairs(members, dose, coarsening=base.coarsening, progress=True)
first, second = pool.select(training), pool.select(held)


def score(factor: float) -> float:
    """Return the PSNR on held-out subjects, dB."""
    try:
        tuned = fine_tune(
            base,
            "full-ft",
            kept,
            first,
            second,
            factor=factor,
            seed=seed,
            progress=True,
            **words,
        )
    except PetreconError:  # diverged
        return -np.inf
    return mean_scores(tuned.scores)["psnr"]


tried = search_uphill(score, tuning["factors"], tuning["start"])
best = max(tried, key=tried.get)
record("factor/full-ft", best, note="multiple of the published rate, statistics kept")
show_text(
    "PSNR on held-out subjects by multiple of the published rate: "
    + ", ".join(f"× {k:g} {v:.2f} dB" for k, v in tried.items())
    + "."
)

# %% [markdown]
# ## Every pair

# %%
rows, points = [], []
for a, b in pairs:
    base = loaded(a)
    members = population(b, "train", size["subjects"])
    pool = load_pairs(members, dose, coarsening=base.coarsening, progress=True)
    test = load_pairs(
        population(b, "test", size["test"]),
        dose,
        coarsening=base.coarsening,
        progress=True,
    )
    scores = []
    for fold, (training, _) in enumerate(
        folds(members, size["folds"], seed)[: size["used_folds"]]
    ):
        some = pool.select(training)
        tuned = fine_tune(
            base,
            "full-ft",
            kept,
            some,
            test,
            factor=best,
            seed=seed + fold,
            progress=True,
            **words,
        )
        scores.append(mean_scores(tuned.scores) | {"best": tuned.fit.best["psnr"]})
    for metric in ("psnr", "ssim", "nrmse", "psnr_ideal", "best"):
        record(
            f"{metric}/{a}/{b}", samples=[one[metric] for one in scores], units="folds"
        )
    run = {
        "network": "cvt-gan",
        "source": a,
        "target": b,
        "dose": dose,
        "seed": seed,
        "profile": profile,
    }
    follow = load_numbers("13_petite_compare", **run)
    three = {
        k: float(np.mean(follow[f"psnr/{k}"]["samples"])) for k in ("no-ft", "full-ft")
    }
    three["kept"] = float(np.mean([one["psnr"] for one in scores]))
    points.append(three)
    rows.append(
        {
            "pair": f"{load_scanner(a).name} → {load_scanner(b).name}",
            "No-FT": three["no-ft"],
            "statistics follow": three["full-ft"],
            "statistics kept": three["kept"],
            "SSIM, follow": float(np.mean(follow["ssim/full-ft"]["samples"])),
            "SSIM, kept": float(np.mean([one["ssim"] for one in scores])),
        }
    )
table(
    pd.DataFrame(rows),
    name="tab-petite-batches",
    caption="Full fine-tuning of CVT-GAN: PSNR (dB) and SSIM after the last step, with running statistics that follow batches of patches, or are kept from the source.",
    formats={k: (".3f" if "SSIM" in k else ".2f") for k in rows[0] if k != "pair"},
)

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
for k, (key, title) in enumerate(
    (("full-ft", "statistics follow the batches"), ("kept", "statistics kept"))
):
    gained = [p[key] - p["no-ft"] for p in points]
    ax.plot(
        gained, [y + 0.1 - 0.2 * k for y in range(len(points))], "oD"[k], label=title
    )
ax.axvline(0, color="0.6", lw=0.8)
ax.set_yticks(range(len(points)), [row["pair"] for row in rows])
ax.set_xlabel("gain over No-FT (dB)")
ax.legend(fontsize=8)
difference = [p["kept"] - p["full-ft"] for p in points]
show(
    fig,
    name="fig-petite-batches",
    caption="Full fine-tuning with either kind of statistics: gain over No-FT for every pair of scanners.",
    alt="Kept minus following, by pair: "
    + ", ".join(f"{d:+.2f} dB" for d in difference)
    + ".",
)
change = record(
    "kept_over_following",
    samples=difference,
    units="scanner pairs",
    compares=("statistics kept", "statistics follow"),
    unit="dB",
    note="full fine-tuning of CVT-GAN",
)
show_text(
    f"Keeping the statistics changes full fine-tuning by **{format_interval(change, sign=True, unit='dB')}**, over pairs from {min(difference):+.2f} to {max(difference):+.2f} dB. The tables of {{doc}}`14_petite_results` show both; its claims compare with the better of the two."
)

# %% [markdown]
# ```{exercise} Why not always keep them?
# :label: ex-petite-batches
#
# If the statistics of the source are better than those of two patches, when would you let them follow?
# ```
#
# ```{solution} ex-petite-batches
# :class: dropdown
#
# When a batch is large and the target differs in what the statistics describe: the mean and the spread of features. Then adapting them costs no parameter and no gradient; with many unlabelled scans of the target one can do it without any long scan. Methods that only scale and shift, such as SSF, learn a part of the same change.
# ```
#
# ## What next
#
# {doc}`14_petite_results` compares all methods.
