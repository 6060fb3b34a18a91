"""The compendium: notebooks with checked parameters, runs with receipts, a claims ledger, and the book.

In a notebook, start with `record`, `save_array`, `show_text`, `show` and `table`; `panels` makes a grid of slices,
`curves` a plot and `compare` a table of methods in one call each; `profile_sizes` gives the sizes of a profile and
`load_numbers` reads what another notebook recorded. At the command line, start with `petrecon --help`.
"""

from petrecon.compendium.notebook.alt_text import ranking, trend
from petrecon.compendium.notebook.compare import Compared, compare
from petrecon.compendium.notebook.curves import curves
from petrecon.compendium.notebook.figures import image, show, style
from petrecon.compendium.notebook.load import load_array, load_numbers
from petrecon.compendium.notebook.panels import panels
from petrecon.compendium.notebook.record import record, record_backend, save_array, show_text, track_input
from petrecon.compendium.notebook.tables import table
from petrecon.compendium.runs.plan import planned_runs
from petrecon.compendium.runs.profiles import profile_sizes
from petrecon.compendium.runs.reading import as_interval

__all__ = [
    "Compared",
    "as_interval",
    "compare",
    "curves",
    "image",
    "load_array",
    "load_numbers",
    "panels",
    "planned_runs",
    "profile_sizes",
    "ranking",
    "record",
    "record_backend",
    "save_array",
    "show_text",
    "show",
    "style",
    "table",
    "trend",
    "track_input",
]
