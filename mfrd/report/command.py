"""The command line, `python -m mfrd`: each subcommand imports what it needs when it runs."""

import argparse
import io
import sys
from pathlib import Path


def build_parser() -> argparse.ArgumentParser:
    """The argument parser; a subcommand is a function that takes the parsed arguments and returns an exit status."""
    parser = argparse.ArgumentParser(prog="python -m mfrd", description="Run the report, or keep its notebooks fresh.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    added = {}
    for action in (_report, _refresh, _claims, _paper, _html, _verify):
        help_, _, description = (action.__doc__ or "").partition("\n\n")
        help_ = help_[:1].lower() + help_[1:].rstrip(".")
        added[action] = commands.add_parser(action.__name__[1:], help=help_, description=description)
        added[action].set_defaults(run=action)
    for action in (_report, _refresh):
        add, said = added[action].add_argument, "these notebooks only, each by its name or a unique prefix"
        add("--only", metavar="NAME", nargs="+", action="extend", default=[], help=said)
        said = "run N notebooks at once, each after those whose results it reads"
        add("--jobs", metavar="N", type=int, default=1, help=said)
        said = "after a failure run the notebooks that do not read what it would have published; the exit status is 1"
        add("--keep-going", action="store_true", help=said)
    said = "override a name of the parameters cells; figures/ and results/ then stay as they are"
    add = added[_report].add_argument
    add("-p", dest="parameters", metavar="name=value", action="append", default=[], help=said)
    add("--solver", metavar="S", help="shorthand for -p solver=S")
    added[_claims].add_argument("--record", action="store_true", help="accept the verdicts and write the record")
    said = "files of proofs, or folders of them; results/proofs where none is named"
    added[_verify].add_argument("paths", metavar="PATH", nargs="*", help=said)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand and return its exit status: 0 done, 1 failed, 2 a wrong request, 130 interrupted."""
    options = build_parser().parse_args(arguments)
    from .outputs import ReportError, remedied

    try:
        return options.run(options)
    except KeyboardInterrupt:
        print("\ninterrupted; a notebook that ran has published nothing", file=sys.stderr)
        return 130
    except ReportError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.status
    except ModuleNotFoundError as error:
        print(f"error: {error}; expected the packages of the report: pip install 'mfrd[report]'", file=sys.stderr)
    except OSError as error:
        print(f"error: {remedied(error, 'a file')}", file=sys.stderr)
    return 1


def _report(options: argparse.Namespace) -> int:
    """Run every notebook in order and write figures/ and results/.

    Run the notebooks in order through papermill, in runs/. A notebook that succeeds at the published defaults replaces
    its files in figures/ and results/, all or none; what a killed run left unfinished is completed first.
    """
    from ..solvers.choice import SOLVERS
    from .outputs import ReportError, root
    from .run import parse_parameters, report

    if options.solver not in (None, *SOLVERS):
        raise ReportError(f"--solver {options.solver}; expected one of {', '.join(SOLVERS)}")
    given = options.parameters + [f"solver={options.solver}"] * (options.solver is not None)
    parameters = parse_parameters(given)
    report(root(), only=options.only, parameters=parameters, jobs=options.jobs, keep_going=options.keep_going)
    return _paper(options) if not options.only and not given and (root() / "paper").is_dir() else 0


def _refresh(options: argparse.Namespace) -> int:
    """Re-execute the paired .ipynb in place.

    Re-execute each notebooks/*.ipynb from its .py; one that fails is left as it was.
    """
    from .outputs import root
    from .run import refresh

    refresh(root(), only=options.only, jobs=options.jobs, keep_going=options.keep_going)
    return 0


def _claims(options: argparse.Namespace) -> int:
    """Judge every claim of the report from results/.

    Print each claim, what we measure and the verdict, computed from results/. The exit status is 1 when a verdict
    differs from the one recorded in results/claims.json.
    """
    from .claims.table import check

    return 0 if check(_whole_root(), record=options.record) else 1


def _paper(options: argparse.Namespace) -> int:
    """Set paper/paper.pdf, and the numbers of the README, from results/ and figures/.

    Judge the claims, write the numbers of README.md, then set paper/paper.pdf with Typst; a missing number or a warning
    is an error. Last comes ro-crate-metadata.json, which says what made what.
    """
    from . import crate
    from .claims.table import ClaimError, check
    from .paper import PaperError, build
    from .readme import update

    root, stream = _whole_root(), io.StringIO()
    try:
        if not check(root, stream=stream):
            print(stream.getvalue().rpartition("\n\n")[2], file=sys.stderr)
            return 1
        update(root)
    except ClaimError as error:
        raise PaperError(str(error)) from error
    print(f"set {build(root).relative_to(root)} and the numbers of README.md", file=sys.stderr)
    print(f"wrote {crate.write(root).relative_to(root)}", file=sys.stderr)
    return 0


def _html(options: argparse.Namespace) -> int:
    """Export the executed notebooks and an index to site/.

    Export notebooks/*.ipynb as pages that need no network, styles and formulas inside, to site/.
    """
    from .site import export

    print(f"wrote {len(export(_whole_root()))} pages; open site/index.html", file=sys.stderr)
    return 0


def _verify(options: argparse.Namespace) -> int:
    """Check proofs in exact arithmetic.

    Check each file of a proof, in ball arithmetic and by a checker that shares no code with the rest of the module, and
    print a line: its hash, L <= R <= U in bits, U - L, and what R is. The exit status is 1 where one does not hold.
    """
    from ..bounds.proof import refused
    from .outputs import ReportError

    paths = [Path(name) for name in options.paths] or [_whole_root() / "results" / "proofs"]
    files = [file for path in paths for file in (sorted(path.glob("[!.]*")) if path.is_dir() else [path])]
    if not files:
        raise ReportError(
            f"no proofs in {', '.join(map(str, paths))}; expected files that mfrd.prove wrote: make report"
        )
    return int(any([refused(file) for file in files]))


def _whole_root() -> Path:
    """Root of the repository, its figures/ and results/ whole: what a killed run left half published is completed."""
    from .outputs import root
    from .publication import recover

    recover(root())
    return root()
