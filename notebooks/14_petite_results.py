# %% [markdown]
# # Who needs all the parameters?
#
# *You will learn* what each way of fine-tuning buys on another scanner, with intervals, and which of the paper's claims survive in a small world. *Before:* {doc}`10_petite_idea`, {doc}`11_petite_sources`. *Time:* fifteen minutes to read, seconds to run once its runs exist.
#
# A network is pre-trained on one scanner and adapted to another with a few subjects, in every way of PETITE's tables {cite:p}`petite2024`. Each scanner is once the source and once the target. Every row was given its own learning rate on held-out training subjects (pages below {doc}`11_petite_sources`), full fine-tuning too; scores are those after the *last* step, on heads that no training saw.
#
# *Substituted:* the 45 ADNI subjects per scanner by simulated heads, six donors' anatomies warped and with regions of low uptake; the native grids by coarse ones (4 mm × 8 mm) at a twentieth of the counts, so that noise per voxel is that of a native five-minute scan; the published widths by small ones, LoRA's rank in UNETR 2 for 4; hundreds of steps on 24 patches by tens on two; 20 pairs and three folds by five and two. Decibels are not comparable with the paper's; orders are.

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
    say,
    show,
    style,
    table,
    uses,
)
from petrecon.ddip.report import told
from petrecon.peft import single_methods
from petrecon.petite.pictures import HEAD_MM
from petrecon.petite.report import Study
from petrecon.petite.study import label, same_as, uniform, variants
from petrecon.projectors import load_scanner

style()
pairs = [tuple(pair) for pair in profile_sizes("14_petite_results", profile)["pairs"]]
words = {"dose": dose, "seed": seed, "profile": profile}
printed = {"cvt-gan": "CVT-GAN", "unetr": "UNETR"}
study = {
    network: Study(
        {p: load_numbers("13_petite_compare", network=network, source=p[0], target=p[1], **words) for p in pairs}
    )
    for network in printed
}
single = [row for row in single_methods("unetr") if row not in ("no-ft", "full-ft", "petite")]
published = {k: pd.read_csv(uses(f"data/paper/petite-table-{k}.csv")) for k in (1, 2)}
say(
    f"{len(pairs)} pair(s) of scanners: "
    + ", ".join(f"{load_scanner(a).name} → {load_scanner(b).name}" for a, b in pairs)
    + f". One sample is the mean over the test heads for one pair and one fold of training subjects; intervals are 95 % over these {len(study['unetr'].samples('psnr', 'petite'))}."
)


# %% tags=["hide-input"]
def compared(network: str, rows: dict[str, tuple[float, ...]]) -> pd.DataFrame:
    """Return rows of the study beside the printed per cent, PSNR and SSIM (by our name of the row)."""
    found, recipes, out = study[network], variants(network), []
    for row, (share, psnr, ssim) in rows.items():
        ours = {m.upper(): found.mean(m, row) for m in ("psnr", "ssim", "nrmse")}
        gain = "" if row == "no-ft" else told(found.gain(row, "no-ft"), sign=True)
        theirs = {"paper: %": share, "paper: PSNR": psnr, "paper: gain": psnr - rows["no-ft"][1], "paper: SSIM": ssim}
        name = {"method": label(row, recipes[row]), "%": found.value("per_cent", row)}
        out.append(name | ours | {"gain over No-FT": gain} | theirs)
    return pd.DataFrame(out)


forms = {"%": ".2f", "PSNR": ".2f", "SSIM": ".3f", "NRMSE": ".4f", "paper: %": ".3g"}
forms |= {"paper: PSNR": ".2f", "paper: gain": "+.2f", "paper: SSIM": ".3f"}

# %% [markdown]
# ## Every method on both networks

# %% tags=["hide-input"]
for network, name in printed.items():
    theirs = published[1].query("network == @network").set_index("method")
    rows = {row: tuple(theirs.loc[row, ["per_cent", "psnr_db", "ssim"]]) for row in single_methods(network)}
    table(
        compared(network, rows),
        name=f"tab-petite-1-{network}",
        caption=f"Table 1 for {name}: share of parameters, mean PSNR (dB), SSIM and NRMSE over pairs and folds, paired gain over No-FT with its interval, and the paper's numbers.",
        formats=forms,
    )
    means = {label(row, variants(network)[row]): study[network].mean("psnr", row) for row in single_methods(network)}
    edges = {edge: study[network].mean("psnr", edge) for edge in ("short", "ceiling")}
    record(f"raw/{network}", edges["short"], unit="dB", note="the short scan itself")
    record(f"ceiling/{network}", edges["ceiling"], unit="dB", note="noise-free counts against the noisy long scan")
    say(
        f"{name}: {ranking(means, 'PSNR', 'dB')}. The raw short scan has {edges['short']:.2f} dB, the ceiling set by the noise of the long scan is {edges['ceiling']:.2f} dB."
    )

# %% [markdown]
# ## Examples

# %% tags=["hide-input"]
shown = ["long (target)", "short", "No-FT", "Full-FT", "BitFit", "PETITE"]
examples = [(network, pair) for network in printed for pair in pairs[:2]]
fig, axes = plt.subplots(
    2 * len(examples), len(shown), figsize=(8.4, 2.7 * len(examples)), squeeze=False, layout="constrained"
)
for ax in axes.flat:
    ax.set(xlim=(-HEAD_MM, HEAD_MM), ylim=(-HEAD_MM, HEAD_MM))
