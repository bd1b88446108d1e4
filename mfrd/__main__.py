"""`python -m mfrd`: the command line of the report."""

import sys

from .report.command import main

if __name__ == "__main__":
    sys.exit(main())
