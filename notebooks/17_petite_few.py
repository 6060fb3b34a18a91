# %% [markdown]
# # How few subjects are enough?
#
# *You will learn* when tuning few parameters is better than tuning all, and when it is just cheaper. *Before:* {doc}`14_petite_results`. *Time:* five minutes to read, some minutes to run.
#
# The released scripts fine-tune on ten subjects {cite:p}`petite2024`. Pairs of a short and a long scan are what a new site has least of. Here one to ten subjects of the target scanner train all parameters, the biases alone, or PETITE; learning rates stay as they were ({doc}`14_petite_results`), subjects are drawn several times.

# %% tags=["parameters"]
source: str = "hrrt"
target: str = "ecat-hrplus"
dose: float = 0.05
seed: int = 0
profile: str = "quick"

# %% tags=["hide-input"]
import numpy as np
import pandas as pd

from petrecon.compendium import profile_sizes, show, show_text, style, table
from petrecon.metrics import format_interval
from petrecon.peft import Recipe
from petrecon.petite import mean_scores, score_bounds
from petrecon.projectors import load_scanner
from petrecon.studies.petite_few import Curves
from petrecon.studies.petite_recipes import LABELS, PRINTED, fine_tune, variants
from petrecon.studies.petite_sets import scan, source_network
from petrecon.studies.petite_tuning import factor_of, load_factors

style()
size = profile_sizes("17_petite_few", profile)
numbers, steps = size["numbers"], size["steps"]
few, many = min(numbers), max(numbers)
lengths = sorted({*size["lengths"], steps})

# %%
curves = Curves()
points = list(
    dict.fromkeys([(n, steps) for n in numbers] + [(many, n) for n in lengths])
)
for network in PRINTED:
    base = source_network(network, source, size["weights"])
    rates = {"dose": base.dose, "profile": profile}
    factors = load_factors(network, statistics_kept=True, **rates)  # of BatchNorm
    recipes = {row: variants(network)[row] for row in ("no-ft", "bitfit", "petite")}
    recipes |= {"full-ft": Recipe(full=True, batchnorm="frozen")}
    pool = scan(target, "train", size["pool"], dose, base.coarsening)
    test = scan(target, "test", size["test"], dose, base.coarsening)
    no_ft = fine_tune(base, "no-ft", recipes["no-ft"], pool, test)
    curves.before[network] = mean_scores(no_ft.scores)["psnr"]
    # each step takes all its patches from one subject, so that one and ten subjects see
    # equally many
    settings = {"volumes": 1, "crops": size["volumes"] * size["crops"]}
    settings |= {"rank": size["rank"][network], "progress": True}
    for draw in range(size["draws"]):
        order = np.random.default_rng([seed, draw]).permutation(len(pool)).tolist()
        for n, length in points:
            some = pool.select(order[:n])
            for row in ("full-ft", "bitfit", "petite"):
                options = {"steps": length, "seed": seed + draw, **settings}
                options["factor"] = factor_of(factors, row)
                tuned = fine_tune(base, row, recipes[row], some, test, **options)
                psnr = mean_scores(tuned.scores)["psnr"]
                curves.psnr[network, row, n, length].append(psnr)

# %% [markdown]
# ## Subjects

# %% tags=["hide-input"]
rows = []
for network, name in PRINTED.items():
    for method in curves.methods:
        row = {"network": name, "method": LABELS[method]}
        for n in numbers:
            gained = curves.record_gain(network, method, (n, steps))
            title = f"{n} subject{'s' if n > 1 else ''}"
            row[title] = format_interval(gained, sign=True, over=False)
        rows.append(row)
table(
    pd.DataFrame(rows),
    name="tab-petite-few",
    caption=f"PSNR gained over No-FT (dB) from {load_scanner(source).name} to "
    f"{load_scanner(target).name}, by number of training subjects; mean over "
    f"{size['draws']} draw(s) of subjects, which overlap, and their range or interval.",
)
by_number = [(n, steps) for n in numbers]
axis = "training subjects of the target scanner"
show(
    curves.draw(numbers, by_number, axis),
    name="fig-petite-few",
    caption=f"Gain over No-FT against the number of training subjects, {steps} steps "
    f"each. Bars: lowest and highest of {size['draws']} draws of subjects, which "
    "overlap.",
    alt=f"With {few} and {many} subjects: "
    f"{curves.describe([(few, steps), (many, steps)])}.",
    dimensionless=[axis],
)
for network, name in PRINTED.items():
    leads = {point: curves.record_lead(network, point) for point in by_number}
    ahead = {
        n: format_interval(lead, sign=True, unit="dB") for (n, _), lead in leads.items()
    }
    show_text(
        f"{name}: full fine-tuning minus PETITE is {ahead[few]} with {few} subject(s), "
        f"{ahead[many]} with {many}."
    )
ceiling = mean_scores(score_bounds(test)["ceiling"])["psnr"]
before = curves.before
show_text(
    f"For scale: as they come the networks have {before['cvt-gan']:.2f} and "
    f"{before['unetr']:.2f} dB; the ceiling is {ceiling:.2f} dB."
)

# %% [markdown]
# ## Steps
#
# Fewer parameters may just learn more slowly. With all subjects and the same learning rates, the training is made shorter and longer.

# %% tags=["hide-input"]
first, longest = (many, lengths[0]), (many, lengths[-1])
by_length = [(many, length) for length in lengths]
axis = "steps of fine-tuning"
show(
    curves.draw(lengths, by_length, axis),
    name="fig-petite-steps",
    caption=f"Gain over No-FT against the number of steps, {many} subjects each. Bars "
    f"as above. The learning rates were tuned at {steps} steps.",
    alt=f"With {first[1]} and {longest[1]} steps: {curves.describe([first, longest])}.",
    dimensionless=[axis],
)
for network, name in PRINTED.items():
    lead = curves.record_lead(network, longest, longest=True)
    ahead = format_interval(lead, sign=True, unit="dB")
    petite = {
        point: np.mean(curves.gain(network, "petite", point)) for point in by_length
    }
    show_text(
        f"{name}: from {steps} to {longest[1]} steps PETITE goes from "
        f"{petite[many, steps]:+.2f} to {petite[longest]:+.2f} dB; full fine-tuning "
        f"minus PETITE is then {ahead}."
    )

# %% [markdown]
# ```{exercise} Overfitting, where?
# :label: ex-petite-few
#
# Full fine-tuning moves millions of numbers and one subject is one image. Why need it not overfit badly?
# ```
#
# ```{solution} ex-petite-few
# :class: dropdown
#
# A few dozen steps at a small rate move the weights little, whatever their number. And one *volume* holds thousands of almost independent samples of the noise: many for a gain, a blur and a texture, one for anatomy. The second figure trains longer: look there for a gain that turns.
# ```
#
# ## What next
#
# Back to {doc}`14_petite_results`, or on to {doc}`20_ddip_idea`: a prior that needs no pair at all.
