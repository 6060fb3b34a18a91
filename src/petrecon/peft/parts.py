"""Where each method acts: one table of modules per architecture, part by part."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import nn

from petrecon.errors import ParameterError


@dataclass(frozen=True)
class Part:
    """The modules of one part of a network that a method may change, as regular expressions over module names.

    An empty expression: the part has no such module, and a method that needs it is not feasible there.

    Attributes
    ----------
    lora : str
        Layers given a low-rank update: q and k only, as in Fig. 3a.
    adapters : str
        Modules followed by a bottleneck, inside the residual connection (Fig. 3b).
    ssf : str
        Modules whose output is scaled and shifted (Fig. 3c).
    ssf_shared : str
        Those among them that share one scale and shift within their block.
    prompts : mapping
        Regular expression → voxels of the input per token and axis, one entry per stage (Fig. 3d).
    layernorm : str
        Affine layer norms.
    ia3, ia3_inputs : str
        Layers rescaled by (IA)³, and those among them rescaled at their input.
    rank, reduction, prompt_counts
        The paper's values.
    without : mapping
        Method → why this part cannot have it.
    """

    lora: str = ""
    adapters: str = ""
    ssf: str = ""
    ssf_shared: str = ""
    prompts: Mapping[str, int] = field(default_factory=dict)
    layernorm: str = ""
    ia3: str = ""
    ia3_inputs: str = ""
    rank: int = 8
    reduction: int = 8
    prompt_counts: tuple[int, ...] = ()
    without: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Parts:
    """The parts of an architecture; `unused` matches modules built for the published count and never called."""

    encoder: Part
    decoder: Part
    unused: str = "(?!)"


def _stages(names: Mapping[str, int], prompt_counts: tuple[int, ...], *, scaled_embedding: bool) -> Part:
    """Return the part made of these CVT stages: name → voxels of the input per token."""
    stages = f"(?:{'|'.join(names)})"
    block = rf"{stages}\.blocks\.\d+"
    shared = rf"{block}\.attn\.proj_[qkv]"
    inside = rf"{block}\.(?:norm[12]|attn\.proj(?:_[qkv])?|mlp\.fc[12])"
    return Part(
        lora=rf"{block}\.attn\.conv_[qk]",
        adapters=rf"{block}\.mlp",
        ssf=rf"{inside}|{stages}\.(?:embed|norm)" if scaled_embedding else inside,
        ssf_shared=shared,
        prompts={rf"{name}\.blocks\.\d+\.norm[12]": voxels for name, voxels in names.items()},
        layernorm=rf"{stages}\.norm|{block}\.norm[12]",
        ia3=rf"{block}\.(?:attn\.proj_[kv]|mlp\.fc2)",
        ia3_inputs=rf"{block}\.mlp\.fc2",
        prompt_counts=prompt_counts,
    )


_VIT = r"vit\.blocks\.\d+"
_CONVOLUTIONAL = "it is convolutional: it has no"
_UNETR_ENCODER = Part(
    lora=rf"{_VIT}\.attn\.to_[qk]",
    adapters=rf"{_VIT}\.mlp",
    ssf=rf"vit\.patch_embedding\.patch_embeddings|vit\.norm|{_VIT}\.(?:norm[12]|attn\.(?:to_[qkv]|out_proj)|mlp\.linear[12])",
    prompts={rf"{_VIT}\.attn": 16},
    layernorm=rf"vit\.norm|{_VIT}\.norm[12]",
    ia3=rf"{_VIT}\.(?:attn\.to_[kv]|mlp\.linear2)",
    ia3_inputs=rf"{_VIT}\.mlp\.linear2",
    rank=4,
    reduction=32,
    prompt_counts=(50,),
)
# not its 1³ shortcut: the library cannot merge a LoRA of a 1³ convolution (peft 0.21)
_UNETR_DECODER = Part(
    lora=r"decoder2\.conv_block\.conv[12]\.conv",
    adapters=r"decoder2\.conv_block",
    ssf=r"decoder2\.conv_block\.norm[12]",
    ia3=r"decoder2\.conv_block\.conv[12]\.conv",
    rank=4,
    reduction=4,
    without={
        "vpt": f"{_CONVOLUTIONAL} sequence of tokens that a prompt could join",
        "layernorm": f"{_CONVOLUTIONAL} layer norm",
    },
)
_NO_DECODER = Part(
    without=dict.fromkeys(("lora", "adapters", "ssf", "vpt", "layernorm", "ia3"), "it has none: it ends in its patches")
)

PARTS: dict[str, Parts] = {
    "unetr": Parts(_UNETR_ENCODER, _UNETR_DECODER),
    "cvt-gan": Parts(
        _stages({"encoder1": 4, "encoder2": 8, "encoder3": 16}, (0, 8, 32), scaled_embedding=True),
        _stages({"decoder1_up": 8, "decoder2_up": 4}, (32, 8), scaled_embedding=False),
        unused=r"shortcut[123]\.unused",
    ),
    "cvt-gan-discriminator": Parts(
        _stages({"stage1": 8, "stage2": 16}, (8, 8), scaled_embedding=True), _NO_DECODER, unused="unused"
    ),
}
"""UNETR: the encoder is the vision transformer, the decoder its last block (the only one the paper adapts).
CVT-GAN: encoder stages 1-3 and decoder stages 1-2, the transformer stages (Kim et al. 2024, Fig. 2)."""


def architecture_of(network: nn.Module) -> str:
    """Return the architecture's key in `PARTS`.

    Raises
    ------
    ParameterError
        If the table has none for this network.
    """
    spec = getattr(network, "spec", None)
    name = getattr(spec, "architecture", type(network).__name__)
    if type(network).__name__ == "Discriminator":
        name = f"{name}-discriminator"
    if name not in PARTS:
        raise ParameterError(f"no parts are known of a {name}: give one of {', '.join(PARTS)}")
    return str(name)


def matching(network: nn.Module, expression: str) -> dict[str, nn.Module]:
    """Return the modules whose whole name matches, by name; none for an empty expression."""
    if not expression:
        return {}
    return {name: module for name, module in network.named_modules() if re.fullmatch(expression, name)}
