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
import pandas as pd

from petrecon.compendium import profile_sizes, record, show, show_text, style, table
from petrecon.metrics import format_interval
from petrecon.peft import Recipe
from petrecon.petite import folds
from petrecon.projectors import load_scanner
from petrecon.studies.petite_comparison import (
    Outcome,
    load_comparison,
    record_statistics_kept,
    with_statistics_kept,
)
from petrecon.studies.petite_recipes import STATISTICS_KEPT, fine_tune
from petrecon.studies.petite_results import UNITS, Study
from petrecon.studies.petite_sets import scan, source_network
from petrecon.studies.petite_tuning import record_factor, search_rate

style()
tuning = profile_sizes("12_petite_tuning", profile)
size = profile_sizes("13_petite_compare", profile)
pairs = [tuple(pair) for pair in profile_sizes("14_petite_results", profile)["pairs"]]

# %% [markdown]
# ## A learning rate
#
# As for every other method: multiples of the published rate, judged on held-out training subjects of one pair.

# %%
base = source_network("cvt-gan", source, tuning["weights"])
subjects = scan(target, "train", tuning["subjects"], dose, base.coarsening)
parts = folds(subjects.members, tuning["folds"], seed)
training, held = (subjects.select(part) for part in parts[0])
frozen = Recipe(full=True, batchnorm="frozen")
settings = {k: tuning[k] for k in ("volumes", "crops")}
settings["steps"] = tuning["steps"]["cvt-gan"]
search = {"grid": tuning["factors"], "start": tuning["start"], "seed": seed, **settings}
tried = search_rate(base, "full-ft", frozen, training, held, **search)
best = record_factor(
    "full-ft", tried, "multiple of the published rate, statistics kept"
)
show_text(
    "PSNR on held-out subjects by multiple of the published rate: "
    + ", ".join(f"× {k:g} {v:.2f} dB" for k, v in tried.items())
    + "."
)

# %% [markdown]
# ## Every pair

# %%
runs = {}
for pair in pairs:
    base = source_network("cvt-gan", pair[0], tuning["weights"])
    subjects = scan(pair[1], "train", size["subjects"], dose, base.coarsening)
    test = scan(pair[1], "test", size["test"], dose, base.coarsening)
    outcomes = []
    parts = folds(subjects.members, size["folds"], seed)[: size["used_folds"]]
    for fold, (training, _) in enumerate(parts):
        options = {**settings, "factor": best, "seed": seed + fold, "progress": True}
        some = subjects.select(training)
        tuned = fine_tune(base, "full-ft", frozen, some, test, **options)
        outcomes.append(Outcome.of(tuned))
    ours = record_statistics_kept(pair, outcomes)
    published_way = load_comparison(
        "cvt-gan", pair, dose=dose, seed=seed, profile=profile
    )
    runs[pair] = with_statistics_kept(published_way, ours, pair)
study = Study(runs)
difference = study.gain(STATISTICS_KEPT, "full-ft")

# %% tags=["hide-input"]
names = [" → ".join(load_scanner(scanner).name for scanner in pair) for pair in pairs]
ways = {"statistics follow": "full-ft", "statistics kept": STATISTICS_KEPT}
columns = {"No-FT": study.samples("psnr", "no-ft")}
columns |= {way: study.samples("psnr", row) for way, row in ways.items()}
columns |= {
    f"SSIM, {way.split()[1]}": study.samples("ssim", row) for way, row in ways.items()
}
table(
    pd.DataFrame({"pair": names, **columns}),
    name="tab-petite-batches",
    caption="Full fine-tuning of CVT-GAN: PSNR (dB) and SSIM after the last step, with "
    "running statistics that follow batches of patches, or are kept from the source.",
    formats={title: ".3f" if "SSIM" in title else ".2f" for title in columns},
)

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
looks = {"statistics follow the batches": ("full-ft", "o", 0.1)}
looks |= {"statistics kept": (STATISTICS_KEPT, "D", -0.1)}
for title, (row, marker, shift) in looks.items():
    places = [y + shift for y in range(len(pairs))]
    ax.plot(study.gain(row, "no-ft"), places, marker, label=title)
ax.axvline(0, color="0.6", lw=0.8)
ax.set_yticks(range(len(pairs)), names)
ax.set_xlabel("gain over No-FT (dB)")
ax.legend(fontsize=8)
show(
    fig,
    name="fig-petite-batches",
    caption="Full fine-tuning with either kind of statistics: gain over No-FT for "
    "every pair of scanners.",
    alt="Kept minus following, by pair: "
    + ", ".join(f"{d:+.2f} dB" for d in difference)
    + ".",
)
both = ("statistics kept", "statistics follow")
options = {"compares": both, "unit": "dB", "note": "full fine-tuning of CVT-GAN"}
change = record("kept_over_following", samples=difference, units=UNITS, **options)
show_text(
    "Keeping the statistics changes full fine-tuning by "
    f"**{format_interval(change, sign=True, unit='dB')}**, over pairs from "
    f"{min(difference):+.2f} to {max(difference):+.2f} dB. The tables of "
    "{doc}`14_petite_results` show both; its claims compare with the better of the two."
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
