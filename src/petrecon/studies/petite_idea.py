"""What the chapter on the idea shows of networks and recipes, each figure and table with its caption."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from petrecon.compendium import record, show, show_text, table
from petrecon.models import CVTGANSpec, UNETRSpec
from petrecon.models.stages import build_on_meta, stages
from petrecon.peft import Recipe, apply_recipe, count, petite_recipe
from petrecon.peft.drawing import draw_blocks, draw_network, insertions
from petrecon.projectors import load_scanner
from petrecon.studies import petite_tables
from petrecon.studies.petite_pictures import draw_scanners
from petrecon.studies.petite_scheme import draw_scheme
from petrecon.studies.petite_slices import SliceSet

if TYPE_CHECKING:
    from pandas import DataFrame


def show_scanners_table() -> None:
    """Show Table 3 beside the grids of our cards."""
    table(
        petite_tables.scanners_table(petite_tables.published_table(3)),
        name="tab-petite-3",
        caption="Table 3 of the paper (left) and the scanner cards that stand in for its groups (right; coarsening "
        "`paper`). Voxels: side in the plane × height. OHSU: Oregon Health & Science University; UCSD: University of "
        "California San Diego.",
    )


def show_scans(scans: Mapping[str, SliceSet], noise: Mapping[str, float]) -> None:
    """Show the first head of each scanner, short and long, scaled; `noise` is that of the short scan, per cent."""
    names = {scanner: load_scanner(scanner).name for scanner in scans}
    slices = {
        names[s]: dict(zip(("5 min", "30 min"), (x[0] for x in several.scaled()), strict=True))
        for s, several in scans.items()
    }
    said = ", ".join(f"{scanner} {value:.0f} %" for scanner, value in noise.items())
    show(
        draw_scanners(slices, {names[scanner]: several.voxel_size[0] for scanner, several in scans.items()}),
        name="fig-petite-scanners",
        caption="One head on every scanner: the first five minutes (top) and all thirty (bottom), each scaled to its "
        "own range, as a network sees it.",
        alt=f"Noise of the short scan in bright tissue: {said}",
        dimensionless=["scaled activity"],
    )


def show_scheme(scans: Mapping[str, SliceSet], source: str, target: str) -> None:
    """Show the two steps of PETITE for UNETR, with the first head of both scanners."""
    unetr, recipe = petite_tables.NETWORKS["UNETR"], petite_recipe("unetr")
    counted = count(apply_recipe(build_on_meta(unetr), recipe))
    pictures: list[tuple[str, Tensor, Tensor]] = []
    for scanner in (source, target):
        short, long = scans[scanner].scaled()
        pictures.append((load_scanner(scanner).title, short[0], long[0]))
    names = [load_scanner(scanner).name for scanner in (source, target)]
    show(
        draw_scheme(unetr, recipe, *pictures),
        name="fig-petite-scheme",
        caption="The two steps, for UNETR with the paper's best recipe. Bars: blocks of the encoder and stages of the "
        "decoder; orange learns, grey is frozen. An orange edge is an inserted module, an orange foot a trained bias.",
        alt=f"Diagram in two rows. Above, all {counted.total:,} parameters learn from a short and a long scan on "
        f"{names[0]}; below, on {names[1]}, only {counted.trainable:,} do, {counted.per_cent:.2f} per cent: thin "
        "orange strips beside grey bars.",
    )


def show_network(name: str, spec: UNETRSpec | CVTGANSpec) -> None:
    """Show the stages of a network with what PETITE inserts; record the share of its transformers."""
    recipe, sizes = petite_recipe(spec.architecture), stages(spec)
    total = count(build_on_meta(spec)).total
    inserted = ", ".join(f"{place} ({n:,})" for place, n in insertions(spec, recipe).items())
    blue = 100 * sum(s.parameters for s in sizes.values() if s.blocks) / total
    record(f"transformer_share/{name}", blue, unit="%")
    show(
        draw_network(spec, recipe),
        name=f"fig-petite-{spec.architecture}",
        caption=f"{name} at the paper's widths. Each box: channels × grid, parameters. Blue: transformer, grey: "
        "convolution, orange: what the paper's best recipe inserts (besides all biases). Dashed: features passed "
        "across.",
        alt=f"Diagram of {len(sizes)} stages with {total:,} parameters, {blue:.0f} per cent of them in transformer "
        f"stages. The recipe trains {inserted}.",
    )


def show_blocks(spec: UNETRSpec | CVTGANSpec, recipes: Mapping[str, Recipe], trained: Mapping[str, int]) -> None:
    """Show a transformer block with what each recipe trains there; `trained` counts the whole network's."""
    counted = ", ".join(f"{title} {n:,}" for title, n in trained.items())
    show(
        draw_blocks(spec, recipes),
        name="fig-petite-blocks",
        caption="A transformer block of UNETR with what each method trains (orange); 768→4→768 is a product of rank "
        "4; VPT is ours. Under each title: in the whole network, and its share. Read from the modules.",
        alt=f"Six diagrams of one transformer block. Trained: {counted}.",
    )


def show_counts() -> None:
    """Show the parameters that each method trains beside Table 1."""
    names = petite_tables.NETWORKS
    per_cent = [f"{name}{end} (%)" for name in names for end in ("", ", paper")]
    table(
        petite_tables.counts_table(petite_tables.published_table(1)),
        name="tab-petite-counts",
        caption="Parameters that each method trains, counted at the paper's widths, beside the percentages of its "
        "Table 1.",
        formats=dict.fromkeys(names, ",") | dict.fromkeys(per_cent, ".3f"),
    )


def show_mixes() -> DataFrame:
    """Show every feasible mix beside Tables 6 and 7, and return the table."""
    published = {name: petite_tables.published_table(k) for name, k in (("CVT-GAN", 6), ("UNETR", 7))}
    mixed = petite_tables.mixes_table(published)
    table(
        mixed,
        name="tab-petite-mixes",
        caption="Every feasible mix, all with BitFit, counted, beside the percentages of the paper's Tables 6 and 7.",
        formats={"parameters": ",", "%": ".3f", "paper (%)": ".2f"},
    )
    return mixed


def show_settings() -> None:
    """Show Table 4, from which every training here takes its settings."""
    table(
        petite_tables.settings_table(petite_tables.published_table(4)),
        name="tab-petite-4",
        caption="Table 4 of the paper, from which every training here takes its settings but the number of steps. "
        "No-FT: the settings of pre-training.",
        formats={"learning rate": ".0e", "weight decay": ".0e"},
    )


def show_contradictions() -> None:
    """Show printed numbers that disagree with each other, and say how far NRMSE and PSNR do."""
    table(
        petite_tables.contradictions_table(*(petite_tables.published_table(k) for k in (1, 2, 7))),
        name="tab-petite-itself",
        caption="Pairs of printed numbers: should they agree, differ or grow?",
        formats={"first": "g", "second": "g"},
    )
    excess = 100 * petite_tables.nrmse_excess(petite_tables.published_table(6))
    show_text(
        "With volumes scaled to [0, 1], NRMSE = 10^(−PSNR/20) holds for each, so the printed means must lie close to "
        f"that. In {(excess > 20).sum()} of the {len(excess)} rows of Table 6 the NRMSE is more than a fifth above it, "
        f"by up to {excess.max():.0f} %. The differences that matter, 0.04 to 0.4 dB, come without any spread, and the "
        "released code keeps the best epoch on the very subjects it reports."
    )
