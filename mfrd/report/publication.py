"""Publication: a notebook's figures and results reach `figures/` and `results/` as one set, whatever ends the run.

Each file is whole because it is moved by one atomic replacement. The set is whole because a journal,
`runs/.publication.json`, names the files and their digests before the first of them is moved and goes after the last.
A run killed before the journal is written has published nothing of that notebook; one killed later has published
all of it once the journal is replayed, as every command does first. Only `runs/` knows of a set cut short: keep it
until the next command has run.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from .outputs import ReportError, write_atomic

FOLDERS = ("figures", "results", "results/proofs")
JOURNAL, LOCK = "runs/.publication.json", "runs/.lock"
WORK = ".run-"  # prefix of the directories of runs that have not ended
TEMPORARY = re.compile(r"\..+\.(\d+)\.tmp")  # of outputs.write_atomic: the process that writes it
PATIENCE = 2.0  # seconds that a child of a run just killed, not yet a program of its own, may hold the lock
WRITTEN = (
    ".",
    "figures",
    "results",
    "results/proofs",
    "notebooks",
    "paper",
)  # where write_atomic writes, in the repository


class Busy(ReportError):
    """Another run holds the repository."""


@contextlib.contextmanager
def exclusive(root: Path, lock: str = LOCK) -> Iterator[None]:
    """Hold the directory `root` for one run, by its file `lock`; the system releases it when the process ends.

    Raises
    ------
    Busy
        Where another process holds it.
    """
    path, deadline = Path(root) / lock, time.monotonic() + PATIENCE
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+", encoding="utf-8") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.05)
            if time.monotonic() > deadline:
                file.seek(0)
                said = f"process {file.read().strip() or 'unknown'} is running notebooks of {root}"
                raise Busy(f"{said}; expected one run at a time: wait for it, or end it")
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def check_folders(root: Path, folders: Iterable[str] = FOLDERS) -> None:
    """Raise ReportError where one of `folders` of `root` cannot receive what `runs/` holds."""
    for folder in (root / name for name in folders):
        if folder.exists() and not folder.is_dir():
            raise ReportError(f"{folder} is a file; expected a directory: move it away")
        try:
            folder.mkdir(exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            said = f"{folder}: {error.strerror}; expected a directory to write to: make it writable, with some room"
            raise ReportError(said) from error
        if folder.stat().st_dev != (root / "runs").stat().st_dev:
            said = f"{folder} and {root / 'runs'} are on two file systems"
            raise ReportError(f"{said}; expected one, so that a file moves whole")


def publish(root: Path, staging: Path) -> list[Path]:
    """Move the figures and results staged in `staging` into those of `root`, all or none; returns their paths.

    Raises
    ------
    OSError
        Where a file cannot be moved; the journal then stays, and `recover` moves the rest.
    """
    staged = [path for name in FOLDERS for path in sorted((staging / name).glob("[!.]*")) if path.is_file()]
    files = {str(path.relative_to(staging)): digest(path) for path in staged}
    if files:
        journal = {"staging": str(staging.relative_to(root)), "files": files}
        write_atomic(root / JOURNAL, (json.dumps(journal, indent=1) + "\n").encode())
        try:
            replay(root)
        except KeyboardInterrupt:
            replay(root)
            raise
    return [Path(name) for name in files]


def replay(root: Path) -> tuple[str, list[str], list[str]]:
    """Move what the journal of `root` names and is not moved yet, then remove it; returns (notebook, moved, lost).

    A file is lost where neither the staged one nor the published one has the digest of the journal.

    Raises
    ------
    ReportError
        Where the journal is none.
    """
    path = root / JOURNAL
    try:
        journal = json.loads(path.read_text(encoding="utf-8"))
        staging, files = root / journal["staging"], dict(journal["files"])
    except (ValueError, KeyError, TypeError) as error:
        said = f"{path} is no record of files to publish ({error!r}); expected what `publish` writes"
        raise ReportError(f"{said}: delete it, then run python -m mfrd report") from error
    moved, lost = [], []
    for name, expected in files.items():
        staged, target = staging / name, root / name
        if staged.is_file() and digest(staged) == expected:
            target.parent.mkdir(exist_ok=True)
            os.replace(staged, target)
            moved.append(name)
        elif not target.is_file() or digest(target) != expected:
            lost.append(name)
    path.unlink()
    return staging.name, moved, lost


def digest(path: Path) -> str:
    """SHA-256 of the file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def mend(root: Path, stream: TextIO) -> None:
    """Complete a publication that was cut short, saying so in one line on `stream`, and remove what killed runs left.

    These are temporary files of processes that are gone, and directories of unfinished runs. The caller holds
    `exclusive`.
    """
    if (root / JOURNAL).is_file():
        name, moved, lost = replay(root)
        ending = f"; the set is complete now, {len(moved)} files were missing"
        if lost:
            again = f"make the set again with: python -m mfrd report --only {name}"
            ending = f", and {', '.join(lost)} is gone from runs/; {again}"
        print(f"{name}: a run was killed while it published{ending}", file=stream, flush=True)
    for path in (path for folder in WRITTEN for path in (root / folder).glob(".*.tmp")):
        match = TEMPORARY.fullmatch(path.name)
        if match and not alive(int(match[1])):
            path.unlink(missing_ok=True)
    for path in (path for runs in ("runs", "runs/refresh") for path in (root / runs).glob(f"{WORK}*")):
        shutil.rmtree(path, ignore_errors=True)  # a kernel that outlived its run may still write there


def recover(root: Path) -> None:
    """`mend` the repository `root` unless a run holds it: what reads figures/ and results/ then reads whole sets."""
    if (root / JOURNAL).is_file():
        with contextlib.suppress(Busy), exclusive(root):
            mend(root, sys.stderr)


def alive(process: int) -> bool:
    """Whether a process of that number exists, of whatever user."""
    try:
        os.kill(process, 0)
    except OSError as error:
        return error.errno == errno.EPERM
    return True
