"""One vocabulary of regions for every anatomy: FreeSurfer's numbers, each with a name and a tissue."""

from __future__ import annotations

from typing import NamedTuple

TISSUES = (
    "air",
    "grey",
    "white",
    "deep-grey",
    "cerebellum-grey",
    "cerebellum-white",
    "brainstem",
    "csf",
    "skull",
    "scalp",
)
BRAIN_TISSUES = ("grey", "white", "deep-grey", "cerebellum-grey", "cerebellum-white", "brainstem", "csf")

WHITE_LEFT, WHITE_RIGHT, CSF, SKULL, SCALP, BRAINSTEM = 2, 41, 24, 165, 258, 16


class Region(NamedTuple):
    """A labelled region: its FreeSurfer name and the tissue it is made of (one of `TISSUES`)."""

    name: str
    tissue: str


_CORTEX = [
    "unknown",
    "bankssts",
    "caudalanteriorcingulate",
    "caudalmiddlefrontal",
    "corpuscallosum",
    "cuneus",
    "entorhinal",
    "fusiform",
    "inferiorparietal",
    "inferiortemporal",
    "isthmuscingulate",
    "lateraloccipital",
    "lateralorbitofrontal",
    "lingual",
    "medialorbitofrontal",
    "middletemporal",
    "parahippocampal",
    "paracentral",
    "parsopercularis",
    "parsorbitalis",
    "parstriangularis",
    "pericalcarine",
    "postcentral",
    "posteriorcingulate",
    "precentral",
    "precuneus",
    "rostralanteriorcingulate",
    "rostralmiddlefrontal",
    "superiorfrontal",
    "superiorparietal",
    "superiortemporal",
    "supramarginal",
    "frontalpole",
    "temporalpole",
    "transversetemporal",
    "insula",
]

_PAIRED = {  # left number, right number, name, tissue
    (2, 41): ("cerebral-white-matter", "white"),
    (4, 43): ("lateral-ventricle", "csf"),
    (5, 44): ("inferior-lateral-ventricle", "csf"),
    (7, 46): ("cerebellum-white-matter", "cerebellum-white"),
    (8, 47): ("cerebellum-cortex", "cerebellum-grey"),
    (10, 49): ("thalamus", "deep-grey"),
    (11, 50): ("caudate", "deep-grey"),
    (12, 51): ("putamen", "deep-grey"),
    (13, 52): ("pallidum", "deep-grey"),
    (17, 53): ("hippocampus", "grey"),
    (18, 54): ("amygdala", "grey"),
    (26, 58): ("accumbens", "deep-grey"),
    (28, 60): ("ventral-dc", "deep-grey"),
    (30, 62): ("vessel", "csf"),
    (31, 63): ("choroid-plexus", "csf"),
}
_SINGLE = {
    0: Region("air", "air"),
    14: Region("third-ventricle", "csf"),
    15: Region("fourth-ventricle", "csf"),
    BRAINSTEM: Region("brainstem", "brainstem"),
    CSF: Region("csf", "csf"),
    77: Region("white-matter-hypointensities", "white"),
    80: Region("grey-matter-hypointensities", "white"),
    85: Region("optic-chiasm", "white"),
    SKULL: Region("skull", "skull"),
    192: Region("corpus-callosum", "white"),
    251: Region("corpus-callosum-posterior", "white"),
    252: Region("corpus-callosum-mid-posterior", "white"),
    253: Region("corpus-callosum-central", "white"),
    254: Region("corpus-callosum-mid-anterior", "white"),
    255: Region("corpus-callosum-anterior", "white"),
    SCALP: Region("scalp", "scalp"),
}


def _vocabulary() -> dict[int, Region]:
    table = dict(_SINGLE)
    for (left, right), (name, tissue) in _PAIRED.items():
        table[left] = Region(f"left-{name}", tissue)
        table[right] = Region(f"right-{name}", tissue)
    for number, name in enumerate(_CORTEX):
        tissue = "white" if name == "corpuscallosum" else "grey"
        table[1000 + number] = Region(f"left-{name}", tissue)
        table[2000 + number] = Region(f"right-{name}", tissue)
    return dict(sorted(table.items()))


REGIONS: dict[int, Region] = _vocabulary()
"""FreeSurfer number → region (`FreeSurferColorLUT.txt`; Desikan et al., NeuroImage 31:968, 2006)."""


def region_of(label: int) -> Region:
    """Return the region of a label; a number outside the vocabulary is grey matter named ``label-N``."""
    return REGIONS.get(int(label), Region(f"label-{int(label)}", "grey"))


def labels_of(tissues: tuple[str, ...]) -> list[int]:
    """Return every label of the vocabulary that is made of one of `tissues`."""
    return [label for label, region in REGIONS.items() if region.tissue in tissues]


def base_name(name: str) -> str:
    """Return a region's name without its side: ``left-putamen`` → ``putamen``."""
    return name.removeprefix("left-").removeprefix("right-")
