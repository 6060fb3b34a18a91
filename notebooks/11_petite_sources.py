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
import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from petrecon.compendium import (
    image,
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
from petrecon.petite import (
    instrument,
    load_pairs,
    load_source,
    mean_scores,
    population,
    predict,
    scaled,
    score_bounds,
    score_volumes,
    source_name,
)
from petrecon.projectors import load_scanner
from petrecon.studies.petite_filter import fit_filter
from petrecon.studies.petite_pictures import HEAD_MM, draw_transfer

style()
size = profile_sizes("11_petite_sources", profile)
printed = {"cvt-gan": "CVT-GAN", "unetr": "UNETR"}
scanners = size["scanners"]
names = [load_scanner(s).name for s in scanners]
sources = {}
for s in scanners:
    for network in printed:
        card = source_name(network, s, size["weights"])
        track_input(weights_path(card))
        sources[network, s] = load_source(card)

# %%
grid = next(iter(sources.values())).coarsening
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
record_backend(instrument(scanners[0], grid).projector)

# %% [markdown]
# ## One kind of head, five kinds of noise

# %% tags=["hide-input"]
fig, axes = plt.subplots(3, len(scanners), figsize=(8.4, 6.2), layout="constrained")
noise = {}
for column, s, name in zip(axes.T, scanners, names, strict=True):
    one = test[s]
    (short, long), middle = scaled(one), one.grid[2] // 2
    rows = {
        "5 min": short[0],
        "30 min": long[0],
        "noise-free": one.ideal[0] / one.ideal[0].max(),
    }
    for ax, (title, volume) in zip(column, rows.items(), strict=True):
        drawn = image(
            ax, volume[:, :, middle], one.voxel_size[0], vmin=0, vmax=1, axes=False
        )
        ax.set(xlim=(-HEAD_MM, HEAD_MM), ylim=(-HEAD_MM, HEAD_MM))
        ax.set_title(f"{name}\n{title}" if ax is column[0] else title, size=9)
    brain = one.brain
    noise[name] = 100 * float(
        (one.short - one.ideal)[brain].std() / one.ideal[brain].mean()
    )
    record(
        f"noise/{s}",
        noise[name],
        unit="%",
        note="SD of short minus noise-free in the brain, over its mean",
    )
fig.colorbar(drawn, ax=axes, label="scaled activity", shrink=0.5)
show(
    fig,
    name="fig-petite-exams",
    caption="A test head on each scanner: first five minutes, mean of thirty, and the reconstruction of noise-free counts, each scaled to its own range, as a network sees it. The faint lattice on the HRRT is the sampling of its coarsened crystals; it is in every row, so it is no noise.",
    alt="Noise of the short scan in the brain: "
    + ", ".join(f"{k} {v:.0f} %" for k, v in noise.items())
    + ".",
    dimensionless=["scaled activity"],
)

# %% [markdown]
# ## What was trained

# %% tags=["hide-input"]
rows, curves = [], {}
for (network, s), source in sources.items():
    receipt = json.loads(
        weights_path(source.name).with_suffix(".json").read_text(encoding="utf-8")
    )
    curves[network, s] = np.array(receipt["losses"]["rows"], dtype=float)
    rows.append(
        {
            "network": printed[network],
            "scanner": load_scanner(s).name,
            "parameters": sum(p.numel() for p in source.network.parameters()),
            "subjects": receipt["card"]["subjects"],
            "steps": source.settings.steps,
            "min": receipt["seconds"] / 60,
            "last loss": curves[network, s][-1, 1],
        }
    )
table(
    pd.DataFrame(rows),
    name="tab-petite-sources",
    caption="The source networks, from their receipts. Minutes on one core of a machine shared by two trainings. The losses of the two networks are not comparable: mean squared error (UNETR), cross-entropy of the discriminator plus 100 times the mean absolute error (CVT-GAN).",
    formats={"parameters": ",", "min": ".0f", "last loss": ".3g"},
)

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(8.4, 3.2), layout="constrained")
for ax, (network, name) in zip(axes, printed.items(), strict=True):
    for s, scanner in zip(scanners, names, strict=True):
        ax.plot(*curves[network, s].T, label=scanner)
    ax.set(xlabel="step", ylabel=f"loss of {name}", yscale="log")
