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
from petrecon.compendium import profile_sizes, show, show_text, style
from petrecon.petite import folds, mean_scores
from petrecon.studies.petite_pictures import draw_rates
from petrecon.studies.petite_recipes import fine_tune, label, variants
from petrecon.studies.petite_sets import scan, source_network
from petrecon.studies.petite_tuning import record_rate, search_rate

style()
size = profile_sizes("12_petite_tuning", profile)
base = source_network(network, source, size["weights"])

# %%
pairs = scan(target, "train", size["subjects"], dose, base.coarsening)
training, held = (
    pairs.select(part) for part in folds(pairs.members, size["folds"], seed)[0]
)
settings = {k: size[k] for k in ("volumes", "crops")} | {"seed": seed}
settings |= {k: size[k][network] for k in ("steps", "rank")}
recipes = variants(network)
no_ft = fine_tune(base, "no-ft", recipes["no-ft"], training, held)
before = mean_scores(no_ft.scores)["psnr"]
gains = {}
for row, recipe in recipes.items():
    if row != "no-ft" and (size["rows"] == "all" or row in size["rows"]):
        search = {"grid": size["factors"], "start": size["start"], **settings}
        tried = search_rate(base, row, recipe, training, held, **search)
        gains[label(row, recipe)] = record_rate(row, tried, before)

# %% tags=["hide-input"]
best = {title: max(tried, key=tried.get) for title, tried in gains.items()}
at_end = [t for t, f in best.items() if f in (size["factors"][0], size["factors"][-1])]
show(
    draw_rates(gains, size["factors"]),
    name="fig-petite-rates-@RUN@",
    caption=f"PSNR gained over No-FT on {len(held)} held-out subjects after "
    f"{settings['steps']} steps on {len(training)} others, for each row and multiple "
    "of its published rate (framed: the one the study takes; empty: not tried). The "
    f"grid is walked uphill from {size['start']:g}. Losses beyond 1 dB share a colour.",
    alt="Best multiples: " + ", ".join(f"{t} {f:g}" for t, f in best.items()) + ".",
    dimensionless=["multiple of the published learning rate"],
)
show_text(
    f"Before tuning the network reaches {before:.2f} dB. The published rate is the "
    f"best in {list(best.values()).count(1)} of {len(best)} rows. At an end of the "
    f"grid, so perhaps not at their best: {', '.join(at_end) or 'none'}."
)
