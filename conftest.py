"""The kernels that nbval starts see what the report's kernels see; two workers, where pytest-xdist is there."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from mfrd.report.kernels import PREFIX, environment

ROOT = Path(__file__).resolve().parent


def pytest_configure(config):
    """The environment of nbval's kernels, as long as the tests last."""
    directory = tempfile.mkdtemp(prefix=PREFIX)
    settled = environment(os.environ, ROOT, directory)
    for name in set(os.environ) - set(settled):
        del os.environ[name]
    os.environ.update(settled)
    config.add_cleanup(lambda: shutil.rmtree(directory, ignore_errors=True))


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Two workers, and a file stays with one of them, unless the command line says otherwise.

    pytest-cov asks for workers before this file is read: `make test`, which counts lines, names them itself.
    """
    counted = getattr(config.option, "cov_source", None)
    if getattr(config.option, "numprocesses", 0) is None and not hasattr(config, "workerinput") and not counted:
        config.option.numprocesses = 2
        config.option.dist = "loadfile" if config.option.dist == "no" else config.option.dist


def pytest_collection_finish(session):
    """pytest-cov has read what to measure; nbval, told too, would wait for kernels that coverage already follows."""
    session.config.option.cov_source = None
