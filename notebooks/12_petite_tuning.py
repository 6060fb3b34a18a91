# %% [markdown]
# # A learning rate for every row: @NETWORK@, @SOURCE@ to @TARGET@
#
# One of the runs between {doc}`../chapters/11_petite_sources` and {doc}`../chapters/14_petite_results`. The published rates belong to networks many times as wide and to hundreds of steps. So every method gets the same chance here: multiples of its published rate, by one rule, judged on held-out *training* subjects of one pair of scanners, which is none of the pairs that are reported. No test subject is seen.

# %% tags=["parameters"]
network: str = "unetr"
source: str = "hrrt"
target: str = "gemini"
dose: float = 0.05
seed: int = 0
profile: str = "quick"

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from petrecon.compendium import (
    profile_sizes,
    record,
    show,
    show_text,
    style,
    track_input,
)
from petrecon.errors import PetreconError
from petrecon.models import weights_path
from petrecon.peft import Recipe
from petrecon.petite import (
    folds,
    load_pairs,
    load_source,
    mean_scores,
    population,
    source_name,
)
from petrecon.studies.petite_rates import search_uphill
from petrecon.studies.petite_recipes import fine_tune, label, variants

style()
size = profile_sizes("12_petite_tuning", profile)
name = source_name(network, source, size["weights"])
track_input(weights_path(name))
base = load_source(name)

# %%
members = population(target, "train", size["subjects"])
training, held = folds(members, size["folds"], seed)[0]
pairs = load_pairs(members, dose, coarsening=base.coarsening, progress=True)
first, second = pairs.select(training), pairs.select(held)
recipes = variants(network)
before = mean_scores(fine_tune(base, "no-ft", recipes["no-ft"], first, second).scores)[
    "psnr"
]
words = (
    {k: size[k] for k in ("volumes", "crops")}
    | {k: size[k][network] for k in ("steps", "rank")}
    | {"seed": seed}
)
rows = []
for row, recipe in recipes.items():
    if row == "no-ft" or (size["rows"] != "all" and row not in size["rows"]):
        continue

    def gain(factor: float, row: str = row, recipe: Recipe = recipe) -> float:
        """Return what a multiple of the published rate gains over No-FT, dB."""
        try:
            tuned = fine_tune(
                base, row, recipe, first, second, factor=factor, progress=True, **words
            )
        except PetreconError:  # diverged
            return -np.inf
        return mean_scores(tuned.scores)["psnr"] - before

    gains = search_uphill(gain, size["factors"], size["start"])
    for factor, value in ((f, v) for f, v in gains.items() if np.isfinite(v)):
        record(
            f"gain/{row}/{factor:g}",
            value,
            unit="dB",
            note="over No-FT, on held-out training subjects",
        )
    best = max(gains, key=gains.get)
    record(
        f"factor/{row}",
        best,
        note="multiple of the published learning rate, the best on held-out subjects",
    )
    rows.append(
        {
            "method": label(row, recipe),
            "best": best,
            **{f"× {f:g}": gains.get(f) for f in size["factors"]},
        }
    )
found = pd.DataFrame(rows)

# %% tags=["hide-input"]
columns = [c for c in found if c.startswith("×")]
values = found[columns].to_numpy(dtype=float)
shown = np.clip(values, -1, None)
fig, ax = plt.subplots(figsize=(8.4, 0.8 + 0.28 * len(found)), layout="constrained")
drawn = ax.imshow(shown, cmap="cividis", aspect="auto")
for (i, j), value in np.ndenumerate(values):
    if np.isnan(value):
        continue
    ink = (
        "white" if shown[i, j] < (np.nanmin(shown) + np.nanmax(shown)) / 2 else "black"
    )
    chosen = value == np.nanmax(values[i])
    words_ = f"{value:+.2f}" if np.isfinite(value) else "diverged"
    ax.text(
        j,
        i,
        words_,
        ha="center",
        va="center",
        size=8,
        color=ink,
        weight="bold" if chosen else "normal",
    )
    if chosen:
        ax.add_patch(
            plt.Rectangle(
                (j - 0.47, i - 0.45), 0.94, 0.9, fill=False, color="C3", lw=1.5
            )
        )
ax.set_xticks(range(len(columns)), columns)
ax.set_yticks(range(len(found)), found["method"], size=8)
ax.set_xlabel("multiple of the published learning rate")
ax.grid(False)
fig.colorbar(drawn, ax=ax, label="gain over No-FT (dB)")
show(
    fig,
    name="fig-petite-rates-@RUN@",
    caption=f"PSNR gained over No-FT on {len(held)} held-out subjects after {words['steps']} steps on {len(training)} others, for each row and multiple of its published rate (framed: the one the study takes; empty: not tried). The grid is walked uphill from {size['start']:g}. Losses beyond 1 dB share a colour.",
    alt="Best multiples: "
    + ", ".join(f"{r['method']} {r['best']:g}" for r in rows)
    + ".",
    dimensionless=["multiple of the published learning rate"],
)
at_end = [
    r["method"] for r in rows if r["best"] in (size["factors"][0], size["factors"][-1])
]
show_text(
    f"Before tuning the network reaches {before:.2f} dB. The published rate is the best in {int((found['best'] == 1).sum())} of {len(found)} rows. "
    f"At an end of the grid, so perhaps not at their best: {', '.join(at_end) or 'none'}."
)
