r"""A subject's short and long scan: six 5-minute frames, measured as counts and reconstructed one by one.

.. math:: \text{short} = \hat x_1, \qquad \text{long} = \tfrac16 \sum_{t=1}^{6} \hat x_t

Every frame has its own noise, and the short scan is one of the six: the noise of both is correlated with
:math:`\rho \approx 1/\sqrt6`, as in the clinical data (Kim et al. 2024, Fig. 1; ADNI FDG protocol).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from petrecon import paths
from petrecon.petite.instrument import Instrument
from petrecon.petite.population import Member
from petrecon.phantoms import Frames, Subject, activity, make_subject, simulate_exam
from petrecon.phantoms.anatomy import anatomy_key
from petrecon.phantoms.regions import BRAIN_TISSUES
from petrecon.provenance.files import data_hash

FRAMES = Frames((300.0,) * 6)
TRACER = "fdg"
DRIFT = 0.02
"""Growth of the (decay-corrected) uptake of grey matter per frame: FDG is still being trapped from 30 to 60 min
after injection, while white matter and scalp hardly change (this project's round value)."""

GREY = ("grey", "deep-grey", "cerebellum-grey")


def exam_key(member: Member, instrument: Instrument, dose: float) -> dict[str, Any]:
    """Return everything the volumes of an exam depend on besides code."""
    return {
        **anatomy_key(member.anatomy),
        "seed": member.seed,
        "findings": [(low.region, low.factor) for low in member.hypometabolic_regions()],
        "scanner": instrument.scanner.model_dump(by_alias=True, exclude={"sources"}),
        "coarsening": instrument.coarsening,
        "reconstruction": instrument.reconstruction.as_dict(),
        "tracer": data_hash(paths.data_dir() / "tracers" / f"{TRACER}.yaml"),
        "frames": FRAMES.durations_s,
        "dose": dose,
    }


def member_subject(member: Member, instrument: Instrument) -> Subject:
    """Return a member's head on the instrument's grid, with its findings."""
    return make_subject(
        member.anatomy,
        member.seed,
        image_shape=instrument.geometry.image_shape,
        voxel_size=instrument.geometry.voxel_size,
        dims=3,
        slice_mm=instrument.reconstruction.axial_centre_mm,
        hypometabolism=member.hypometabolic_regions(),
    )


def frame_activity(subject: Subject, seed: int) -> Tensor:
    """Return the true activity of every frame, (6, *grid) kBq/mL, decay-corrected to the first frame's start."""
    base = activity(subject, TRACER, seed)
    grey = subject.paint({n: 1.0 for n, r in subject.regions.items() if r.tissue in GREY})
    growth = torch.arange(len(FRAMES), dtype=torch.float32).reshape(-1, 1, 1, 1) * DRIFT
    return base * (1 + growth * grey)


def simulate(member: Member, instrument: Instrument, dose: float = 1.0) -> dict[str, Tensor]:
    r"""Simulate and reconstruct one member's exam: 30 minutes at the rate of the scanner's reference exam.

    Parameters
    ----------
    member : Member
    instrument : Instrument
        Of the member's scanner.
    dose : float
        In (0, 4].

    Returns
    -------
    dict of (*grid) tensors
        ``short``, ``long``: reconstructed, kBq/mL; ``ideal``: the reconstruction of noise-free counts of the mean
        activity, what perfect denoising would show; ``truth``: mean true activity over the frames; ``brain``: bool.

    Raises
    ------
    ParameterError
        If the dose is out of range.
    """
    subject = member_subject(member, instrument)
    frames = frame_activity(subject, member.seed)
    truth = frames.mean(0)
    exam = simulate_exam(
        subject,
        frames,
        instrument.scanner,
        dose,
        member.seed,
        coarsening=instrument.coarsening,
        projector=instrument.projector,
        frames=FRAMES,
        duration_s=sum(FRAMES.durations_s),
        **instrument.overrides,
    )
    ideal, background = exam.noise_free(truth)  # one more frame, as long as the first
    model = exam.model.changed(
        scale=torch.cat([exam.model.scale, exam.model.scale[:1]]),
        background=torch.cat([exam.model.background, background[None]]),
    )
    images = instrument.reconstruction.reconstruct(torch.cat([exam.counts, ideal[None]]), model)
    brain = {n: 1.0 for n, r in subject.regions.items() if r.tissue in BRAIN_TISSUES and r.tissue != "csf"}
    return {
        "short": images[0].clone(),
        "long": images[:-1].mean(0),
        "ideal": images[-1].clone(),
        "truth": truth,
        "brain": subject.paint(brain) > 0.5,
    }
