# %% [markdown]
# # One network, another scanner
#
# *You will learn* why a network that turns a five-minute scan into a half-hour one fails on another scanner, what a transformer does with a volume, what each way of tuning a few parameters puts into it, and why less than one per cent can be enough.
# *Before:* {doc}`01_scanners`, {doc}`03_counts`. *Time:* twenty-five minutes to read, half a minute to run.
#
# A PET scan of the brain takes half an hour because counts are few. Stop after five minutes and the noise is $\sqrt6 \approx 2.4$ times as high. A network can learn, from pairs of both, to make the short scan look like the long one: *scan-time reduction*. PETITE {cite:p}`petite2024` asks what happens in a hospital whose scanner the network never saw, and answers: freeze the network, insert a few small modules, and train only those.
# This chapter takes the idea apart; everything is drawn and counted **from the networks themselves**. None is trained here; that begins in {doc}`11_petite_sources`.

# %% tags=["parameters"]
source: str = "hrrt"
target: str = "biograph-truepoint"
seed: int = 0
profile: str = "quick"

# %% tags=["hide-input"]
import numpy as np
import pandas as pd
import torch
from torch import nn

from petrecon.compendium import (
    profile_sizes,
    record,
    record_backend,
    show,
    show_text,
    style,
)
from petrecon.models.stages import build_on_meta, stages
from petrecon.peft import apply_recipe, count, single_methods
from petrecon.petite import ANATOMIES
from petrecon.projectors import load_scanner
from petrecon.studies import petite_idea, petite_tables
from petrecon.studies.petite_pictures import draw_transfer
from petrecon.studies.petite_recipes import LABELS
from petrecon.studies.petite_rivals import AS_IT_COMES, TUNED, transfer
from petrecon.studies.petite_slices import noise_facts, slice_set

style()
size, specs = profile_sizes("10_petite_idea", profile), petite_tables.NETWORKS
unetr = specs["UNETR"]

# %% [markdown]
# ## Five scanners
#
# The paper sorts FDG brain scans of the ADNI study by image grid into five groups, its five "scanners"; it names no model. Our cards fit the grids. Groups 1 and 2 share one voxel size, and nothing printed tells them apart but eight planes: a Biograph mMR, with its own grid, stands in for the second.

# %% tags=["hide-input"]
petite_idea.show_scanners_table()

# %% [markdown]
# ## What differs
#
# One head on every scanner, one slice, six frames of five minutes, each reconstructed as that scanner's users would (`data/reconstruction-protocols.yml`). The short scan is the first frame, the long one the mean of all six. As in the paper, every volume is scaled to $[0, 1]$ by its own minimum and maximum before a network sees it. So the brightest *noise* voxel sets the scale of a short scan, and the network must learn a gain as well.

# %%
machines = list(dict.fromkeys([*petite_tables.CARDS, source, target]))
names = {m: load_scanner(m).name for m in machines}
heads = {split: (ANATOMIES[split] * 4)[: size[split]] for split in ("test", "train")}
train, test = {}, {}
for i, m in enumerate(machines):  # the same test heads everywhere, other training heads
    own = seed + 100 * (i + 1)
    test[m] = slice_set(m, heads["test"], seed, coarsening=profile)
    train[m] = slice_set(m, heads["train"], own, coarsening=profile)
record_backend(test[source].projector)
facts = pd.DataFrame([noise_facts(test[m]) for m in machines], index=names.values())
low, high, at_low, at_high = facts.min(), facts.max(), facts.idxmin(), facts.idxmax()

# %% tags=["hide-input"]
petite_idea.show_scans(test, facts["noise"])
ranges = {
    k: f"{low[k]:.2f} ({at_low[k]}) to {high[k]:.2f} ({at_high[k]})" for k in facts
}
show_text(
    "In the same head the noise of the short scan in bright tissue is "
    f"{ranges['noise']} per cent, its correlation between neighbouring voxels "
    f"{ranges['grain']}, and the gain from the scaled short to the scaled long scan "
    f"{ranges['gain']}."
)

# %% [markdown]
# ## The smallest network there is
#
# One convolution of $5\times5$ voxels and an offset: 26 numbers, which least squares finds exactly. Train it on one scanner and use it on another. Then freeze it and learn two numbers on the target scanner, a scale $s$ and a shift $t$ of its output: a miniature of what follows.

# %% tags=["hide-input"]
away = ~np.eye(len(machines), dtype=bool)
there = machines.index(source), machines.index(target)
maps = {scaling: transfer(train, test, scaling) for scaling in ("each", "shared")}
mean = {}
for scaling, both in maps.items():
    for name, values in both.items():
        mean[scaling, name] = f"{values[away].mean():+.1f} dB"
        compared = (name, "own training")
        record(
            f"toy/{scaling}/{name}", values[away].mean(), unit="dB", compares=compared
        )
