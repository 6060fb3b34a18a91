"""Projectors: scanner cards, lines of response, Joseph's line integrals and the model of a PET exam.

Start with `load_scanner("biograph-mmr").geometry("quick")`, give it to `make_projector(geometry)`, and put the
result into `AcquisitionModel(...)`. Everything below knows nothing of brains, tracers or learning. Images are
indexed (x, y[, z]) in mm about the centre of the field of view, sinograms (radial, views[, planes]) in
counts.
"""

from petrecon.projectors.acquisition import AcquisitionModel, attenuation_factors
from petrecon.projectors.drawing import draw_scanner, draw_scanner_views
from petrecon.projectors.elementary import Diagonal, GaussianResolution
from petrecon.projectors.geometry import Geometry
from petrecon.projectors.interleaved import InterleavedProjector
from petrecon.projectors.operator import LinearOperator
from petrecon.projectors.projector import available_backends, make_projector
from petrecon.projectors.scanner import CoarsenedScanner, ReferenceExam, Scanner, load_scanner, scanner_names

__all__ = [
    "AcquisitionModel",
    "CoarsenedScanner",
    "Diagonal",
    "GaussianResolution",
    "Geometry",
    "InterleavedProjector",
    "LinearOperator",
    "ReferenceExam",
    "Scanner",
    "attenuation_factors",
    "available_backends",
    "draw_scanner",
    "draw_scanner_views",
    "load_scanner",
    "make_projector",
    "scanner_names",
]
