# %% [markdown]
# # What adaptation buys
#
# *You will learn* when a prior that may adapt beats one that may not, and what it costs. *Before:* {doc}`21_ddip_tuning`. *Time:* ten minutes to read, seconds to run once its runs exist.
#
# Two heads that neither the prior nor the tuning has seen, two tracers: FDG, which the prior was trained on, and an amyloid tracer without plaques, whose white matter is three times as bright as its grey.
# The study is that of Hashimoto and Gong's simulation {cite:p}`ddip2026`, whose figures 6 to 12 and tables we could not read: what they must contain is known by elimination, and no number of theirs is quoted here.
#
# *Substituted:* BrainWeb heads by individual brains from six donors; the 126-million-weight network after 1.1 million iterations by one of 3.2 million weights that a laptop trains in an hour; 200 sampling steps by 50;
# counts, background and resolution, which the released simulation leaves out or does not state, by those of the scanner card.

# %% tags=["parameters"]
scanner: str = "biograph-mmr"
dose: float = 0.05
profile: str = "quick"

# %% tags=["hide-input"]
from petrecon.compendium import panels, ranking, record, show, show_text, style, table
from petrecon.studies.ddip_cases import HEAD_VOXEL_MM, TRACERS
from petrecon.studies.ddip_comparison import read_comparison, record_gain
from petrecon.studies.ddip_figures import draw_bias_against_noise
from petrecon.studies.ddip_methods import COMPARED, RIVALS

style()
comparison = read_comparison(scanner, dose, profile)

# %% [markdown]
# ## All methods

# %% tags=["hide-input"]
table(
    comparison.table(),
    name="tab-ddip-1",
    caption="Two heads, PSNR in dB: the mean, and the range of the two heads (each "
    "the mean of its noise realisations); seconds per image with the machine's cores "
    "shared by two runs. In distribution: FDG; out of distribution: amyloid.",
    formats={"s": ".1f"},
)

# %% tags=["hide-input"]
images, quality = {}, {}
for tracer, label in TRACERS.items():
    best_rival = comparison.best_rival("psnr", tracer)
    shown = ["truth", best_rival, "MR only", "frozen prior", "DDIP", "MR"]
    images[label] = {name: comparison.image(name, tracer) for name in shown}
    quality[label] = {m: comparison.mean("psnr", m, tracer) for m in COMPARED}
panels(
    images,
    truth="truth",
    errors=True,
    mr=["MR"],
    relative=True,
    scores=quality,
    score_name="mean PSNR",
    voxel_size=HEAD_VOXEL_MM,
    name="fig-ddip-images",
    caption="One realisation per tracer and its signed errors: the truth, the best "
    "method without a diffusion prior, and the three ways to use the prior. Above "
    "each image, the method's mean PSNR over both heads.",
)

# %% [markdown]
# ## The claims

# %%
claims = {
    "gain_out_of_distribution": ("DDIP", "frozen prior", "amyloid-negative"),
    "gain_in_distribution": ("DDIP", "frozen prior", "fdg"),
}
for tracer in TRACERS:
    claims |= {f"over/{rival}/{tracer}": ("DDIP", rival, tracer) for rival in RIVALS}
for key, (first, second, tracer) in claims.items():
    show_text(record_gain(comparison, key, first, second, tracer))

# %%
for key, metric, unit in (
    ("over_best_rival", "psnr", "dB"),
    ("over_best_rival_ssim", "ssim", ""),
):
    record(
        key,
        samples=comparison.gain_over_best_rival(metric),
        units=comparison.units_of_both,
        compares=("DDIP", "the best rival"),
        unit=unit,
        note="DDIP minus the best of MLEM, RDP, Bowsher and DIP, both tracers",
    )

# %% [markdown]
# ## Bias against noise, region by region

# %%
points = {
    label: {
        m: (comparison.noise(m, tracer), comparison.regional_bias(m, tracer))
        for m in COMPARED
    }
    for tracer, label in TRACERS.items()
}
for label, by_method in points.items():
    record(f"regional_bias/DDIP/{label}", by_method["DDIP"][1], unit="%")

# %% tags=["hide-input"]
ranked = {
    label: ranking({m: bias for m, (_, bias) in by_method.items()}, "bias", "%")
    for label, by_method in points.items()
}
show(
    draw_bias_against_noise(points),
    name="fig-ddip-regions",
    caption="Regional bias (mean of grey and white matter, putamen, thalamus; both "
    "heads) against the voxel's standard deviation over noise realisations. Lower "
    "left is better.",
    alt="Mean absolute regional bias: "
    + "; ".join(f"{label} {text}" for label, text in ranked.items())
    + ".",
)

# %% [markdown]
# ```{exercise} A fair price
# :label: ex-ddip-price
#
# The frozen prior makes as many network evaluations as DDIP, but DDIP also goes backwards through the network. How many sampling steps could the frozen prior make in DDIP's time, and would you expect them to help it out of distribution?
# ```
#
# ```{solution} ex-ddip-price
# :class: dropdown
#
# A backward pass costs about two forward ones: with 150 forward and 100 backward passes, DDIP's time buys the frozen prior about 350 steps. More steps do not change what the prior believes; out of distribution they let it insist longer.
# {doc}`28_ddip_cost` measures both at equal time.
# ```
#
# ## What next
#
# {doc}`24_ddip_ablation` takes the method apart; {doc}`25_ddip_clinical` leaves the comfort of the same scanner and a perfect MR.
