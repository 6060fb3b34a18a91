"""petrecon: the library below the PET reconstruction compendium.

Floors, from the ground up; each may import those above it in this list and none below:
`provenance`, `projectors`, `phantoms`, `reconstruct`, `metrics`, `models`, `peft`; then `ddip`, `petite` and `deq`,
which do not know each other; `compendium`; and `studies`, which only notebooks use.
Start with `petrecon.projectors.load_scanner`, `petrecon.phantoms.simulate_exam` and `petrecon.reconstruct.mlem`.
"""

__version__ = "0.1.0"
