# %% [markdown]
# # Ten networks, five scanners
#
# *You will learn* how five scanners make five kinds of noise from one kind of head, how well a network does on the scanner it was trained on, and what it loses on the others. *Before:* {doc}`10_petite_idea`. *Time:* ten minutes to read, a minute to run once the exams are in the cache; the first time two minutes in `quick`, five to fifteen in `laptop`.
#
# Every scanner has its own people: heads, uptake and regions of low uptake are drawn anew for each, and test heads come from donors that no training uses. An exam is six frames of five minutes in projection space, with decay, scatter, randoms and attenuation, reconstructed as that scanner's users would. The short scan is the first frame; the long scan is the mean of all six, so *it has noise of its own*.
#
# *Substituted:* the native grids by coarse ones of about 4 mm × 8 mm, at a twentieth of the counts, which leaves 0.6 (HR+) to 3 times (TruePoint) the native counts per voxel. Thirty subjects by twenty, 24 patches of 64³ per step by four of 64 × 64 × 16, networks of 29 and 102 million parameters by the small ones below. `petrecon train cvt-gan-hrrt` makes one again, `petrecon train cvt-gan-hrrt-paper` one of the published size, on a GPU.

# %% tags=["parameters"]
dose: float = 0.05
profile: str = "quick"

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from petrecon.compendium import profile_sizes, record, show, show_text, style, table
from petrecon.metrics import format_interval
from petrecon.petite import mean_scores, scaled, score_bounds, score_volumes
from petrecon.projectors import load_scanner
from petrecon.studies.petite_pictures import draw_scanners, draw_transfer
from petrecon.studies.petite_recipes import PRINTED
from petrecon.studies.petite_rivals import fit_filter
from petrecon.studies.petite_sets import (
    scan,
    score_on,
    source_network,
    training_receipt,
)

style()
size = profile_sizes("11_petite_sources", profile)
scanners = size["scanners"]
names = {s: load_scanner(s).name for s in scanners}
sources = {
    (n, s): source_network(n, s, size["weights"]) for s in scanners for n in PRINTED
}

# %%
train, test = {}, {}
for s in scanners:
    coarsening = sources["unetr", s].coarsening
    train[s] = scan(s, "train", size["subjects"], dose, coarsening)
    test[s] = scan(s, "test", size["test"], dose, coarsening)

# %% [markdown]
# ## One kind of head, five kinds of noise

