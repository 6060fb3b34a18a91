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
import numpy as np

from petrecon.compendium import (
    panels,
    profile_sizes,
    ranking,
    record,
    show,
    show_text,
    style,
    table,
)
from petrecon.peft import single_methods
from petrecon.projectors import load_scanner
from petrecon.studies import petite_results, petite_tables
from petrecon.studies.petite_comparison import load_slices, load_studies
from petrecon.studies.petite_pictures import draw_gains
from petrecon.studies.petite_recipes import (
    PRINTED,
    STATISTICS_KEPT,
    row_title,
    same_as,
    uniform,
)

style()
pairs = [tuple(pair) for pair in profile_sizes("14_petite_results", profile)["pairs"]]
parameters = {"dose": dose, "seed": seed, "profile": profile}
studies = load_studies(pairs, **parameters)
table1, table2 = (petite_tables.published_table(number) for number in (1, 2))
names = {pair: " → ".join(load_scanner(one).name for one in pair) for pair in pairs}
show_text(
    f"{len(pairs)} pair(s) of scanners: {', '.join(names.values())}. One sample is one "
    "pair (mean over its folds and test heads): intervals are over these "
    f"{len(pairs)}, and do not speak for other anatomies."
)

# %% [markdown]
# ## Every method on both networks

# %% tags=["hide-input"]
printed = {
    network: petite_tables.printed_scores(table1, network) for network in PRINTED
}
for network, study in studies.items():
    missing = {STATISTICS_KEPT: (np.nan,) * 4} if STATISTICS_KEPT in study.rows else {}
    rows = printed[network] | missing
    beside = petite_results.beside_paper(network, study, rows)
    table(
        beside,
        name=f"tab-petite-1-{network}",
        caption=f"Table 1 for {PRINTED[network]}: share of parameters, mean PSNR (dB), "
        "SSIM and NRMSE over pairs, paired gain over No-FT with its interval, and the "
        "paper's numbers.",
        formats=petite_results.formats(beside),
    )
    means = {row_title(network, row): study.mean("psnr", row) for row in rows}
    short, ceiling = (study.mean("psnr", bound) for bound in ("short", "ceiling"))
    record(f"raw/{network}", short, unit="dB", note="the short scan itself")
    note = "noise-free counts against the noisy long scan"
    record(f"ceiling/{network}", ceiling, unit="dB", note=note)
    show_text(
        f"{PRINTED[network]}: {ranking(means, 'PSNR', 'dB')}. The raw short scan has "
        f"{short:.2f} dB, the ceiling set by the noise of the long scan is "
        f"{ceiling:.2f} dB."
    )

# %% [markdown]
# The table at a glance: each pair of scanners, the mean, and what the paper prints.

# %% tags=["hide-input"]
gains = {
    f"{PRINTED[network]} {row_title(network, row)}": np.mean(study.gain(row, "no-ft"))
    for network, study in studies.items()
    for row in (*single_methods(network), STATISTICS_KEPT)
    if row in study.rows and row != "no-ft"
}
show(
    draw_gains(studies, printed),
    name="fig-petite-gains",
    caption="PSNR gained over No-FT by every method of Table 1: pairs of scanners "
    "(grey), their mean, and the paper's gain.",
    alt=ranking(gains, "mean gain", "dB") + ".",
)

# %% [markdown]
# ## Examples

# %% tags=["hide-input"]
titles = ["long (target)", "short", "No-FT", "Full-FT", "BitFit", "PETITE"]
slices, voxel_mm, off = {}, {}, {title: [] for title in titles[1:]}
for network, name in PRINTED.items():
    for pair in pairs[:2]:
        row = f"{name}\n{names[pair]}"
        shown = load_slices(titles, network, pair, **parameters)
        slices[row], voxel_mm[row] = shown
        for title, several in off.items():
            error = np.abs(slices[row][title] - slices[row]["long (target)"])
            several.append(error.mean())
errors = ", ".join(f"{title} {np.mean(several):.3f}" for title, several in off.items())
panels(
    slices,
    truth="long (target)",
    errors="absolute",
    error_top=max(several["long (target)"].max() for several in slices.values()) / 3,
    voxel_size=voxel_mm,
    unit="",
    quantity="scaled activity",
    name="fig-petite-examples",
    caption="Figure 4: one test head for some pairs of scanners and, below, the "
    "absolute error. All methods and pairs are on the pages of the runs.",
    alt=f"Mean absolute error of these slices: {errors}.",
)

# %% [markdown]
# ## What BitFit adds, and what mixing adds
#
# Table 2 of the paper asks two questions: does BitFit help a mix, and is a mix better than its parts? (In print, UNETR's LoRA and SSF are identical with and without BitFit: {doc}`10_petite_idea`.)

# %% tags=["hide-input"]
for network, study in studies.items():
    rows = petite_tables.printed_ablations(table2, network)
    beside = petite_results.beside_paper(network, study, rows)
    table(
        beside,
        name=f"tab-petite-2-{network}",
        caption=f"Table 2 for {PRINTED[network]}: with and without BitFit. Same "
        "quantities as in Table 1.",
        formats=petite_results.formats(beside),
    )

# %% [markdown]
# ## The claims
#
# Differences are paired: same source network, training subjects, test heads and seed. The best single method is chosen by its mean over these very samples, which favours it a little; PETITE is the mix that the paper chose. Full fine-tuning of CVT-GAN is the better of its two ways ({doc}`18_petite_batches`). Five pairs are few, and between some scanners there is little to mend: {doc}`16_petite_scanners` has all twenty for PETITE.

# %% tags=["hide-input"]
single = [
    row for row in single_methods("unetr") if row not in ("no-ft", "full-ft", "petite")
]
for network, study in studies.items():
    alike = [same_as(network, recipe) for recipe in uniform(network).values()]
    differences = {
        "smallest_gain": (study.worst_gain(single), "no-ft"),
        "full_gain": (study.full, "no-ft"),
        "petite_over_single": ("petite", study.best(single)),
        "full_over_petite": (study.full, "petite"),
        "bitfit_adds": ("petite", "petite-bitfit"),
        "parts_differ": ("petite", study.best(alike)),
    }
    show_text(petite_results.record_differences(network, study, differences))

# %% [markdown]
# ## Scale, or noise?
#
# PSNR counts a wrong gain of the whole volume as error. Compared in the brain with the reconstruction of noise-free counts, after the best gain and offset, only blur, noise and bias of structure are left.

# %% tags=["hide-input"]
for network, study in studies.items():
    rows = (study.full, study.best(single), "petite")
    show_text(petite_results.record_ideal_gains(network, study, rows))

# %% [markdown]
# ## Last or best epoch?
#
# The released code looks at the subjects it reports every ten epochs, and its summary takes the best; which epoch the paper printed is unknown. How much that flatters is the difference between the best of three looks at the test heads and the last one.

# %% tags=["hide-input"]
for network, study in studies.items():
    show_text(petite_results.record_optimism(network, study))

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
