"""Notebooks in processes of their own, several at a time, since executing one changes its process's environment."""

import multiprocessing
import os
import signal
import threading
import time
from dataclasses import dataclass, field
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait

from .execution import NotebookFailed, execute
from .outputs import ReportError

PATIENCE = 15  # seconds for a kernel to shut down after an interruption, before its process is ended


@dataclass(eq=False)
class Running:
    """A notebook that runs: its process, the pipe to it, its directory, when it began and the cell it is at."""

    name: str
    process: multiprocessing.Process
    pipe: Connection
    work: object
    began: float = field(default_factory=time.perf_counter)
    cell: tuple = (0, 0, "")


def launch(name, source, work, parameters):
    """Start executing `source` into the directory `work`, in a new process. -> Running"""
    context = _server()
    ours, theirs = context.Pipe()
    output = work / f"{name}.ipynb"
    process = context.Process(target=_child, args=(theirs, dict(os.environ), source, output, parameters))
    try:
        process.start()
    except BaseException:
        ours.close()  # the process, if there is one, stops
        raise
    finally:
        theirs.close()
    return Running(name, process, ours, work)


def _server():
    """The context whose processes are forked from one that has no threads, and that has imported what they need.

    It starts with SIGINT blocked, so that a terminal's Ctrl-C never finds it, nor a process of its, half started.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    resource_tracker.ensure_running()  # it would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


def ended(running, on_cell):
    """Wait until some of `running` have ended. -> list of (Running, None or what the failure said)

    `on_cell()` is called whenever one of them, whose .cell then says so, has come to another cell.
    """
    while True:
        finished = []
        ready = wait([each.pipe for each in running])
        for each in [each for each in running if each.pipe in ready]:
            try:
                what, value = each.pipe.recv()
            except (EOFError, OSError):
                what, value = "failed", None
            if what == "cell":
                each.cell = value
                on_cell()
                continue
            each.process.join()
            finished.append((each, (value or _died(each)) if what == "failed" else None))
        if finished:
            return finished


def stop(running):
    """Interrupt all of `running`, let them shut their kernels down, and end those that do not in time."""
    for each in running:
        each.pipe.close()
    deadline = time.monotonic() + PATIENCE
    try:
        for each in running:
            each.process.join(max(0.0, deadline - time.monotonic()))
    finally:
        for each in running:
            each.process.kill()
            each.process.join()


def _died(each):
    i, n, heading = each.cell
    code = each.process.exitcode
    how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
    return (
        f"{each.name} failed at code cell {i} of {n}"
        + (f", under {heading!r}" if heading else "")
        + f": its process {how}; expected it to run to the end. Memory running out is the usual cause: use fewer --jobs"
    )


def _child(pipe, environment, source, output, parameters):
    """In the new process: execute, tell the parent of each cell and of the end, and stop when the parent lets go."""

    def once(number, frame):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C and the parent's word come to the same
        raise KeyboardInterrupt

    def listen():
        pipe.poll(None)  # the parent sends nothing: there is something to read when it closes the pipe, or is gone
        signal.pthread_kill(main_thread, signal.SIGINT)

    main_thread = threading.get_ident()
    signal.signal(signal.SIGINT, once)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    os.environ.clear()
    os.environ.update(environment)  # the server's is that of its first start
    threading.Thread(target=listen, daemon=True).start()
    try:
        execute(source, output, parameters=parameters, on_cell=lambda *cell: pipe.send(("cell", cell)))
        pipe.send(("done", None))
    except (NotebookFailed, ReportError) as error:
        pipe.send(("failed", str(error)))
    except (KeyboardInterrupt, BrokenPipeError, ConnectionResetError):
        os._exit(130)  # the kernel is shut down by now
