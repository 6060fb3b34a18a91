"""Recipes: which method in which part, and which combinations are possible."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from petrecon.errors import ParameterError, did_you_mean
from petrecon.peft.parts import PARTS, Part

METHODS = {
    "lora": "LoRA",
    "adapters": "Adapters",
    "ssf": "SSF",
    "vpt": "VPT",
    "layernorm": "LayerNorm",
    "ia3": "(IA)³",
}
"""Methods that act in a part, with their printed names."""

MIXED = ("lora", "adapters", "ssf", "vpt")
"""The additive methods of the paper: what Mix-PEFT combines."""

_BATCHNORM = ("frozen", "adapt")


@dataclass(frozen=True)
class Recipe:
    """How to adapt a network.

    Attributes
    ----------
    encoder, decoder : str or None
        Method in that part, of `METHODS`.
    bitfit : bool
        Train every bias of the base network too.
    full : bool
        Train everything; excludes the above.
    rank : int or None
        Of LoRA. None here and below: the paper's value for the architecture and part. Scaling α/r = 2 always.
    reduction : int or None
        An adapter's bottleneck is width // reduction (at least 1).
    prompts : tuple of int or None
        Prompts per stage of the part.
    dora : bool
        Learn the magnitude of each adapted weight as well (DoRA); only where LoRA acts on whole layers.
    batchnorm : str
        "frozen": running statistics are used and stay as they are, in training too. "adapt": they follow the data.
    """

    encoder: str | None = None
    decoder: str | None = None
    bitfit: bool = False
    full: bool = False
    rank: int | None = None
    reduction: int | None = None
    prompts: tuple[int, ...] | None = None
    dora: bool = False
    batchnorm: str = "frozen"

    def __post_init__(self) -> None:
        for method in (self.encoder, self.decoder):
            if method is not None and method not in METHODS:
                raise ParameterError(f"there is no method {method!r}.{did_you_mean(method, METHODS)}")
        if self.batchnorm not in _BATCHNORM:
            raise ParameterError(f"batchnorm is {self.batchnorm!r}: choose one of {', '.join(_BATCHNORM)}")
        if self.full and (self.encoder or self.decoder or self.bitfit):
            raise ParameterError("full fine-tuning trains everything: give no method and no bitfit beside it")
        for name, value in (("rank", self.rank), ("reduction", self.reduction)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ParameterError(f"{name} is {value!r}: give a whole number from 1")
        if self.prompts is not None and not all(type(n) is int for n in self.prompts):
            raise ParameterError(f"prompts are {self.prompts}: give whole numbers, one per stage")
        if self.prompts is not None and (min(self.prompts, default=0) < 0 or max(self.prompts, default=0) == 0):
            raise ParameterError(f"prompts are {self.prompts}: give numbers from 0, not all 0")

    @property
    def label(self) -> str:
        """Printed name, e.g. ``LoRA → SSF + BitFit``."""
        if self.full:
            return "Full-FT"
        parts = [METHODS[m] if m else "–" for m in (self.encoder, self.decoder)]
        methods = "" if not (self.encoder or self.decoder) else " → ".join(dict.fromkeys(parts))
        return " + ".join(filter(None, (methods, "BitFit" if self.bitfit else ""))) or "No-FT"


def part_of(architecture: str, part: str) -> Part:
    """Return a part of an architecture.

    Raises
    ------
    ParameterError
        On an unknown architecture or part.
    """
    if architecture not in PARTS:
        raise ParameterError(f"there is no architecture {architecture!r}.{did_you_mean(architecture, PARTS)}")
    if part not in ("encoder", "decoder"):
        raise ParameterError(f"there is no part {part!r}: choose encoder or decoder")
    found: Part = getattr(PARTS[architecture], part)
    return found


def reason_against(architecture: str, part: str, method: str) -> str | None:
    """Return the reason why a part cannot have a method, or None when it can.

    Parameters
    ----------
    architecture : str
        "unetr", "cvt-gan" or "cvt-gan-discriminator".
    part : {"encoder", "decoder"}
    method : str
        One of `METHODS`.

    Returns
    -------
    str or None
    """
    modules = part_of(architecture, part)
    needed = {"vpt": modules.prompts}.get(method, getattr(modules, method, ""))
    if needed:
        return None
    return modules.without.get(method, "it has no module for it")


def check_feasible(architecture: str, recipe: Recipe) -> None:
    """Refuse a method that a part cannot have.

    Raises
    ------
    ParameterError
        It names the method, the part and the reason.
    """
    for part, method in (("encoder", recipe.encoder), ("decoder", recipe.decoder)):
        reason = reason_against(architecture, part, method) if method else None
        if reason:
            raise ParameterError(f"{METHODS[str(method)]} is not feasible in the {part} of {architecture}: {reason}")


def single_methods(architecture: str) -> dict[str, Recipe]:
    """Return the rows of Table 1 by name: one method, where the paper's percentages say it acts, and PETITE.

    In CVT-GAN a method acts in encoder and decoder, prompts in the encoder only; in UNETR all act in the encoder.

    Parameters
    ----------
    architecture : {"cvt-gan", "unetr"}

    Returns
    -------
    dict of Recipe
    """
    part_of(architecture, "encoder")
    both = architecture == "cvt-gan"
    rows = {"no-ft": Recipe(), "full-ft": Recipe(full=True, batchnorm="adapt")}
    rows["layernorm"] = Recipe("layernorm", "layernorm" if both else None)
    rows["bitfit"] = Recipe(bitfit=True)
    for method in MIXED:
        rows[method] = Recipe(method, method if both and method != "vpt" else None)
    rows["petite"] = petite_recipe(architecture)
    return rows


def petite_recipe(architecture: str) -> Recipe:
    """Return the paper's best mix: VPT → LoRA in CVT-GAN, LoRA → SSF in UNETR, both with BitFit.

    Parameters
    ----------
    architecture : {"cvt-gan", "unetr"}

    Returns
    -------
    Recipe

    Examples
    --------
    >>> petite_recipe("unetr").label
    'LoRA → SSF + BitFit'
    """
    pairs = {"cvt-gan": ("vpt", "lora"), "unetr": ("lora", "ssf")}
    if architecture not in pairs:
        raise ParameterError(f"PETITE is not defined for {architecture!r}.{did_you_mean(architecture, pairs)}")
    encoder, decoder = pairs[architecture]
    return Recipe(encoder, decoder, bitfit=True)


def mixes(architecture: str) -> dict[str, Recipe]:
    """Return every feasible Mix-PEFT by name (``lora->ssf``), each with BitFit: Tables 6 and 7.

    The rule: two different additive methods, one per part, each finding the modules it needs there. That gives 12 for
    CVT-GAN, transformer on both sides, and 9 for UNETR, whose decoder has no tokens to prompt. Adapters in the encoder
    of UNETR then have the reduction of Table 7, 16.

    Parameters
    ----------
    architecture : {"cvt-gan", "unetr"}

    Returns
    -------
    dict of Recipe
    """
    found = {}
    for encoder, decoder in product(MIXED, MIXED):
        pair = (("encoder", encoder), ("decoder", decoder))
        if encoder == decoder or any(reason_against(architecture, part, method) for part, method in pair):
            continue
        reduction = 16 if (architecture, encoder) == ("unetr", "adapters") else None
        found[f"{encoder}->{decoder}"] = Recipe(encoder, decoder, bitfit=True, reduction=reduction)
    return found
