# %% [markdown]
# # Who needs all the parameters?
#
# *You will learn* what each way of fine-tuning buys on another scanner, with intervals, and which of the paper's claims survive in a small world. *Before:* {doc}`10_petite_idea`, {doc}`11_petite_sources`. *Time:* fifteen minutes to read, seconds to run once its runs exist.
#
# A network is pre-trained on one scanner and adapted to another with a few subjects, in every way of PETITE's tables {cite:p}`petite2024`. Each scanner is once the source and once the target. Every row has a learning rate of its own, found by one rule on held-out training subjects of another pair (pages below {doc}`11_petite_sources`), full fine-tuning too; scores are those after the *last* step, on heads that no training saw. A rate that is best by a tenth of a decibel on four subjects of one pair need not be best on another: part of the spread below is that.
#
# *No-FT* is the source network as it comes; *Full-FT* trains every parameter; a *fold* is one choice of training subjects (and of the seed); the *ceiling* is what noise-free counts would score against the noisy long scan.
#
# *Substituted:* the 45 ADNI subjects per scanner by simulated heads, warped anew for each subject from three donors and two average heads (training) and three other donors (testing), with regions of low uptake; the native grids by coarse ones (4 mm × 8 mm) at a twentieth of the counts; the published widths by small ones, LoRA's rank in UNETR 2 for 4; hundreds of steps on 24 patches by fifty on two; 20 pairs and three folds by five and two. The discriminator of CVT-GAN learns under Full-FT only (in the paper also under LayerNorm, BitFit and LoRA), and BatchNorm's statistics follow the data under Full-FT only, which {doc}`18_petite_batches` shows to be a bad idea with two patches; the row with statistics kept is beside it. Decibels are not comparable with the paper's; orders are.

# %% tags=["parameters"]
dose: float = 0.05
seed: int = 0
profile: str = "quick"

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from petrecon.compendium import (
    image,
    load_array,
    load_numbers,
    profile_sizes,
    ranking,
    record,
    show,
    show_text,
    style,
    table,
    track_input,
)
from petrecon.metrics import format_interval
from petrecon.peft import single_methods
from petrecon.projectors import load_scanner
from petrecon.studies.petite_pictures import HEAD_MM
from petrecon.studies.petite_recipes import same_as, uniform
from petrecon.studies.petite_results import KEPT, UNITS, load_studies, row_title

style()
pairs = [tuple(pair) for pair in profile_sizes("14_petite_results", profile)["pairs"]]
words = {"dose": dose, "seed": seed, "profile": profile}
printed = {"cvt-gan": "CVT-GAN", "unetr": "UNETR"}
study = load_studies(load_numbers, pairs, **words)
full = {network: found.full for network, found in study.items()}
single = [
    row for row in single_methods("unetr") if row not in ("no-ft", "full-ft", "petite")
]
published = {
    k: pd.read_csv(track_input(f"data/paper/petite-table-{k}.csv")) for k in (1, 2)
}
show_text(
    f"{len(pairs)} pair(s) of scanners: "
    + ", ".join(f"{load_scanner(a).name} → {load_scanner(b).name}" for a, b in pairs)
    + f". One sample is one pair (mean over its folds and test heads): intervals are over these {len(pairs)}, and do not speak for other anatomies."
)


# %% tags=["hide-input"]
def compared(network: str, rows: dict[str, tuple[float, ...]]) -> pd.DataFrame:
    """Return rows of the study beside the printed per cent, PSNR, SSIM and NRMSE (by our name of the row)."""
    found, out = study[network], []
    for row, (share, *theirs) in rows.items():
        ours = {m.upper(): found.mean(m, row) for m in ("psnr", "ssim", "nrmse")}
        gain = ""
        if row != "no-ft":
            several, both = found.gain(row, "no-ft"), (row, "no-ft")
            gained = record(
                f"gain/{network}/{row}",
                samples=several,
                units=UNITS,
                compares=both,
                unit="dB",
            )
            gain = format_interval(gained, sign=True)
        printed_gain = {"paper: %": share, "paper: gain": theirs[0] - rows["no-ft"][1]}
        theirs = printed_gain | dict(
            zip(("paper: PSNR", "paper: SSIM", "paper: NRMSE"), theirs, strict=True)
        )
        name = {"method": row_title(network, row), "%": found.value("per_cent", row)}
        out.append(name | ours | {"gain over No-FT": gain} | theirs)
    return pd.DataFrame(out)


