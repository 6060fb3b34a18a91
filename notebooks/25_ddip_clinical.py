# %% [markdown]
# # Ten low-dose exams and a stranger
#
# *You will learn* how DDIP behaves where nothing is ideal: another scanner than before, a prior from another tracer, an MR that is out of place. *Before:* {doc}`23_ddip_results`. *Time:* five minutes to read, minutes to run.
#
# The paper tests ten low-dose [¹⁸F]FDG exams and one [¹⁸F]florbetapir exam with a prior trained on yet another tracer. Clinical data cannot ship with a book, so this is a *clinical-like* stand-in: ten warped heads of the two test donors on
# another scanner, at a tenth of its reference exam, with a prior that has seen only early frames of a tau tracer (blood flow: grey matter 2.3 times white, not 4), and an MR displaced by up to two millimetres.

# %% tags=["parameters"]
scanner: str = "gemini"
dose: float = 0.1
prior: str = "score-mk6240"
seed: int = 0
profile: str = "quick"

# %% tags=["hide-input"]
import time

from petrecon.compendium import (
    panels,
    profile_sizes,
    ranking,
    show,
    show_text,
    style,
    table,
)
from petrecon.metrics import ddip_scores
from petrecon.studies.ddip_cases import grey_to_white, load_tracked_prior
from petrecon.studies.ddip_clinical import (
    clinical_exams,
    record_exams,
    record_grey_to_white,
)
from petrecon.studies.ddip_figures import draw_exams
from petrecon.studies.ddip_methods import COMPARED, reconstruct_by
from petrecon.studies.ddip_tuning import tuned_settings

style()
size = profile_sizes("25_ddip_clinical", profile)
network, schedule = load_tracked_prior(prior)

# %%
exams = clinical_exams(
    size["subjects"], scanner, dose, seed, coarsening=size["coarsening"]
)
images, seconds = {}, {}
for method in COMPARED:
    settings = tuned_settings(method, size["smaller"])
    began = time.perf_counter()
    images[method] = [
        reconstruct_by(method, exam, settings, network, schedule, seed)[0]
        for exam in exams
    ]
    seconds[method] = (time.perf_counter() - began) / len(exams)
scores = {
    method: [ddip_scores(x, exam.truth) for x, exam in zip(several, exams, strict=True)]
    for method, several in images.items()
}
quality = {
    method: [score["psnr"] for score in several] for method, several in scores.items()
}
summary, gain = record_exams(scores, seconds)

# %% tags=["hide-input"]
table(
    summary,
    name="tab-ddip-2",
    caption=f"{len(exams) - 1} low-dose FDG exams (the mean, and the range of two "
    "donors, each the mean of its exams), one florbetapir exam, and seconds per "
    "exam. PSNR in dB.",
    formats={"florbetapir PSNR": ".2f", "s": ".1f"},
)
show_text(f"Over the FDG exams DDIP differs from the frozen prior by **{gain}**.")

# %%
shown = ["MLEM + filter", "Bowsher", "frozen prior", "DDIP"]
rows, row_scores = {}, {}
for k, exam in enumerate(exams):
    name = f"FDG exam {k + 1}" if k < len(exams) - 1 else "florbetapir"
    reconstructed = {method: images[method][k] for method in shown}
    rows[name] = {"truth": exam.truth, **reconstructed, "MR, displaced": exam.mr}
    row_scores[name] = {method: quality[method][k] for method in shown}

# %% [markdown]
# ## Low-dose FDG

# %% tags=["hide-input"]
two = ["FDG exam 1", "FDG exam 2"]
panels(
    {name: rows[name] for name in two},
    truth="truth",
    errors=True,
    mr=["MR, displaced"],
    relative=True,
    scores={name: row_scores[name] for name in two},
    voxel_size=exams[0].subject.voxel_size,
    name="fig-ddip-low-dose",
    caption="Two of the low-dose FDG exams, with signed error maps.",
)

# %% tags=["hide-input"]
fdg = {method: values[:-1] for method, values in quality.items()}
means = {method: sum(values) / len(values) for method, values in fdg.items()}
show(
    draw_exams(fdg, {method: values[-1] for method, values in quality.items()}),
    name="fig-ddip-exams",
    caption="Every exam by every method: dots FDG, stars florbetapir.",
    alt=ranking(means, "mean PSNR of the FDG exams", "dB") + ".",
)

# %% [markdown]
# ## One florbetapir exam
#
# In a scan without plaques the tracer prefers white matter (cortex 1.0, white matter 1.7 times the cerebellum): the opposite of what the prior has learned.

# %% tags=["hide-input"]
panels(
    {"florbetapir": rows["florbetapir"]},
    truth="truth",
    errors=True,
    mr=["MR, displaced"],
    relative=True,
    scores={"florbetapir": row_scores["florbetapir"]},
    voxel_size=exams[-1].subject.voxel_size,
    name="fig-ddip-florbetapir",
    caption="The florbetapir exam.",
)

# %%
last = exams[-1]
truth = grey_to_white(last.truth, last.subject)
ratios = {m: grey_to_white(several[-1], last.subject) for m, several in images.items()}
record_grey_to_white(ratios, truth)
in_text = ", ".join(f"{method} {ratio:.2f}" for method, ratio in ratios.items())
show_text(f"Grey over white matter: truth **{truth:.2f}**, {in_text}.")

# %% [markdown]
# ```{exercise} Which exam is worst?
# :label: ex-worst-exam
#
# In the figure of all exams, DDIP's worst exam need not be that of MLEM. Which properties of a head or its MR would you look at first?
# ```
#
# ```{solution} ex-worst-exam
# :class: dropdown
#
# MLEM suffers from few counts: large heads with strong attenuation, slices with little uptake. DDIP leans on the MR as well, so its worst cases are those with the largest displacement of the MR, and slices at the edge of the range of heights
# that the prior was trained on. Record both and correlate.
# ```
#
# ## What next
#
# {doc}`26_ddip_honesty` asks the question a radiologist would ask: does it show what is there, and only that?