axes[1].legend(fontsize=8)
show(
    fig,
    name="fig-petite-curves",
    caption="Training loss of every source network, mean of each twentieth of its steps.",
    alt="; ".join(
        f"{printed[n]} on {s}: {c[0, 1]:.3g} to {c[-1, 1]:.3g}"
        for (n, s), c in curves.items()
    )
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
maps = {name: np.zeros((len(scanners),) * 2) for name in printed.values()}
scores, rows = {}, []
for j, s in enumerate(scanners):
    (short,), edges = scaled(test[s], "each", ("short",)), score_bounds(test[s])
    found = {"short scan": edges["short"], "ceiling": edges["ceiling"]}
    found["Gaussian"] = score_volumes(
        fit_filter(train[s])(short, test[s].voxel_size), test[s]
    )
    for network, name in printed.items():
        for i, other in enumerate(scanners):
            source = sources[network, other]
            several = score_volumes(
                predict(
                    source.network, short, source.spec.patch, pad=source.settings.pad
                ),
                test[s],
            )
            maps[name][i, j] = mean_scores(several)["psnr"]
            values = [float(v["psnr"]) for v in several]
            record(
                f"psnr/{network}/{other}/{s}",
                samples=values,
                units=test[s].units,
                unit="dB",
            )
            if s == other:
                found[name] = several
    order = ["short scan", "Gaussian", "CVT-GAN", "UNETR", "ceiling"]
    means = {k: mean_scores(found[k]) for k in order}
    for k in order:
        scores.setdefault(k, []).append(means[k])
    rows.append(
        {"scanner": names[j], **{k: means[k]["psnr"] for k in order}}
        | {
            f"{k}, to noise-free": means[k]["psnr_ideal"]
            for k in ("Gaussian", "CVT-GAN", "UNETR")
        }
    )
table(
    pd.DataFrame(rows),
    name="tab-petite-home",
    caption=f"Mean PSNR (dB) over {size['test']} test heads on the scanner of training: against the long scan, and in the brain against noise-free counts after the best linear fit.",
    formats=dict.fromkeys([c for c in rows[0] if c != "scanner"], ".2f"),
)
for metric, words in (
    ("psnr", "against the long scan"),
    ("psnr_ideal", "to noise-free counts"),
):
    for network in printed.values():
        ahead = [
            a[metric] - b[metric]
            for a, b in zip(scores[network], scores["Gaussian"], strict=True)
        ]
        both = (network, "Gaussian")
        gain = record(
            f"over_gaussian/{metric}/{network}",
            samples=ahead,
            units="scanners",
            compares=both,
            unit="dB",
        )
        show_text(
            f"{network} minus Gaussian, {words}: **{format_interval(gain, sign=True, unit='dB')}** (mean over scanners)."
        )

# %% [markdown]
# ## Away
#
# Every network on every scanner, as it comes.

# %% tags=["hide-input"]
lost = {name: values - np.diag(values)[None, :] for name, values in maps.items()}
off = ~np.eye(len(scanners), dtype=bool)
for network, name in printed.items():
    record(
        f"lost_away/{network}",
        samples=np.nanmean(np.where(off, lost[name], np.nan), axis=0).tolist(),
        units="scanners",
        compares=("a network from elsewhere", "the network trained there"),
        unit="dB",
        note="PSNR on another scanner minus that of the network trained there; mean over sources, per target",
    )
show(
    draw_transfer(lost, names, "PSNR above that of own training (dB)"),
    name="fig-petite-away",
    caption="PSNR of each source network on each scanner, as it comes, minus that of the network trained there. A plus: a foreign network is better than the home one.",
    alt="Mean over pairs of different scanners: "
    + ", ".join(f"{name} {v[off].mean():+.2f} dB" for name, v in lost.items())
    + ".",
)
worst = {
    name: np.unravel_index(np.argmin(values), values.shape)
    for name, values in lost.items()
}
show_text(
    " ".join(
        f"{name} loses {-lost[name][off].mean():.2f} dB on average, most from {names[i]} to {names[j]} ({lost[name][i, j]:+.2f} dB)."
        for name, (i, j) in worst.items()
    )
)

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
