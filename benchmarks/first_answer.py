"""From a clean clone to the first certified answer, as a newcomer gets there, timed.

    make bench        writes results/first_answer.json; `python -m mfrd paper` then writes the README's numbers

Two ways, each in a directory of its own that is removed afterwards: `make`, which installs requirements.lock into
.venv, and `pip install .` into a fresh environment. Then the first example of the README runs up to its first line of
output. What is installed comes over the network, or from the cache of pip or uv: most of the time where that is slow.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mfrd.report.outputs import write_atomic  # noqa: E402


def example():
    """The README's first example up to the line that prints the rate and its gap, which it prints as JSON."""
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL).group(1)
    first, _, _ = code.partition("print(")
    return first + "import json\nprint(json.dumps([solution.rate, solution.gap, solution.solver]))\n"


def run(command, **options):
    """Seconds that a command took and what it printed; its own messages where it fails."""
    clean = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    start = time.perf_counter()
    done = subprocess.run(command, env=clean, capture_output=True, text=True, **options)
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr[-2000:]}")
    return seconds, done.stdout


def by_make(clone, folder):
    """(seconds, python) of the environment that every make target makes first."""
    return run(["make", ".venv/.ready"], cwd=clone)[0], clone / ".venv" / "bin" / "python"


def by_pip(clone, folder):
    """(seconds, python) of a fresh environment with the module installed by pip."""
    python = folder / "environment" / "bin" / "python"
    made, _ = run([sys.executable, "-m", "venv", folder / "environment"])
    return made + run([python, "-m", "pip", "install", "--quiet", clone])[0], python


def first_answer(install):
    """Seconds of clone, environment and example, and the answer, one way."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        clone_seconds, _ = run(["git", "clone", "--quiet", ROOT, folder / "clone"])
        install_seconds, python = install(folder / "clone", folder)
        (folder / "example.py").write_text(example(), encoding="utf-8")
        seconds, printed = run([python, "example.py"], cwd=folder)
    rate, gap, solver = json.loads(printed)
    parts = {"clone": clone_seconds, "environment": install_seconds, "example": seconds}
    return {
        "seconds": {**{name: round(value, 1) for name, value in parts.items()}, "total": round(sum(parts.values()), 1)},
        "rate_bits": float(f"{rate:.7g}"),
        "gap_below_1e-6_bits": gap < 1e-6,
        "solver": solver,
    }


def main():
    """Both ways, then results/first_answer.json."""
    results = {"make": first_answer(by_make), "pip": first_answer(by_pip), "cores": os.cpu_count()}
    print(json.dumps(results, indent=1), file=sys.stderr)
    write_atomic(ROOT / "results" / "first_answer.json", (json.dumps(results, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
