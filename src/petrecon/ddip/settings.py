"""What a DDIP reconstruction is made of: one settings object, from which every variant follows by argument."""

from __future__ import annotations

from dataclasses import dataclass

from petrecon.errors import ParameterError
from petrecon.settings_checks import check_choice, check_number, check_whole

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

    Examples
    --------
    >>> DDIPSettings(adapt="none", consistency_em=5).steps
    50
    >>> DDIPSettings(eta=2)
    Traceback (most recent call last):
    petrecon.errors.ParameterError: eta is 2: give a number from 0 to 1
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
        check_whole(self, "start", "fine_tunings", "em_iterations", "rank", low=1)
        cure = " (the sampling steps cannot outnumber the noise levels below start)"
        check_whole(self, "steps", low=1, high=self.start, cure=cure)
        check_whole(self, "warm_start", "consistency_em")
        check_number(self, "beta_over_s", high=1e12)
        check_number(self, "eta", "learning_rate", "weight_decay", high=1.0)
        check_number(self, "clip", "ceiling", open=True)
        check_choice(self, "adapt", ADAPT)
        check_choice(self, "data", DATA)
        if self.data == "none" and self.adapt != "none":
            raise ParameterError(f"adapt is {self.adapt!r} but data is 'none': there is nothing to adapt to")
