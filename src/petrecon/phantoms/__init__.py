"""Digital patients: anatomies from wheels, tracers, kinetics and simulated exams.

Start with `make_subject` (a head on an image grid), `activity` or `dynamic_activity` (kBq/mL) and
`simulate_exam` (counts). World axes are RAS in mm; every image has an empty border; the same seed gives the
same result, bit for bit.
"""

from petrecon.phantoms.anatomy import Anatomy, anatomy_names, load_anatomy
from petrecon.phantoms.dynamic import Dynamic, Protocol, dynamic_activity, load_protocol, protocol_names
from petrecon.phantoms.exams import Exam, simulate_exam
from petrecon.phantoms.frames import Frames
from petrecon.phantoms.lesions import Hypometabolism, Lesion
from petrecon.phantoms.splits import SPLITS, check_disjoint, split_of
from petrecon.phantoms.subjects import Subject, make_subject
from petrecon.phantoms.tracers import Tracer, activity, load_tracer, tracer_names
from petrecon.phantoms.user_activity import ActivityMap, load_activity, place_activity

__all__ = [
    "SPLITS",
    "ActivityMap",
    "Anatomy",
    "Dynamic",
    "Exam",
    "Frames",
    "Hypometabolism",
    "Lesion",
    "Protocol",
    "Subject",
    "Tracer",
    "activity",
    "anatomy_names",
    "check_disjoint",
    "dynamic_activity",
    "load_activity",
    "load_anatomy",
    "load_protocol",
    "load_tracer",
    "make_subject",
    "place_activity",
    "protocol_names",
    "simulate_exam",
    "split_of",
    "tracer_names",
]