for k, (network, (source, target)) in enumerate(examples):
    run = {"network": network, "source": source, "target": target, **words}
    slices = {title: load_array(f"slice/{title}", "13_petite_compare", **run) for title in shown}
    wanted = slices["long (target)"]
    voxel = load_scanner(target).geometry("quick", 3).voxel_size[0]
    for column, (title, picture) in enumerate(slices.items()):
        upper, lower = axes[2 * k, column], axes[2 * k + 1, column]
        drawn = image(upper, picture, voxel, vmin=0, vmax=float(wanted.max()), axes=False)
        upper.set_title(title, size=9)
        lower.set_axis_off()
        if column:
            error = np.abs(picture - wanted)
            errors = image(lower, error, voxel, vmin=0, vmax=float(wanted.max()) / 3, cmap="BuPu", axes=False)
    names = f"{printed[network]}\n{load_scanner(source).name}\n→ {load_scanner(target).name}"
    axes[2 * k + 1, 0].text(0.5, 0.5, names, transform=axes[2 * k + 1, 0].transAxes, ha="center", va="center", size=9)
fig.colorbar(drawn, ax=axes[: len(axes) // 2], label="scaled activity", shrink=0.4)
fig.colorbar(errors, ax=axes[len(axes) // 2 :], label="absolute error", shrink=0.4)
show(
    fig,
    name="fig-petite-examples",
    caption="Figure 4: one test head for some pairs of scanners and, below, the absolute error. All methods and pairs are on the pages of the runs.",
    alt="Slices of a head: the noisy short scan becomes smooth under every network; errors are largest at the rim of the cortex.",
    dimensionless=["scaled activity", "absolute error"],
)

# %% [markdown]
# ## What BitFit adds, and what mixing adds
#
# Table 2 of the paper asks two questions: does BitFit help a mix, and is a mix better than its parts?

# %% tags=["hide-input"]
rows_of = {"No-FT": "no-ft", "Full-FT": "full-ft", "BitFit": "bitfit", "PETITE": "petite"}
for network, name in printed.items():
    theirs, rows = published[2].query("network == @network"), {}
    for line in theirs.itertuples():
        row = rows_of.get(line.method, line.method.split()[0].lower())
        if line.method not in ("No-FT", "Full-FT", "BitFit"):
            row = {"petite no": "petite-bitfit", "petite yes": "petite"}.get(
                f"{row} {line.bitfit}", row + ("+bitfit" if line.bitfit == "yes" else "")
            )
        rows[row] = (line.per_cent, line.psnr_db, line.ssim)
    table(
        compared(network, rows),
        name=f"tab-petite-2-{network}",
        caption=f"Table 2 for {name}: with and without BitFit. Same quantities as in Table 1.",
        formats=forms,
    )

# %% [markdown]
# ## The claims
#
# Differences are paired: same source network, training subjects, test heads and seed. "The best single method" is chosen by its mean over these very samples, which favours it a little; PETITE is the paper's own mix, chosen by the paper.

# %% tags=["hide-input"]
for network, name in printed.items():
    found = study[network]
    worst, best = found.worst_gain(single), found.best(single)
    alike = found.best([same_as(network, recipe) for recipe in uniform(network).values()])
    differences = {
        "smallest_gain": (worst, "no-ft"),
        "full_gain": ("full-ft", "no-ft"),
        "petite_over_single": ("petite", best),
        "full_over_petite": ("full-ft", "petite"),
        "bitfit_adds": ("petite", "petite-bitfit"),
        "parts_differ": ("petite", alike),
    }
    lines = []
    for key, (first, second) in differences.items():
        several = found.gain(first, second)
        titles = [label(row, variants(network)[row]) for row in (first, second)]
        record(f"{key}/{network}", samples=several, unit="dB", note=f"{titles[0]} minus {titles[1]}")
        lines.append(f"{titles[0]} minus {titles[1]} **{told(several, sign=True)} dB**")
    say(f"{name}: " + "; ".join(lines) + ".")

# %% [markdown]
# ## Final or best epoch?
#
# The released code validates on the subjects it reports and keeps the best epoch. How much that flatters is the difference between the best of three looks at the test heads and the last one.

# %% tags=["hide-input"]
for network, name in printed.items():
    found = study[network]
    optimism = {
        row: float(np.mean(np.subtract(found.samples("best", row), found.samples("psnr", row)))) for row in found.rows
    }
    record(
        f"optimism/{network}",
        samples=list(optimism.values()),
        unit="dB",
        note="best of three looks minus last, per row",
    )
    top = max(optimism, key=optimism.get)
    say(
        f"{name}: on average {np.mean(list(optimism.values())):.2f} dB, most for {label(top, variants(network)[top])} ({optimism[top]:.2f} dB)."
    )

# %% [markdown]
# ```{exercise} The price of a gain
# :label: ex-petite-gain
#
# PSNR here counts a wrong *gain* of the whole volume as error. Fit a gain and an offset before comparing (the column "to noise-free" on the pages of the runs) and rank the methods again. What did fine-tuning mend?
# ```
#
# ```{solution} ex-petite-gain
# :class: dropdown
#
# Most of the gain over No-FT is gone: much of what fine-tuning mends is scale, which the published scaling of every volume by its own noise peaks makes different on every scanner. That is why biases and norms, a few numbers per layer, do so well. {doc}`16_petite_scanners` shows the same networks with one scale for both scans.
# ```
#
# ## What next
#
# {doc}`15_petite_mixes` has all 21 mixes, and what each costs.
