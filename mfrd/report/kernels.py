"""What a kernel sees: the same whoever runs it, so that a user's own settings show in no figure, number or notebook.

A matplotlibrc, an IPython profile and start-up file, the locale and the number of threads stay outside. What runs the
notebooks, `python -m mfrd report`, `refresh` and the tests, starts its kernels in `environment`.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

# sums of several threads round differently, and notebooks that run at once would fight for the cores
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
SETTLED = {
    **dict.fromkeys(ONE_THREAD, "1"),
    "LC_ALL": "C.UTF-8",
    "MATPLOTLIBRC": os.devnull,
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "PYTHONHASHSEED": "0",
}
PREFIX = "mfrd-ipython-"  # of directories for IPython's profiles
OWN = ("IPYTHON_STARTUP", "LANGUAGE", "PYTHONSTARTUP", "PYTHONWARNINGS")  # of the user's: dropped


def environment(given: Mapping[str, str], root: Path, profile: str) -> dict[str, str]:
    """The environment of a kernel: `given` with `root` first on Python's path, and nothing of a user's settings.

    profile: a directory for IPython's, empty at first.
    """
    kept = {name: value for name, value in given.items() if name not in OWN}
    path = os.pathsep.join([str(root), *filter(None, [given.get("PYTHONPATH")])])
    return {**kept, **SETTLED, "IPYTHONDIR": profile, "PYTHONPATH": path}


@contextmanager
def profile() -> Iterator[str]:
    """A directory for IPython's profile that lasts as long as the kernel."""
    with TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as directory:
        yield directory
