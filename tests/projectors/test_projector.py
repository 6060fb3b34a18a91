from __future__ import annotations

import logging
import sys

import pytest
import torch

from petrecon.errors import InputError, MissingError, ParameterError
from petrecon.projectors import available_backends, make_projector


def test_auto_takes_the_matrix_when_it_fits(tiny):
    assert make_projector(tiny).backend == "matrix"


def test_auto_takes_joseph_when_the_matrix_does_not_fit_and_says_so(tiny, caplog):
    with caplog.at_level(logging.WARNING):
        chosen = make_projector(tiny, memory_budget=100)
    assert chosen.backend == "joseph"
    assert "using backend 'joseph'" in caplog.text
    assert "memory_budget allows" in caplog.text


def test_a_backend_is_named_with_the_version_of_what_computes_it(tiny, backend):
    chosen = make_projector(tiny, backend)
    assert chosen.backend == backend
    assert chosen.backend_version == available_backends()[backend]
    assert any(part[0].isdigit() for part in chosen.backend_version.split())


def test_a_misspelt_backend_names_the_nearest(tiny):
    with pytest.raises(ParameterError, match="Did you mean 'joseph'"):
        make_projector(tiny, "josef")


@pytest.mark.parametrize("dtype", [torch.float16, torch.int32])
def test_a_precision_that_no_backend_has_is_refused(tiny, dtype):
    with pytest.raises(InputError, match="float32 or torch.float64"):
        make_projector(tiny, dtype=dtype)


def test_parallelproj_that_is_missing_names_the_conda_command(tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "parallelproj_core", None)
    with pytest.raises(MissingError, match="conda install -c conda-forge"):
        make_projector(tiny, "parallelproj")


def test_importing_the_package_does_not_import_what_it_may_not_need():
    """numba, scipy and matplotlib wait until something is projected or drawn."""
    import subprocess

    code = (
        "import sys, petrecon.projectors; "
        "print([m for m in ('numba', 'scipy', 'matplotlib', 'monai', 'nibabel') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
