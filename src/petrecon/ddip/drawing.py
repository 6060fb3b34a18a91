"""The overview of DDIP, drawn from the images of a run (the paper's Fig. 1 in our own layout)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_GREY, _BLUE, _ORANGE = "0.35", "#0072B2", "#D55E00"


def draw_overview(chain: Mapping[str, Tensor], mr: Tensor, clean: Tensor, sinogram: Tensor) -> Figure:
    """Draw the chain of noisy images, and below it what happens at each: (a) adapt, (b) sample.

    Parameters
    ----------
    chain : mapping of (X, Y) tensor
        Label → image from the noisiest to the clean one; the two in the middle are x_t and x_{t−1}.
    mr, clean : (X, Y) tensors
        MR, and the network's clean image at x_t.
    sinogram : (radial, views) tensor
        Counts.
    """
    import matplotlib.pyplot as plt

    fig = plt.figure(figsize=(8.4, 5.2), layout="none")
    count = len(chain)
    width = 0.8 / count
    middle = list(chain)[count // 2 - 1]
    for i, (label, picture) in enumerate(chain.items()):
        _picture(fig, (0.02 + i * (width + 0.16 / (count - 1)), 0.70, width, 0.24), picture, label)
        if i:
            x = 0.02 + i * (width + 0.16 / (count - 1))
            _arrow(fig, (x - 0.16 / (count - 1), 0.82), (x, 0.82), _GREY)
    left, right = (0.01, 0.02, 0.48, 0.60), (0.51, 0.02, 0.48, 0.60)
    for box, colour, title in (
        (left, _BLUE, "(a) adapt, twice per level"),
        (right, _ORANGE, "(b) sample, once per level"),
    ):
        _frame(fig, box, colour, title)
    _picture(fig, (0.03, 0.33, 0.10, 0.18), mr, "MR")
    _picture(fig, (0.03, 0.08, 0.10, 0.18), chain[middle], middle)
    _box(fig, (0.18, 0.24, 0.085, 0.14), "score\nnetwork\n+ LoRA", _BLUE)
    _picture(fig, (0.31, 0.22, 0.10, 0.18), clean, r"$\hat x_0$", below=True)
    _picture(fig, (0.385, 0.43, 0.09, 0.10), sinogram, "counts $y$")
    _arrow(fig, (0.13, 0.40), (0.18, 0.33), _BLUE)
    _arrow(fig, (0.13, 0.20), (0.18, 0.29), _BLUE)
    _arrow(fig, (0.265, 0.31), (0.31, 0.31), _BLUE)
    _arrow(fig, (0.40, 0.43), (0.375, 0.40), _BLUE)
    fig.text(0.195, 0.075, "penalised EM makes $x$ fit $y$;\nthe network learns to predict $x$", size=8, color=_BLUE)
    _picture(fig, (0.53, 0.33, 0.10, 0.18), mr, "MR")
    _picture(fig, (0.53, 0.08, 0.10, 0.18), chain[middle], middle)
    _box(fig, (0.68, 0.24, 0.085, 0.14), "adapted\nnetwork", _ORANGE)
    _arrow(fig, (0.63, 0.40), (0.68, 0.33), _ORANGE)
    _arrow(fig, (0.63, 0.20), (0.68, 0.29), _ORANGE)
    _arrow(fig, (0.765, 0.31), (0.86, 0.31), _ORANGE)
    following = list(chain)[count // 2]
    _picture(fig, (0.86, 0.22, 0.11, 0.20), chain[following], following)
    fig.text(0.775, 0.40, r"$\hat x_0$, $\epsilon$", size=9, color=_ORANGE)
    fig.text(0.69, 0.075, "predicted noise mixed with\nfresh noise $u$, $\\eta$ = 0.85", size=8, color=_ORANGE)
    return fig


def _picture(
    fig: Figure, where: tuple[float, float, float, float], picture: Tensor, label: str, *, below: bool = False
) -> None:
    ax = fig.add_axes(where)
    stretched: Literal["auto", "equal"] = "auto" if label == "counts $y$" else "equal"
    cmap = "gray" if label == "MR" else "gray_r"
    ax.imshow(picture.detach().cpu().numpy().T, origin="lower", cmap=cmap, aspect=stretched)
    ax.set_axis_off()
    ax.set_title(label, size=9, y=-0.32 if below else 1.0, pad=2)


def _arrow(fig: Figure, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    from matplotlib.patches import FancyArrowPatch

    style: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 10, "lw": 1.2, "color": colour}
    fig.add_artist(FancyArrowPatch(start, end, transform=fig.transFigure, **style))


def _frame(fig: Figure, where: tuple[float, float, float, float], colour: str, title: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y, w, h = where
    fig.add_artist(
        FancyBboxPatch(
            (x + 0.005, y), w - 0.01, h, boxstyle="round,pad=0.004", fill=False, ec=colour, transform=fig.transFigure
        )
    )
    fig.text(x + 0.02, y + h - 0.035, title, size=10, color=colour)


def _box(fig: Figure, where: tuple[float, float, float, float], text: str, colour: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y, w, h = where
    fig.add_artist(
        FancyBboxPatch((x, y), w, h, boxstyle="round,pad=0.004", fc="white", ec=colour, transform=fig.transFigure)
    )
    fig.text(x + w / 2, y + h / 2, text, ha="center", va="center", size=8, color=colour)