forms = {"%": ".2f", "PSNR": ".2f", "SSIM": ".3f", "NRMSE": ".4f", "paper: %": ".3g"}
forms |= {
    "paper: PSNR": ".2f",
    "paper: gain": "+.2f",
    "paper: SSIM": ".3f",
    "paper: NRMSE": ".4f",
}

# %% [markdown]
# ## Every method on both networks

# %% tags=["hide-input"]
for network, name in printed.items():
    theirs = published[1].query("network == @network").set_index("method")
    rows = {
        row: tuple(theirs.loc[row, ["per_cent", "psnr_db", "ssim", "nrmse"]])
        for row in single_methods(network)
    }
    rows |= {row: (np.nan,) * 4 for row in (KEPT,) if row in study[network].rows}
    table(
        compared(network, rows),
        name=f"tab-petite-1-{network}",
        caption=f"Table 1 for {name}: share of parameters, mean PSNR (dB), SSIM and NRMSE over pairs, paired gain over No-FT with its interval, and the paper's numbers.",
        formats=forms,
    )
    means = {row_title(network, row): study[network].mean("psnr", row) for row in rows}
    edges = {edge: study[network].mean("psnr", edge) for edge in ("short", "ceiling")}
    record(f"raw/{network}", edges["short"], unit="dB", note="the short scan itself")
    record(
        f"ceiling/{network}",
        edges["ceiling"],
        unit="dB",
        note="noise-free counts against the noisy long scan",
    )
    show_text(
        f"{name}: {ranking(means, 'PSNR', 'dB')}. The raw short scan has {edges['short']:.2f} dB, the ceiling set by the noise of the long scan is {edges['ceiling']:.2f} dB."
    )

# %% [markdown]
# The table at a glance: each pair of scanners, the mean, and what the paper prints.

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(8.4, 3.8), sharex=True, layout="constrained")
means = {}
for ax, (network, name) in zip(axes, printed.items(), strict=True):
    theirs, found = (
        published[1].query("network == @network").set_index("method")["psnr_db"],
        study[network],
    )
    rows = [
        row
        for row in (KEPT, *reversed(single_methods(network)))
        if row in found.rows and row != "no-ft"
    ]
    for y, row in enumerate(rows):
        several, gap = (
            found.gain(row, "no-ft"),
            theirs.get(row, np.nan) - theirs["no-ft"],
        )
        ax.plot(
            several,
            [y] * len(several),
            ".",
            color="0.6",
            label=None if y else "one pair",
        )
        ax.plot(np.mean(several), y, "o", color="C0", label=None if y else "mean")
        ax.plot(gap, y, "D", mfc="none", color="C1", label=None if y else "paper")
        means[f"{name} {row_title(network, row)}"] = float(np.mean(several))
    ax.axvline(0, color="0.6", lw=0.8)
    ax.set(title=name, xlabel="gain over No-FT (dB)")
    ax.set_yticks(range(len(rows)), [row_title(network, row) for row in rows])
axes[1].legend(fontsize=8, loc="lower left")
show(
    fig,
    name="fig-petite-gains",
    caption="PSNR gained over No-FT by every method of Table 1: pairs of scanners (grey), their mean, and the paper's gain.",
    alt=ranking(means, "mean gain", "dB") + ".",
)

# %% [markdown]
# ## Examples

