"""What the networks import: not more than they use."""

import subprocess
import sys

SCRIPT = """
import sys
import petrecon.models, petrecon.peft, petrecon.ddip, petrecon.petite, petrecon.deq
print(*sys.modules)
network = petrecon.models.ScoreNetwork(petrecon.models.ScoreSpec(channels=(8, 16), attention=(False, False)))
petrecon.ddip.SliceAdapter(network, petrecon.ddip.DDIPSettings(), 1, 0)
petrecon.models.build(petrecon.models.UNETRSpec.small())
print(*sys.modules)
"""


def test_networks_import_no_library_that_they_do_not_use():
    """Importing the methods takes neither MONAI nor peft; building and adapting networks takes MONAI alone."""
    command = [sys.executable, "-c", SCRIPT]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    at_import, with_networks = (set(line.split()) for line in output.splitlines()[-2:])
    assert not at_import & {"monai", "peft", "transformers", "matplotlib", "pandas", "optuna"}
    assert {"monai", "torch"} <= with_networks
    assert not with_networks & {"peft", "transformers", "accelerate", "torch._dynamo"}
