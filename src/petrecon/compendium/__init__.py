"""The compendium: notebooks with checked parameters, runs with receipts, a claims ledger, and the book.

In a notebook, start with `record`, `save_array`, `say`, `show`, `table` and `image`; `profile_sizes` gives
the sizes of a profile and `load_numbers` reads what another notebook recorded. At the command line, start
with `petrecon --help`.
"""

from petrecon.compendium.figures import image, show, style
from petrecon.compendium.matrix import planned_runs
from petrecon.compendium.other_runs import load_array, load_numbers
from petrecon.compendium.profiles import profile_sizes
from petrecon.compendium.reading import as_interval
from petrecon.compendium.results import record, record_backend, save_array, say, uses
from petrecon.compendium.tables import table
from petrecon.compendium.words import ranking, trend

__all__ = [
    "as_interval",
    "image",
    "load_array",
    "load_numbers",
    "planned_runs",
    "profile_sizes",
    "ranking",
    "record",
    "record_backend",
    "save_array",
    "say",
    "show",
    "style",
    "table",
    "trend",
    "uses",
]
