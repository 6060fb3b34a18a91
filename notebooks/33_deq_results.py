# %% [markdown]
# # Two parameters or twenty-one?
#
# *You will learn* how much a strength per frame is worth, where the gain sits, and how three ways to choose hyperparameters compare at equal cost. *Before:* {doc}`31_deq_gradients`.
# *Time:* ten minutes to read, seconds to run once its runs exist.
#
# Two patients (individual brains), six doses, one scanner: {doc}`34_deq_dose_law` looks along the doses; this page at the two extremes, 150 and 750 million net trues, where grid search and
# TPE were given as many map evaluations as learning two parameters took. It reproduces Table I and Figure 1 of {cite:t}`deq2024`.
#
# *Substituted:* the paper's patients are phantoms made from measured scans; ours are simulated from individual anatomies with published kinetics. The paper does not say which two doses its table shows, in which unit its
# errors are, or how large its images were. We compare relative gains, never its errors. The slice is coarser than the scanner's own grid in this profile.

# %% tags=["parameters"]
scanner: str = "biograph-truepoint"
profile: str = "quick"

# %% tags=["hide-input"]
import numpy as np
import pandas as pd

from petrecon.compendium import (
    compare,
    curves,
    panels,
    record,
    show_text,
    style,
    track_input,
)
from petrecon.metrics import format_interval
from petrecon.studies.deq_cases import EXTREMES, PATIENTS
from petrecon.studies.deq_runs import load_learned

style()
methods = ["DEQ-21", "DEQ-2", "grid search", "TPE"]
learned = load_learned(scanner, profile)
shown = {
    f"{p}, {trues} M": learned[p, dose]
    for p in PATIENTS
    for trues, dose in EXTREMES.items()
}

# %% [markdown]
# ## Table I

# %% tags=["hide-input"]
compare(
    {
        m: {
            **{case: run.error(m) for case, run in shown.items()},
            "map evaluations": int(np.mean([run.cost(m) for run in shown.values()])),
        }
        for m in methods
    },
    key=None,
    units="noise draws",
    digits=4,
    name="tab-deq-1",
    caption="Mean squared error on held-out realisations, (kBq/mL)², with "
    "intervals over noise realisations, and the mean cost of learning in "
    "map evaluations. M: million net trues. Compare Table I of the paper.",
)

# %% tags=["hide-input"]
published = pd.read_csv(track_input("data/paper/deq-table-1.csv")).set_index(
    "comparison"
)
printed = published[["p1_dose1", "p1_dose2", "p2_dose1", "p2_dose2"]]
gains = {
    "21 over 2 parameters": {c: run.gain("DEQ-2") for c, run in shown.items()},
    "2 parameters over grid search": {
        c: run.gain_of_two("grid search") for c, run in shown.items()
    },
    "2 parameters over TPE": {c: run.gain_of_two("TPE") for c, run in shown.items()},
}
compare(
    {
        g: {**gains[g], "paper": ", ".join(f"{v:g}" for v in printed.loc[g])}
        for g in gains
    },
    key=None,
    units="noise draws",
    row_name="relative gain (%)",
    name="tab-deq-gains",
    caption="Relative gains in mean squared error, paired over noise "
    "realisations, with intervals over them; the paper's are for P1 and "
    "P2 at its doses 1 and 2.",
)
keys = ("gain_21_over_2", "gain_2_over_grid", "gain_2_over_tpe")
for key, (label, several) in zip(keys, gains.items(), strict=True):
    smallest = [
        min(several[f"{p}, {trues} M"].value for trues in EXTREMES) for p in PATIENTS
    ]
    found = record(
        key,
        samples=smallest,
        units="patients",
        compares=tuple(label.split(" over ")),
        unit="%",
        note="the smaller gain of two doses, mean over patients",
    )
    show_text(
        f"{label}, the smaller gain of two doses: "
        f"**{format_interval(found, unit='%')}**."
    )
note = "over all held-out reconstructions, to a relative change of 2e-6"
most = max(float(run.most_iterations) for run in learned.values())
record("iterations_max", most, kind="exact", note=note)

