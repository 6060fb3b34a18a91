# %% [markdown]
# # Are the projectors right?
#
# *You will learn* which identities a projector must obey, how well each backend obeys them on the machine that built this page, and about a trap that changes
# results silently. *Before:* {doc}`02_projection`. *Time:* ten minutes to read, half a minute to run.
#
# Three backends compute the same lines by the same method: a stored sparse matrix (`matrix`), a compiled kernel on the fly (`joseph`) and, where it is
# installed, parallelproj {cite:p}`schramm2024`. One suite of properties runs over every backend it finds.

# %% tags=["parameters"]
profile: str = "quick"

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
import torch

from petrecon.compendium import (
    ranking,
    record,
    record_backend,
    show,
    show_text,
    style,
    table,
)
from petrecon.projectors import available_backends, make_projector
from petrecon.studies import conformance
from petrecon.studies.conformance_report import by_property, chords_by_box, summary

style()
for name, version in available_backends().items():
    record_backend(name, version)

# %%
results = pd.DataFrame(conformance.run() + conformance.run(dtype=torch.float32))
show_text(summary(results))

# %% [markdown]
# ## Property by property
#
# Each row is an identity with a threshold. The adjoint is tested with zero-mean random vectors and divided by $\lVert Px\rVert\lVert y\rVert$, because positive vectors
# hide errors ({doc}`02_projection`). *Exact derivatives* means that automatic differentiation returns the adjoint, that differentiating twice works, and that
# Hessian–vector products are right: learning hyperparameters through a reconstruction rests on it.

# %% tags=["hide-input"]
compact = by_property(results)
table(
    compact,
    name="tab-conformance",
    caption="Every property on every backend, in double / single precision: what "
    "is allowed and what was measured. Errors are relative, of chords in "
    "voxels, of orientation in mm.",
)
single = results[
    (results["property"] == "adjoint: dot product") & (results["dtype"] == "float32")
]
worst = float(single["measured"].max())
record(
    "largest_dot_product_error",
    worst,
    kind="exact",
    note="largest of 25 random pairs on every backend",
)

# %% [markdown]
# ## Lines that graze
#
# Where a line runs along the face of the image box, a projector has to decide whether the outermost half voxel counts. Decide it wrongly and every line that enters there
# loses a piece of its chord, always in the same direction. Images that are empty at the rim do not notice; the sensitivity image and a uniform phantom that fills the
# grid do. So phantoms in this book always have a border of one empty voxel, a receipt names the projector and its version, and an experiment never changes
# the projector on its own.

# %% tags=["hide-input"]
chords = chords_by_box(results)
largest = chords.groupby("backend")["measured"].max().to_dict()
fig, axes = plt.subplots(1, 2, figsize=(9.4, 3.6), sharey=True)
for ax, (box, group) in zip(axes, chords.groupby("box", sort=False), strict=True):
    sns.barplot(group, x="lines", y="measured", hue="backend", ax=ax)
    ax.axhline(0.05, color="0.4", ls=":", label="allowed")
    ax.set(title=box, xlabel="lines", ylabel="mean chord error (voxels)")
    ax.legend()
show(
    fig,
    name="fig-grazing",
    caption="Mean error of the chord through a box of ones, over 100,000 random "
    "lines of each kind.",
    alt=ranking(largest, "Mean chord error", "voxel") + ".",
    dimensionless=["lines"],
)
record(
    "mean_chord_error",
    max(largest["matrix"], largest["joseph"]),
    kind="exact",
    unit="voxel",
    note="largest over kinds of lines and built-in backends, each the mean of "
    "100,000 lines",
)

# %% [markdown]
# ```{exercise} Fifteen per cent
# :label: ex-centre
#
# A one-slice image whose lines run a little off the slice's centre loses part of every integral, because linear interpolation between this slice and the empty one
# beside it takes its share. By how much does a shift of 0.15 voxel change the result? Predict it, then measure with `conformance.centring_error`.
# ```

# %% [markdown]
# ```{solution-start} ex-centre
# :class: dropdown
# ```

# %%
lost = conformance.centring_error(
    lambda geometry: make_projector(geometry, dtype=torch.float64),
    torch.float64,
    shift=0.15,
)
show_text(
    "Linear interpolation gives the slice a weight of 1 − 0.15, so 15 % is lost; "
    f"measured: {100 * lost:.1f} %. Our 2D geometry is centred by construction."
)

# %% [markdown]
# ```{solution-end}
# ```
