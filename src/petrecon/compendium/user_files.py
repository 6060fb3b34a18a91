"""Check the files that a user gave in place of a choice, before a kernel is started for them."""

from __future__ import annotations

from pathlib import Path

from petrecon.compendium.runs import Run


def check_files(run: Run) -> None:
    """Read every scanner card, label map and file of weights that a run's parameters name by path.

    Raises
    ------
    CardError, InputError
        One line: the file, what is wrong with it, and the cure.
    """
    for value in run.parameters.values():
        if not isinstance(value, str) or not Path(value).is_absolute():
            continue
        if value.endswith((".yaml", ".yml")):
            from petrecon.projectors import load_scanner

            load_scanner(value)
        elif value.endswith(".safetensors"):
            from petrecon.ddip.pretrain import load_prior

            load_prior(value)
        else:
            from petrecon.phantoms.nifti import read_labels

            read_labels(value)
