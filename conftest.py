"""The kernels that nbval starts see what the report's kernels see: this tree's module, inline figures, one thread."""

import os
from pathlib import Path

os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(Path(__file__).resolve().parent), *filter(None, [os.environ.get("PYTHONPATH")])]
)
os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"


def pytest_collection_finish(session):
    """pytest-cov has read what to measure; nbval, told too, would wait for kernels that coverage already follows."""
    session.config.option.cov_source = None
