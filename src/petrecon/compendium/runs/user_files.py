"""Check the files that a user gave in place of a choice, before a kernel is started for them."""

from __future__ import annotations

import sys
from pathlib import Path

from petrecon.compendium.runs.parameters import TABLE
from petrecon.compendium.runs.run import Run


def check_files(run: Run, quiet: bool = True) -> None:
    """Read every scanner card, label map and file of weights that a run's parameters name by path.

    Unless `quiet`, one line on stderr says how a label map was read.

    Raises
    ------
    CardError, InputError
        One line: the file, what is wrong with it, and the cure.
    """
    for name, value in run.parameters.items():
        if not isinstance(value, str) or not Path(value).is_absolute() or name == TABLE:
            continue
        if value.endswith((".yaml", ".yml")):
            from petrecon.projectors import load_scanner

            load_scanner(value)
        elif value.endswith(".safetensors"):
            from petrecon.ddip.pretrain import load_prior

            load_prior(value)
        else:
            from petrecon.phantoms.user_labels import understood

            table = run.parameters.get(TABLE)
            told = understood(value, None if table is None else str(table))
            if not quiet:
                print(told, file=sys.stderr)
