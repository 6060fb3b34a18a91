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
    (3, 42): ("cerebral-cortex", "grey"),
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
    (34, 66): ("white-matter-crowns", "white"),
    (78, 79): ("white-matter-hypointensities", "white"),
    (81, 82): ("grey-matter-hypointensities", "white"),
    (183, 184): ("vermis", "cerebellum-grey"),
    (5001, 5002): ("unsegmented-white-matter", "white"),
}
_SINGLE = {
    0: Region("air", "air"),
    14: Region("third-ventricle", "csf"),
    15: Region("fourth-ventricle", "csf"),
    BRAINSTEM: Region("brainstem", "brainstem"),
    CSF: Region("csf", "csf"),
    72: Region("fifth-ventricle", "csf"),
    77: Region("white-matter-hypointensities", "white"),
    80: Region("grey-matter-hypointensities", "white"),
    85: Region("optic-chiasm", "white"),
    130: Region("air-cavity", "air"),
    SKULL: Region("skull", "skull"),
    172: Region("vermis", "cerebellum-grey"),
    174: Region("pons", "brainstem"),
    192: Region("corpus-callosum", "white"),
    251: Region("corpus-callosum-posterior", "white"),
    252: Region("corpus-callosum-mid-posterior", "white"),
    253: Region("corpus-callosum-central", "white"),
    254: Region("corpus-callosum-mid-anterior", "white"),
    255: Region("corpus-callosum-anterior", "white"),
    257: Region("csf-outside", "csf"),
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
        table[3000 + number] = Region(f"left-white-{name}", "white")
        table[4000 + number] = Region(f"right-white-{name}", "white")
    for number in range(76):
        table[11100 + number] = Region(f"left-destrieux-{number:02d}", "grey")
        table[12100 + number] = Region(f"right-destrieux-{number:02d}", "grey")
    return dict(sorted(table.items()))


REGIONS: dict[int, Region] = _vocabulary()
"""FreeSurfer number → region, as `FreeSurferColorLUT.txt` has them: aseg, aparc+aseg (Desikan et al., NeuroImage
31:968, 2006), wmparc, aparc.a2009s+aseg (Destrieux et al., NeuroImage 53:1, 2010; by number) and PETsurfer's gtmseg."""


def region_of(label: int) -> Region:
    """Return the region of a label; a number outside the vocabulary is grey matter named ``label-N``."""
    return REGIONS.get(int(label), Region(f"label-{int(label)}", "grey"))


def labels_of(tissues: tuple[str, ...]) -> list[int]:
    """Return every label of the vocabulary that is made of one of `tissues`."""
    return [label for label, region in REGIONS.items() if region.tissue in tissues]


def base_name(name: str) -> str:
    """Return a region's name without its side: ``left-putamen`` → ``putamen``."""
    return name.removeprefix("left-").removeprefix("right-")


def side_of(name: str) -> str:
    """Return the side that a region's name tells: ``left``, ``right`` or nothing."""
    return next((side for side in ("left", "right") if name.startswith(f"{side}-")), "")