# %% tags=["hide-input"]
shown = ["long (target)", "short", "No-FT", "Full-FT", "BitFit", "PETITE"]
examples = [(network, pair) for network in printed for pair in pairs[:2]]
fig, axes = plt.subplots(
    2 * len(examples),
    len(shown),
    figsize=(8.4, 2.7 * len(examples)),
    squeeze=False,
    layout="constrained",
)
off = {title: [] for title in shown[1:]}
for ax in axes.flat:
    ax.set(xlim=(-HEAD_MM, HEAD_MM), ylim=(-HEAD_MM, HEAD_MM))
for k, (network, (source, target)) in enumerate(examples):
    run = {"network": network, "source": source, "target": target, **words}
    slices = {
        title: load_array(f"slice/{title}", "13_petite_compare", **run)
        for title in shown
    }
    wanted = slices["long (target)"]
    voxel = study[network].runs[source, target]["voxel_mm"]["value"]
    for column, (title, picture) in enumerate(slices.items()):
        upper, lower = axes[2 * k, column], axes[2 * k + 1, column]
        drawn = image(
            upper, picture, voxel, vmin=0, vmax=float(wanted.max()), axes=False
        )
        upper.set_title(title, size=9)
        lower.set_axis_off()
        if column:
            error = np.abs(picture - wanted)
            off[title].append(float(error.mean()))
            errors = image(
                lower,
                error,
                voxel,
                vmin=0,
                vmax=float(wanted.max()) / 3,
                cmap="BuPu",
                axes=False,
            )
    names = f"{printed[network]}\n{load_scanner(source).name}\n→ {load_scanner(target).name}"
    axes[2 * k + 1, 0].text(
        0.5,
        0.5,
        names,
        transform=axes[2 * k + 1, 0].transAxes,
        ha="center",
        va="center",
        size=9,
    )
