"""How the hyperparameters of a dynamic reconstruction are learned."""

from __future__ import annotations

from dataclasses import dataclass

from petrecon.deq.hyperparameters import EPSILON
from petrecon.deq.implicit import ADJOINTS
from petrecon.settings_checks import check_choice, check_number, check_whole


@dataclass(frozen=True)
class TrainSettings:
    """Settings of `train`.

    Attributes
    ----------
    n_hyperparameters : int
        How many are learned, for T frames: 2 (η, one λ), T + 1 (η, λ_t) or T + 2 (ε as well).
    epsilon : float
        ε [kBq/mL] where it is not learned; its start where it is.
    steps : int
        Adam steps. One epoch is ⌈B / batch⌉ of them, for B realisations.
    lr, final_lr : float
        The learning rate falls along a cosine from `lr` to `final_lr`.
    batch : int
        Realisations per step; all of them when there are fewer.
    seed : int
        Shuffles the realisations.
    tol : float
        Of the reconstruction. Every realisation starts from its last image, so a loose tolerance would stop at once
        and the gradient would be that of another θ.
    adjoint, adjoint_tol
        As `hypergradient`, warm-started too.
    flat : float
        Stop early when the mean loss over `patience` steps differs from that of the `patience` steps before by less
        than this fraction; 0 never stops.
    patience : int
    on_failure : {"raise", "report"}
        Whether a realisation that does not converge stops the training, or is left out of that step and counted in
        the history.

    Raises
    ------
    ParameterError
        If a value is out of range, by name.

    Examples
    --------
    >>> settings = TrainSettings(n_hyperparameters=21, steps=24)
    >>> settings.lr, settings.final_lr
    (0.3, 0.01)
    >>> TrainSettings(n_hyperparameters=21, batch=0)
    Traceback (most recent call last):
    ...
    petrecon.errors.ParameterError: batch is 0: give a whole number of at least 1
    """

    n_hyperparameters: int
    epsilon: float = EPSILON
    steps: int = 30
    lr: float = 0.3
    final_lr: float = 0.01
    batch: int = 16
    seed: int = 0
    tol: float = 2e-6
    adjoint: str = "cg"
    adjoint_tol: float = 1e-2
    flat: float = 0.0
    patience: int = 5
    on_failure: str = "raise"

    def __post_init__(self) -> None:
        """Check every value."""
        check_whole(self, "n_hyperparameters", low=2)
        check_whole(self, "steps", "batch", "patience", low=1)
        check_whole(self, "seed")
        check_number(self, "epsilon", "lr", "final_lr", "tol", "adjoint_tol", open=True)
        check_number(self, "flat")
        check_choice(self, "adjoint", ADJOINTS)
        check_choice(self, "on_failure", ("raise", "report"))
