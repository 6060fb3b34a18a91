"""Networks: the score network of DDIP, UNETR and the 3D CVT-GAN of PETITE, and the files their weights live in.

Start with `ScoreNetwork` and `NoiseSchedule`, or with `build(UNETRSpec.small())` and
`build(CVTGANSpec.small())`. A network knows nothing of PET: images go in, images come out.
"""

from petrecon.models.build import build, build_discriminator
from petrecon.models.diffusion import NoiseSchedule
from petrecon.models.score import ScoreNetwork, ScoreSpec
from petrecon.models.shipped_trainings import weights_path
from petrecon.models.specs import CVTGANSpec, UNETRSpec
from petrecon.models.unetr import with_patch
from petrecon.models.weights import load_weights, save_weights

__all__ = [
    "CVTGANSpec",
    "NoiseSchedule",
    "ScoreNetwork",
    "ScoreSpec",
    "UNETRSpec",
    "build",
    "build_discriminator",
    "load_weights",
    "save_weights",
    "weights_path",
    "with_patch",
]