each, worst = maps["each"], -maps["each"][AS_IT_COMES].min()
show(
    draw_transfer(each, list(names.values()), "PSNR above that of own training (dB)"),
    name="fig-petite-toy",
    caption="A network of 26 numbers on other scanners, each scan scaled by its own "
    f"range: PSNR above the same network trained there ({size['train']} training and "
    f"{size['test']} test heads; a demonstration, not a claim of the paper).",
    alt=f"Mean over pairs of different scanners: {mean['each', AS_IT_COMES]} as it "
    f"comes, {mean['each', TUNED]} with two numbers tuned; the worst pair loses "
    f"{worst:.1f} dB.",
)
show_text(
    f"From {names[source]} to {names[target]}: **{each[AS_IT_COMES][there]:+.1f} dB** "
    f"as it comes, **{each[TUNED][there]:+.1f} dB** with two of 26 numbers tuned; mean "
    f"over all pairs {mean['each', AS_IT_COMES]} and {mean['each', TUNED]}. Divide "
    "short and long scan by *one* level instead, and the means are "
    f"{mean['shared', AS_IT_COMES]} and {mean['shared', TUNED]}. With the published "
    "scaling a network has to guess a gain as well, from few heads (hence a plus here "
    "and there); that part two numbers can mend. What is left is blur and the grain of "
    "the noise."
)

# %% [markdown]
# ## Two steps
#
# The paper's scheme has the same shape, with millions of numbers in place of 26. First pre-train everything on a source scanner that has many pairs. Then, on the target scanner with few (ten subjects in the released scripts), train only what was inserted.

# %% tags=["hide-input"]
petite_idea.show_scheme(test, source, target)

# %% [markdown]
# ## Transformers for volumes
#
# A convolution looks at neighbours. *Attention* lets every place look at every other. UNETR {cite:p}`hatamizadeh2022` cuts a patch of the volume into cubes of $16^3$ voxels and turns each into a vector, a *token* {cite:p}`dosovitskiy2021`. In each block every token
# asks a question $q$, offers a key $k$ and carries a value $v$, all linear maps of itself ($q = hW_q$ and so on), and gathers the values whose keys answer its question {cite:p}`vaswani2017`:
#
# $$\text{attention}(h) = \operatorname{softmax}\!\Bigl(\tfrac{q\,k^{\mathsf T}}{\sqrt d}\Bigr)\,v .$$
#
# Then each token passes alone through a perceptron of two layers. Convolutions lead back from tokens to voxels. In 3D CVT-GAN {cite:p}`zeng2022` transformer blocks stand on both sides of a U-Net, $q$, $k$, $v$ come from convolutions {cite:p}`wu2021`, and a second network, the discriminator, judges the result in training.

# %% tags=["hide-input"]
for name, spec in specs.items():
    petite_idea.show_network(name, spec)
tokens, voxels = np.prod(stages(unetr)["vit"].grid), np.prod(unetr.patch)
show_text(
    f"Why tokens: {tokens} of them make {tokens**2:,} pairs per head; {voxels:,} "
    f"voxels would make {voxels**2:,}."
)

# %% [markdown]
# ## What each method inserts
#
# * **LoRA** {cite:p}`hu2022` adds a thin product to a matrix, $W + 2BA$, here to $W_q$ and $W_k$. $B = 0$ at start.
# * **Adapters** {cite:p}`houlsby2019` put a bottleneck behind the perceptron, $y + U\,\mathrm{GELU}(Dy)$. $U = 0$ at start.
# * **SSF** {cite:p}`lian2022` scales and shifts the output of each layer per channel, $s \odot y + t$: the toy's two numbers, everywhere.
# * **VPT** {cite:p}`jia2022` gives tokens more to look at: learned *prompts* $P$. **Ours differs.** Random prompts in the common softmax change the network before it has learned anything. Ours have a softmax of their own, added to that of the image, with values that are   zero at start. In CVT-GAN, where tokens are voxels, prompts are learned volumes that join the channels. The number of parameters is the paper's.
# * **BitFit** {cite:p}`benzaken2022` inserts nothing and trains every bias; **LayerNorm** tuning trains weight and bias of each layer norm.
#
# Each leaves the network exactly as it was until training starts; that is tested. The released code does not: its adapters in CVT-GAN begin at random, those in UNETR can never learn more than one vector of biases, and its SSF in CVT-GAN loses the output of the perceptron.

# %% tags=["hide-input"]
shown = ("lora", "adapters", "ssf", "vpt", "bitfit", "layernorm")
recipes = {LABELS[method]: single_methods("unetr")[method] for method in shown}
numbers = {
    title: count(apply_recipe(build_on_meta(unetr), recipe)).trainable
    for title, recipe in recipes.items()
}
petite_idea.show_blocks(unetr, recipes, numbers)

# %% [markdown]
# ## How many numbers that is
#
# Networks of the paper's widths can be built without memory (PyTorch's *meta* device) and counted on any machine.

# %% tags=["hide-input"]
petite_idea.show_counts()