fig.colorbar(drawn, ax=axes[: len(axes) // 2], label="scaled activity", shrink=0.4)
fig.colorbar(errors, ax=axes[len(axes) // 2 :], label="absolute error", shrink=0.4)
show(
    fig,
    name="fig-petite-examples",
    caption="Figure 4: one test head for some pairs of scanners and, below, the absolute error. All methods and pairs are on the pages of the runs.",
    alt="Mean absolute error of these slices: "
    + ", ".join(f"{k} {np.mean(v):.3f}" for k, v in off.items())
    + ".",
    dimensionless=["scaled activity", "absolute error"],
)

# %% [markdown]
# ## What BitFit adds, and what mixing adds
#
# Table 2 of the paper asks two questions: does BitFit help a mix, and is a mix better than its parts? (In print, UNETR's LoRA and SSF are identical with and without BitFit: {doc}`10_petite_idea`.)

# %% tags=["hide-input"]
rows_of = {
    "No-FT": "no-ft",
    "Full-FT": "full-ft",
    "BitFit": "bitfit",
    "PETITE": "petite",
}
for network, name in printed.items():
    theirs, rows = published[2].query("network == @network"), {}
    for line in theirs.itertuples():
        row = rows_of.get(line.method, line.method.split()[0].lower())
        if line.method not in ("No-FT", "Full-FT", "BitFit"):
            row = {"petite no": "petite-bitfit", "petite yes": "petite"}.get(
                f"{row} {line.bitfit}",
                row + ("+bitfit" if line.bitfit == "yes" else ""),
            )
        rows[row] = (line.per_cent, line.psnr_db, line.ssim, line.nrmse)
    table(
        compared(network, rows),
        name=f"tab-petite-2-{network}",
        caption=f"Table 2 for {name}: with and without BitFit. Same quantities as in Table 1.",
        formats=forms,
    )

# %% [markdown]
# ## The claims
#
# Differences are paired: same source network, training subjects, test heads and seed. The best single method is chosen by its mean over these very samples, which favours it a little; PETITE is the mix that the paper chose. Full fine-tuning of CVT-GAN is the better of its two ways ({doc}`18_petite_batches`). Five pairs are few, and between some scanners there is little to mend: {doc}`16_petite_scanners` has all twenty for PETITE.

# %% tags=["hide-input"]
for network, name in printed.items():
    found = study[network]
    worst, best = found.worst_gain(single), found.best(single)
    alike = found.best(
        [same_as(network, recipe) for recipe in uniform(network).values()]
    )
    differences = {
        "smallest_gain": (worst, "no-ft"),
        "full_gain": (full[network], "no-ft"),
        "petite_over_single": ("petite", best),
        "full_over_petite": (full[network], "petite"),
        "bitfit_adds": ("petite", "petite-bitfit"),
        "parts_differ": ("petite", alike),
    }
    lines = []
    for key, (first, second) in differences.items():
        several = found.gain(first, second)
        titles = [row_title(network, row) for row in (first, second)]
        words_ = {"unit": "dB", "note": f"{titles[0]} minus {titles[1]}"}
        gap = record(
            f"{key}/{network}",
            samples=several,
            units=UNITS,
            compares=(first, second),
            **words_,
        )
        lines.append(
            f"{titles[0]} minus {titles[1]} **{format_interval(gap, sign=True, unit='dB')}**"
        )
    show_text(f"{name}: " + "; ".join(lines) + ".")

# %% [markdown]
# ## Scale, or noise?
#
# PSNR counts a wrong gain of the whole volume as error. Compared in the brain with the reconstruction of noise-free counts, after the best gain and offset, only blur, noise and bias of structure are left.

# %% tags=["hide-input"]
for network, name in printed.items():
    found, lines = study[network], []
    for row in (full[network], found.best(single), "petite"):
        key = (
            f"gain_ideal/{network}"
            if row == "petite"
            else f"gain_ideal/{network}/{row}"
        )
        several = found.gain(row, "no-ft", "psnr_ideal")
        words_ = {
            "unit": "dB",
            "note": f"{row_title(network, row)} over No-FT; gain and offset fitted",
        }
        ideal = record(
            key, samples=several, units=UNITS, compares=(row, "no-ft"), **words_
        )
        lines.append(
            f"{row_title(network, row)} {format_interval(ideal, sign=True, unit='dB')} (PSNR as above: {np.mean(found.gain(row, 'no-ft')):+.2f} dB)"
        )
    show_text(f"{name}, gained over No-FT: " + "; ".join(lines) + ".")

# %% [markdown]
# ## Last or best epoch?
#
# The released code looks at the subjects it reports every ten epochs, and its summary takes the best; which epoch the paper printed is unknown. How much that flatters is the difference between the best of three looks at the test heads and the last one.

# %% tags=["hide-input"]
for network, name in printed.items():
    found = study[network]
    trained = [row for row in found.rows if row != "no-ft"]
    looks = {
        row: np.subtract(found.samples("best", row), found.samples("psnr", row))
        for row in trained
    }
    flattered = np.mean(list(looks.values()), axis=0)
    both = ("best epoch", "last epoch")
    mean = record(
        f"optimism/{network}",
        samples=flattered,
        units=UNITS,
        compares=both,
        unit="dB",
        note="mean over rows",
    )
    top = max(looks, key=lambda row: looks[row].mean())
    show_text(
        f"{name}: {format_interval(mean, unit='dB')} on average, {looks[top].mean():.2f} dB for {row_title(network, top)}."
    )

# %% [markdown]
# ```{exercise} A cheap rival
# :label: ex-petite-gain
#
# Which method of these tables could be replaced by two numbers, a gain and an offset of the output, fitted on the same subjects? How would you find out with what the pages of the runs print?
# ```
#
# ```{solution} ex-petite-gain
# :class: dropdown
#
# One whose gain over No-FT is in PSNR only: the column "to noise-free" on the pages of the runs fits a gain and an offset to every volume before it compares. Where a method gains there too, it mended blur or noise; where it does not, two numbers would have done.
# ```
#
# ## What next
#
# {doc}`15_petite_mixes` has all 21 mixes, and what each costs.
