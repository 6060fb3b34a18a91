"""Time one optimiser step of every method of PETITE in one run and print ratios to full fine-tuning.

Run `python benchmarks/bench_petite.py` on a quiet machine (a GPU is used when there is one). Both networks at the
shipped laptop widths, as `petrecon.petite.tune` trains them: two patches of 64 x 64 x 16 voxels per step, the
discriminator of CVT-GAN frozen but for full fine-tuning. Values do not matter for time: networks are untrained, volumes
are noise.

* seconds per step, the least over rounds in which the methods take turns; No-FT has no step;
* peak memory of a step: weights, gradients, optimiser state and what autograd keeps (on a GPU: as allocated);
* PETITE needs less time and less memory per step than full fine-tuning, in both networks.

Exits with status 1 when a bar is missed.
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch

from petrecon.models import CVTGANSpec, build, build_discriminator
from petrecon.peft import single_methods
from petrecon.petite import ScanPairs, SourceNetwork, population
from petrecon.petite.sources import read_training_card
from petrecon.studies.petite_recipes import fine_tune, label

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
CARDS = ("unetr-hrrt", "cvt-gan-hrrt")
RANK = {"unetr": 2, "cvt-gan": 8}
VOLUMES, STEPS, ROUNDS = 2, 4, 5


def noise() -> ScanPairs:
    """Return two subjects of noise on a grid of the size of the laptop's."""
    generator = torch.Generator().manual_seed(0)
    volumes = [torch.rand(VOLUMES, 64, 64, 23, generator=generator) for _ in range(4)]
    members = tuple(population("gemini", "train", VOLUMES))
    return ScanPairs(*volumes, volumes[0] > 0.5, members, (4.0, 4.0, 8.0), 1.0)


def untrained(name: str) -> SourceNetwork:
    """Return the network of a training card without its training."""
    card, spec, settings = read_training_card(name)
    players = [build(spec), build_discriminator(spec) if isinstance(spec, CVTGANSpec) else None]
    for player in players:
        if player is not None:
            player.to(DEVICE).eval().requires_grad_(False)
    return SourceNetwork(
        name, card["scanner"], card["scaling"], card["profile"], card["dose"], spec, settings, players[0], players[1]
    )


def verdict(name: str, ratio: float) -> bool:
    passed = ratio < 1
    print(f"  {name}: {ratio:.2f} x (bar < 1 x) {'passed' if passed else 'MISSED'}")
    return passed


def methods(name: str, pairs: ScanPairs) -> bool:
    """Seconds and bytes per step of every method, beside those of full fine-tuning."""
    source = untrained(name)
    architecture = source.spec.architecture
    rows = {row: recipe for row, recipe in single_methods(architecture).items() if row != "no-ft"}
    seconds, peak, trained = dict.fromkeys(rows, float("inf")), dict.fromkeys(rows, 0), dict.fromkeys(rows, 0.0)
    for _ in range(ROUNDS):
        for row, recipe in rows.items():
            tuned = fine_tune(
                source, row, recipe, pairs, rank=RANK[architecture], steps=STEPS, volumes=VOLUMES, crops=1
            )  # its first step, in which bytes are counted, is not timed
            seconds[row] = min(seconds[row], tuned.fit.seconds_per_step)
            peak[row], trained[row] = tuned.fit.peak_bytes, tuned.per_cent
    count = sum(p.numel() for p in source.network.parameters())
    print(f"\n{architecture}, {count / 1e6:.1f} M parameters\n  {'':10} trained %  ms / step  ratio     MB  ratio")
    for row, recipe in rows.items():
        print(
            f"  {label(row, recipe):10} {trained[row]:9.2f} {1e3 * seconds[row]:10.0f}"
            f" {seconds[row] / seconds['full-ft']:6.2f} {peak[row] / 1e6:6.0f} {peak[row] / peak['full-ft']:6.2f}"
        )
    checks = [
        verdict("PETITE, seconds per step", seconds["petite"] / seconds["full-ft"]),
        verdict("PETITE, peak memory", peak["petite"] / peak["full-ft"]),
    ]
    return all(checks)


def main() -> int:
    print(f"{DEVICE.type}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    pairs = noise()
    checks = [methods(name, pairs) for name in CARDS]
    return 0 if all(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