# %% [markdown]
# LayerNorm, BitFit, adapters, SSF and VPT come out as printed to about a hundredth of a point (CVT-GAN's BitFit and adapters fit better with the discriminator counted in; UNETR's SSF fits Table 2, which prints 0.2). LoRA does not. In UNETR the released code also builds two layers per block
# that it never calls: with them it is 442,368 parameters, 0.435 per cent; the live ones are a third of that. In CVT-GAN it relies on a LoRA for depthwise convolutions that was not published; ours is smaller. PETITE contains a LoRA, so its share is smaller too.
#
# ## Mixing
#
# Why the same method in both halves? Mix-PEFT takes one of LoRA, adapters, SSF, VPT for the encoder, another for the decoder, and BitFit on top. The list is derived by a rule, not typed in: a method is feasible in a part that has the modules it needs.

# %% tags=["hide-input"]
mixed, refused = petite_idea.show_mixes(), petite_tables.infeasible_table()
agree = int(((mixed["%"] - mixed["paper (%)"]).abs() < 0.01).sum())
record("mixes", len(mixed))
note = "percentages within 0.01 points of the printed ones"
record("mixes_as_printed", agree, note=note)
show_text(
    f"**{len(mixed)} mixes**. Left out: {', '.join(refused['encoder → decoder'])} in "
    f"UNETR ({refused['why not'][0]}). Of the printed percentages {agree} are ours to "
    "within 0.01 points; most of the others hold a LoRA, and for some we know no "
    "reason."
)

# %% [markdown]
# ## Why less than one per cent can be enough
#
# * *Little changes.* Brains, tracer and question stay. Gain, blur and the grain of the noise change: few degrees of freedom. The toy shows what two of them can mend, and what not.
# * *Changes have low rank.* Fine-tuning moves weights along few directions {cite:p}`aghajanyan2021`. A matrix of 768 × 768 has 589,824 entries; rank 4 spends 6,144, one per cent, on the directions that matter.
# * *Few subjects.* Ten brains do not determine 28 million numbers. What is frozen cannot overfit, and is not forgotten: take the modules out and the source network is back, bit for bit.
#
# *Can* be, not *is*: a share is no measure of freedom. The same rank is a larger share of a narrower network, and whether it is enough is for experiments to say.
#
# The settings of those experiments are published, and ours start from them: the paper counts epochs, we steps, and {doc}`14_petite_results` tunes the learning rate of every row.

# %% tags=["hide-input"]
petite_idea.show_settings()

# %% [markdown]
# ## The paper against itself
#
# The printed numbers do not all agree with each other. This is not rare, and it is why this book tests *claims* with intervals rather than chasing a decimal.

# %% tags=["hide-input"]
petite_idea.show_contradictions()

# %% [markdown]
# ```{exercise} SSF in five lines
# :label: ex-ssf
#
# Write SSF as a module around a layer. Show that it changes nothing at start, and check by hand the 205,824 parameters in the figure: UNETR's SSF acts behind the patch embedding, the norms and every linear layer of the transformer.
# ```

# %% [markdown]
# ```{solution-start} ex-ssf
# :class: dropdown
# ```


# %%
class MySSF(nn.Module):
    def __init__(self, layer, channels):
        super().__init__()
        self.layer = layer
        self.s = nn.Parameter(torch.ones(channels))
        self.t = nn.Parameter(torch.zeros(channels))

    def forward(self, h):
        return self.s * self.layer(h) + self.t


layer, h = (
    nn.Linear(8, 3),
    torch.randn(2, 8, generator=torch.Generator().manual_seed(seed)),
)
unchanged = torch.equal(MySSF(layer, 3)(h), layer(h))
scaled = (nn.Linear, nn.LayerNorm, nn.Conv3d)
vit = build_on_meta(unetr).get_submodule("vit")
channels = [m.weight.shape[0] for m in vit.modules() if isinstance(m, scaled)]
show_text(
    f"Unchanged at start: {unchanged}. {len(channels)} layers, two numbers per "
    f"channel: **{2 * sum(channels):,}**, the library counts {numbers['SSF']:,}."
)

# %% [markdown]
# ```{solution-end}
# ```
#
# ```{exercise} Prompts without tokens
# :label: ex-vpt
#
# Why can VPT not enter UNETR's decoder, and what would have to be invented?
# ```

# %% [markdown]
# ```{solution} ex-vpt
# :class: dropdown
#
# A prompt is one more element in a *set* that attention reads: softmax does not care how many there are, and the output keeps one place per image token. A convolution reads a fixed neighbourhood with one weight per offset: there is no set to join.
# One more voxel would need a place on the grid, and the frozen kernel has no weight for it. One could join learned volumes as extra *channels*, as in CVT-GAN's stages, but then the kernel needs new weights for them: another method. Hence 9 mixes for UNETR, 12 for CVT-GAN.
# ```
#
# ## What next
#
# {doc}`11_petite_sources` trains both networks on every scanner; {doc}`14_petite_results` then tries every method.