# %% tags=["hide-input"]
slices, noise = {}, {}
for s, name in names.items():
    exam = test[s]
    short, long = (scans[0] for scans in scaled(exam))
    head = {
        "5 min": short,
        "30 min": long,
        "noise-free": exam.ideal[0] / exam.ideal[0].max(),
    }
    slices[name] = {t: volume[:, :, exam.grid[2] // 2] for t, volume in head.items()}
    error, activity = (x[exam.brain] for x in (exam.short - exam.ideal, exam.ideal))
    noise[name] = 100 * float(error.std() / activity.mean())
    note = "SD of short minus noise-free in the brain, over its mean"
    record(f"noise/{s}", noise[name], unit="%", note=note)
show(
    draw_scanners(slices, {name: test[s].voxel_size[0] for s, name in names.items()}),
    name="fig-petite-exams",
    caption="A test head on each scanner: first five minutes, mean of thirty, and the "
    "reconstruction of noise-free counts, each scaled to its own range, as a network "
    "sees it. The faint lattice on the HRRT is the sampling of its coarsened crystals; "
    "it is in every row, so it is no noise.",
    alt="Noise of the short scan in the brain: "
    f"{', '.join(f'{k} {v:.0f} %' for k, v in noise.items())}.",
    dimensionless=["scaled activity"],
)

# %% [markdown]
# ## What was trained

# %% tags=["hide-input"]
rows, losses = [], {}
for (network, s), base in sources.items():
    receipt = training_receipt(base)
    losses[network, s] = np.array(receipt["losses"]["rows"], dtype=float)
    row = {"network": PRINTED[network], "scanner": names[s]}
    row["parameters"] = sum(p.numel() for p in base.network.parameters())
    row |= {"subjects": receipt["card"]["subjects"], "steps": base.settings.steps}
    row |= {"min": receipt["seconds"] / 60, "last loss": losses[network, s][-1, 1]}
    rows.append(row)
table(
    pd.DataFrame(rows),
    name="tab-petite-sources",
    caption="The source networks, from their receipts. Minutes on one core of a "
    "machine shared by two trainings. The losses of the two networks are not "
    "comparable: mean squared error (UNETR), cross-entropy of the discriminator plus "
    "100 times the mean absolute error (CVT-GAN).",
    formats={"parameters": ",", "min": ".0f", "last loss": ".3g"},
)

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(8.4, 3.2), layout="constrained")
for ax, (network, name) in zip(axes, PRINTED.items(), strict=True):
    for s, scanner in names.items():
        ax.plot(*losses[network, s].T, label=scanner)
    ax.set(xlabel="step", ylabel=f"loss of {name}", yscale="log")
axes[1].legend(fontsize=8)
ends = {
    key: f"{curve[0, 1]:.3g} to {curve[-1, 1]:.3g}" for key, curve in losses.items()
}
show(
    fig,
    name="fig-petite-curves",
    caption="Training loss of every source network, mean of each twentieth of its "
    "steps.",
    alt="; ".join(f"{PRINTED[n]} on {s}: {text}" for (n, s), text in ends.items())
    + ".",
    dimensionless=["step", "loss of CVT-GAN", "loss of UNETR"],
)

# %% [markdown]
# ## At home
#
# A network should beat what needs no network. The rival has three numbers: a Gaussian filter, a gain and an offset, fitted to training subjects of the same scanner. The last two columns compare with the reconstruction of *noise-free* counts after the best gain and offset: PSNR against the noisy long scan also counts how well a volume's scale was guessed, and the long scan's noise as signal.
#
# Expect little: at 4 mm a gyrus is two voxels wide, which leaves little for a network to know better than a filter, and these networks saw 3,200 to 4,800 patches; the released scripts imply 18,000 to 24,000. What follows is about *adapting* networks, whether or not they win here.

# %% tags=["hide-input"]
maps = {network: np.zeros((len(scanners), len(scanners))) for network in PRINTED}
means, rows = {}, []
for j, s in enumerate(scanners):
    (short,), bounds = scaled(test[s], "each", ("short",)), score_bounds(test[s])
    filtered = fit_filter(train[s])(short, test[s].voxel_size)
    scores = {
        "short scan": bounds["short"],
        "Gaussian": score_volumes(filtered, test[s]),
    }
    for network, name in PRINTED.items():
        for i, other in enumerate(scanners):
            base = sources[network, other]
            several = score_on(base.network, base, test[s])
            maps[network][i, j] = mean_scores(several)["psnr"]
            psnr = [float(head["psnr"]) for head in several]
            record(
                f"psnr/{network}/{other}/{s}",
                samples=psnr,
                units=test[s].units,
                unit="dB",
            )
            if s == other:
                scores[name] = several
    scores["ceiling"] = bounds["ceiling"]
    for title, several in scores.items():
        means[title, s] = mean_scores(several)
    row = {title: means[title, s]["psnr"] for title in scores}
    for title in ("Gaussian", *PRINTED.values()):
        row[f"{title}, to noise-free"] = means[title, s]["psnr_ideal"]
    rows.append({"scanner": names[s], **row})
table(
    pd.DataFrame(rows),
    name="tab-petite-home",
    caption=f"Mean PSNR (dB) over {size['test']} test heads on the scanner of "
    "training: against the long scan, and in the brain against noise-free counts after "
    "the best linear fit.",
    formats=dict.fromkeys(row, ".2f"),
)
against = {"psnr": "against the long scan", "psnr_ideal": "to noise-free counts"}
for metric, what in against.items():
    for name in PRINTED.values():
        ahead = [
            means[name, s][metric] - means["Gaussian", s][metric] for s in scanners
        ]
        options = {"units": "scanners", "compares": (name, "Gaussian"), "unit": "dB"}
        gain = record(f"over_gaussian/{metric}/{name}", samples=ahead, **options)
        text = format_interval(gain, sign=True, unit="dB")
        show_text(f"{name} minus Gaussian, {what}: **{text}** (mean over scanners).")

# %% [markdown]
# ## Away
#
# Every network on every scanner, as it comes.

# %% tags=["hide-input"]
lost = {PRINTED[n]: values - np.diag(values)[None, :] for n, values in maps.items()}
away = ~np.eye(len(scanners), dtype=bool)
means, sentences = [], []
for network, name in PRINTED.items():
    per_target = np.nanmean(np.where(away, lost[name], np.nan), axis=0)
    both = ("a network from elsewhere", "the network trained there")
    options = {"units": "scanners", "compares": both, "unit": "dB"}
    note = "PSNR on another scanner minus that of the network trained there; "
    options["note"] = note + "mean over sources, per target"
    record(f"lost_away/{network}", samples=per_target, **options)
    mean, worst = lost[name][away].mean(), lost[name].min()
    i, j = np.unravel_index(np.argmin(lost[name]), lost[name].shape)
    means.append(f"{name} {mean:+.2f} dB")
    sentences.append(
        f"{name} loses {-mean:.2f} dB on average, most from {names[scanners[i]]} to "
        f"{names[scanners[j]]} ({worst:+.2f} dB)."
    )
show(
    draw_transfer(lost, list(names.values()), "PSNR above that of own training (dB)"),
    name="fig-petite-away",
    caption="PSNR of each source network on each scanner, as it comes, minus that of "
    "the network trained there. A plus: a foreign network is better than the home one.",
    alt=f"Mean over pairs of different scanners: {', '.join(means)}.",
)
show_text(" ".join(sentences))

# %% [markdown]
# ```{exercise} A ceiling below infinity
# :label: ex-petite-ceiling
#
# Why can no network reach infinite PSNR against the long scan, even one that returns the noise-free image? And why can a network come *closer* to the long scan than the ceiling promises?
# ```
#
# ```{solution} ex-petite-ceiling
# :class: dropdown
#
# The long scan is a mean of six noisy frames; its noise cannot be predicted, and counts as error. But the first of the six frames *is* the input: a sixth of the long scan's noise is known. A network that keeps a little of the input's noise comes closer to the target than the noise-free image does, and PSNR rewards it for that.
# ```
#
# ## What next
#
# Before {doc}`14_petite_results` adapts these networks, every method gets a learning rate of its own: the two pages below this chapter.
