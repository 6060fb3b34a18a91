"""What a DDIP reconstruction is made of: one settings object, from which every variant follows by argument."""

from __future__ import annotations

import math
from dataclasses import dataclass

from petrecon.errors import ParameterError, did_you_mean

ADAPT = ("lora", "full", "biases", "none")
DATA = ("hqs", "poisson", "none")


@dataclass(frozen=True)
class DDIPSettings:
    """Settings of `ddip`; the defaults are those of the released 2D code, but for fewer sampling steps.

    Attributes
    ----------
    start : int
        T', noise level at which sampling starts, 1 to the T of the schedule (1000).
    steps : int
        K, sampling steps from T' to 0, 1 to `start`. The paper's code uses 200.
    fine_tunings : int
        Adaptation steps at each noise level.
    em_iterations : int
        N_EM, penalised EM iterations of each adaptation step.
    beta_over_s : float
        Weight of the quadratic penalty relative to the mean sensitivity, dimensionless (see `penalised_em`).
    rank, targets
        Of LoRA (see `petrecon.peft.lora`).
    adapt : str
        "lora", "full" (every weight), "biases", or "none" (a frozen prior).
    data : str
        What adaptation fits: "hqs" (the image of penalised EM), "poisson" (the likelihood, back-propagated through the
        projector), or "none".
    use_mr : bool
        False shows the network zeros in place of the MR.
    warm_start : int
        MLEM iterations of the start image; 0 starts from pure noise.
    consistency_em : int
        EM iterations on the clean image in the sampling step: 0 in DDIP, 5 or so with `adapt="none"` for PET-DDS.
    eta : float
        Share of fresh noise in the sampling step, 0 to 1 (see `ddim_step`).
    learning_rate, weight_decay : float
        Of AdamW.
    clip : float
        Largest norm of the gradient of one slice.
    reset_optimiser : bool
        New AdamW moments at every noise level; the weights are carried over.
    ceiling : float
        Upper bound of the clean image in units of the scale; activity above it is cut while sampling. inf = none.

    Raises
    ------
    ParameterError
        If a value is out of range, by name.
    """

    start: int = 200
    steps: int = 50
    fine_tunings: int = 2
    em_iterations: int = 5
    beta_over_s: float = 2e-5
    rank: int = 4
    targets: str = "all"
    adapt: str = "lora"
    data: str = "hqs"
    use_mr: bool = True
    warm_start: int = 20
    consistency_em: int = 0
    eta: float = 0.85
    learning_rate: float = 5e-4
    weight_decay: float = 0.01
    clip: float = 1.0
    reset_optimiser: bool = True
    ceiling: float = 1.0

    def __post_init__(self) -> None:
        """Check every value."""
        _whole("start", self.start, 1, math.inf)
        _whole("steps", self.steps, 1, self.start)
        _whole("warm_start", int(self.warm_start), 0, math.inf)
        for name in ("fine_tunings", "em_iterations"):
            _whole(name, getattr(self, name), 1, math.inf)
        _whole("consistency_em", self.consistency_em, 0, math.inf)
        _number("beta_over_s", self.beta_over_s, 0.0, 1e12)
        _number("eta", self.eta, 0.0, 1.0)
        _number("learning_rate", self.learning_rate, 0.0, 1.0)
        _number("weight_decay", self.weight_decay, 0.0, 1.0)
        for name in ("clip", "ceiling"):
            if not getattr(self, name) > 0:
                raise ParameterError(f"{name} is {getattr(self, name)!r}; a number above 0")
        for name, choices in (("adapt", ADAPT), ("data", DATA)):
            if getattr(self, name) not in choices:
                value = getattr(self, name)
                raise ParameterError(f"{name} is {value!r}.{did_you_mean(value, choices)}")
        if self.data == "none" and self.adapt != "none":
            raise ParameterError(f"adapt is {self.adapt!r} but data is 'none': there is nothing to adapt to")


def _whole(name: str, value: int, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        bounds = f"at least {low:g}" if math.isinf(high) else f"from {low:g} to {high:g}"
        cure = " (the sampling steps cannot outnumber the noise levels below start)" if name == "steps" else ""
        raise ParameterError(f"{name} is {value!r}; a whole number {bounds}{cure}")


def _number(name: str, value: float, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ParameterError(f"{name} is {value!r}; a number from {low:g} to {high:g}")
