# %% [markdown]
# # Scanners and lines of response
#
# *You will learn* how a ring of crystals becomes a sinogram, why its bins are not evenly spaced, and how five scanners
# differ. *Before:* nothing. *Time:* ten minutes to read, seconds to run.
#
# A positron meets an electron within a millimetre or two and both vanish into two photons of 511 keV that fly apart in
# opposite directions. When two crystals fire within a few nanoseconds, we know one thing: the tracer was somewhere on
# the line between them, the **line of response**. Everything a scanner measures is a count per line.

# %% tags=["parameters"]
scanner: str = "biograph-mmr"
profile: str = "quick"

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from petrecon.compendium import curves, ranking, record, show, show_text, style, table
from petrecon.projectors import draw_scanner_views, load_scanner, scanner_names

style()
card = load_scanner(scanner)
geometry = card.geometry(coarsening=profile, dims=2)

# %% [markdown]
# ## The ring
#
# One call draws a scanner from its card: the ring of detectors, one view of its lines, and the image grid. The card holds
# crystals, radii, resolution, count rates, and a source for each number.

# %% tags=["hide-input"]
turned = geometry.sinogram_shape[1] // 6
fig = draw_scanner_views(card, [0, turned], coarsening=profile)
show(
    fig,
    name="fig-ring-@RUN@",
    caption=f"Two views of one ring of the {card.title}. Each view is a fan of "
    "almost parallel lines of response; the square is the image grid.",
    alt=f"Ring of detectors of the {card.title} drawn to scale, crossed by the "
    f"lines of view 0, with the image grid of {geometry.image_shape[0]} by "
    f"{geometry.image_shape[1]} voxels in the middle; in the second panel the "
    f"lines are turned by {np.degrees(geometry.view_angles()[turned]):.0f} "
    "degrees.",
)

# %% tags=["hide-input"]
radial, views = geometry.sinogram_shape
show_text(
    f"In this profile the ring is seen along **{radial * views:,} lines**: "
    f"{radial} radial bins × {views} views, for an image of "
    f"{geometry.image_shape[0]} × {geometry.image_shape[1]} voxels of "
    f"{geometry.voxel_size[0]:.2f} × {geometry.voxel_size[1]:.2f} mm."
)

# %% [markdown]
# ## Bins are not evenly spaced
#
# Crystals sit on a ring (here a polygon), so lines far from the centre lie closer together. A method that assumes even
# spacing, such as filtered back projection, has to interpolate first; a projector that takes each line's end points, as ours
# does, needs no correction.

# %% tags=["hide-input"]
position = geometry.radial_positions()[:, 0]
spacing = np.diff(position)
between = (position[1:] + position[:-1]) / 2
curves(
    {"spacing": (between, spacing)},
    xlabel="distance from the centre (mm)",
    ylabel="distance to the next line (mm)",
    name="fig-spacing-@RUN@",
    caption="Distance between neighbouring lines of one view.",
)
centre, edge = spacing[len(spacing) // 2], min(spacing[0], spacing[-1])
record("spacing_centre", float(centre), unit="mm")
record("spacing_edge", float(edge), unit="mm")

# %% [markdown]
# ## A point traces a sine
#
# A point at $(u, v)$ is met, at view angle $\varphi$, by the line at radial position $u\cos\varphi + v\sin\varphi$: hence
# the name *sinogram*.

# %% tags=["hide-input"]
places = np.array([[60.0, 20.0], [-30.0, 70.0]])
angles = geometry.view_angles()
sine = {
    f"point at ({u:.0f}, {v:.0f}) mm": u * np.cos(angles) + v * np.sin(angles)
    for u, v in places
}
curves(
    sine,
    x=np.degrees(angles),
    xlabel="view angle (degrees)",
    ylabel="radial position (mm)",
    name="fig-sine-@RUN@",
    caption="Where two points appear in the sinogram, view by view.",
)

# %% [markdown]
# ## Five scanners
#
# The book uses five, chosen to match the image grids of the multi-scanner study {cite:p}`petite2024`: from a dedicated brain
# scanner with 2.4 mm crystals to whole-body rings of the late 1990s.

# %% tags=["hide-input"]
cards = [load_scanner(name) for name in scanner_names()]
native = {one.name: one.geometry(coarsening="paper", dims=2) for one in cards}
overview = pd.DataFrame(
    {
        "scanner": one.name,
        "bins": "{} × {}".format(*native[one.name].sinogram_shape),
        "spacing (mm)": np.median(np.diff(native[one.name].radial_positions(), axis=0)),
        "resolution (mm)": one.resolution_fwhm_mm,
        "scatter (%)": 100 * one.scatter_fraction,
        "randoms (%)": 100 * one.randoms_fraction,
        "net trues (millions)": one.reference_exam.net_trues_millions,
    }
    for one in cards
)
table(
    overview,
    name="tab-scanners-@RUN@",
    caption=f"The {len(cards)} scanners at native sampling of one ring. Net "
    "trues: trues of the reference exam, that is dose 1. Sources are on "
    "the page of scanner cards.",
    formats=dict.fromkeys(overview.columns[4:], ".0f")
    | {"spacing (mm)": ".2f", "resolution (mm)": ".1f"},
)

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(6.5, 3))
sns.barplot(overview, y="scanner", x="resolution (mm)", ax=ax, color="C0")
ax.set(xlabel="intrinsic resolution, FWHM (mm)", ylabel="scanner (name of its card)")
show(
    fig,
    name="fig-resolution-@RUN@",
    caption=f"Resolution of the {len(cards)} scanners near the centre of the "
    "field of view.",
    alt=ranking(
        dict(zip(overview["scanner"], overview["resolution (mm)"], strict=True)),
        "Width of the resolution",
        "mm",
    )
    + ".",
)

# %% [markdown]
# ```{exercise} Which bins see the point?
# :label: ex-bins-@RUN@
#
# A point source sits at (60, 20) mm. In how many different radial bins does it appear over all views, and what is the
# largest distance between the point and the nearest line of a view? Use `geometry.radial_positions()` and
# `geometry.view_angles()`. What decides that distance, and which number on the card would you change to halve it?
# ```

# %% [markdown]
# ```{solution-start} ex-bins-@RUN@
# :class: dropdown
# ```

# %%
where = 60 * np.cos(angles) + 20 * np.sin(angles)
nearest = np.abs(where[:, None] - position[None, :]).argmin(1)
gap = np.abs(where - position[nearest])
show_text(
    f"It appears in {len(np.unique(nearest))} radial bins, and is never further "
    f"than {gap.max():.2f} mm from a line: half the spacing of the "
    "lines. Halving it takes crystals half as wide (`crystals_per_module` doubled)."
)

# %% [markdown]
# ```{solution-end}
# ```
#
# ## What next
#
# A line is only geometry. The next chapter puts a brain in the ring and adds up the activity along every line.