# %% [markdown]
# ## Where the gain sits

# %% tags=["hide-input"]
by_frame = {
    p: np.mean(
        [
            100 * (1 - run.frame_errors("DEQ-21") / run.frame_errors("DEQ-2"))
            for (patient, _), run in learned.items()
            if patient == p
        ],
        axis=0,
    )
    for p in PATIENTS
}
share = learned["P1", 1.0].share()
curves(
    by_frame,
    formats=dict.fromkeys(PATIENTS, "o-"),
    xlabel="frame (number)",
    ylabel="gain of 21 over 2 (%)",
    name="fig-deq-frames",
    caption="Reduction of the error by a strength per frame, mean of six doses. "
    "The gain sits where counts are few: the first frame holds "
    f"{share[0]:.2f} % of the trues, the fullest {share.max():.1f} %.",
)
spread = record(
    "low_frames_minus_others",
    samples=[run.low_frames_minus_others for run in learned.values()],
    units={"patients": [p for p, _ in learned], "doses": [d for _, d in learned]},
    compares=("first and last three frames", "the other frames"),
    unit="percentage points",
    note="each the mean over noise realisations",
)
show_text(
    "In the first and last three frames the gain is "
    f"**{format_interval(spread, unit='percentage points')}** larger than in the "
    "others."
)

# %% [markdown]
# ## Figure 1

# %% tags=["hide-input"]
run, pictured = learned["P1", 0.5], ["DEQ-21", "DEQ-2", "TPE"]
errors = {m: run.absolute_errors(m) for m in pictured}
frames = {"early frame": 0, "late frame": 1}
panels(
    {
        f: {"truth": run.truth()[k], **{m: errors[m][k] for m in pictured}}
        for f, k in frames.items()
    },
    truth="truth",
    maps=pictured,
    errors="absolute",
    relative=True,
    scores={
        f: {m: np.sqrt((errors[m][k] ** 2).mean()) for m in pictured}
        for f, k in frames.items()
    },
    score_name="Root mean square error",
    score_unit="kBq/mL",
    score_digits=3,
    voxel_size=run.voxel_size,
    name="fig-deq-1",
    caption="Truth and absolute errors of three methods, one held-out realisation "
    "at 150 million net trues: a frame with few counts (top) and one with "
    "many (bottom), each relative to its own truth. Numbers: root mean "
    "square error.",
)

# %% [markdown]
# ## Learning ε as well
#
# The paper fixes $\varepsilon$ at 0.1 in its units. It is one more parameter of the same kind, so it can be learned with the others.

# %% tags=["hide-input"]
for patient in PATIENTS:
    run = learned[patient, 1.0]
    if (gained := run.gain_of_epsilon()) is None:
        show_text(f"{patient}: this profile does not learn ε.")
        continue
    words = {"units": "noise draws", "compares": ("DEQ-22", "DEQ-21"), "unit": "%"}
    better = record(f"gain_22_over_21/{patient}", samples=gained, **words)
    show_text(
        f"{patient}, 300 million: ε = **{run.epsilon():.2f} kBq/mL** instead of "
        f"0.1 lowers the error by {format_interval(better, sign=True, unit='%')}."
    )

# %% [markdown]
# ```{exercise} Is it the frames?
# :label: ex-deq-frames
#
# Total error is a mean over frames, and late, bright frames dominate it. Compute, for P1 at 150 million, which share of the total *reduction* comes from the first three frames.
# ```

# %% [markdown]
# ```{solution-start} ex-deq-frames
# :class: dropdown
# ```

# %%
many, two = (learned["P1", 0.5].frame_errors(m) for m in ("DEQ-21", "DEQ-2"))
show_text(
    f"{100 * (two - many)[:3].sum() / (two - many).sum():.0f} % of the reduction "
    "comes from the first three frames, which carry "
    f"{100 * two[:3].sum() / two.sum():.0f} % of the error."
)

# %% [markdown]
# ```{solution-end}
# ```
