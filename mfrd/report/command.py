"""The command line, `python -m mfrd`: each subcommand imports what it needs when it runs."""

import argparse
import sys


def build_parser():
    """The argument parser; a subcommand is a function that takes the parsed arguments and returns an exit status."""
    parser = argparse.ArgumentParser(prog="python -m mfrd", description="Run the report, or keep its notebooks fresh.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    report = commands.add_parser(
        "report",
        help="run every notebook in order and write figures/ and results/",
        description="Run the notebooks in order through papermill, in runs/. A notebook that succeeds at the "
        "published defaults replaces its files in figures/ and results/, all or none; what a killed run left "
        "unfinished is completed first.",
    )
    _add_selection(report)
    report.add_argument(
        "-p",
        dest="parameters",
        metavar="name=value",
        action="append",
        default=[],
        help="override a name of the parameters cells; figures/ and results/ then stay as they are",
    )
    report.add_argument("--solver", metavar="S", help="shorthand for -p solver=S")
    report.set_defaults(run=_report)

    refresh = commands.add_parser(
        "refresh",
        help="re-execute the paired .ipynb in place",
        description="Re-execute each notebooks/*.ipynb from its .py; one that fails is left as it was.",
    )
    _add_selection(refresh)
    refresh.set_defaults(run=_refresh)

    claims = commands.add_parser(
        "claims",
        help="judge every claim of the report from results/",
        description="Print each claim, what we measure and the verdict, computed from results/. The exit status is 1 "
        "when a verdict differs from the one recorded in results/claims.json.",
    )
    claims.add_argument("--record", action="store_true", help="accept the verdicts and write the record")
    claims.set_defaults(run=_claims)

    paper = commands.add_parser(
        "paper",
        help="set paper/paper.pdf, and the numbers of the README, from results/ and figures/",
        description="Judge the claims, write the numbers of README.md, then set paper/paper.pdf with Typst; "
        "a missing number or a warning is an error.",
    )
    paper.set_defaults(run=_paper)

    html = commands.add_parser(
        "html",
        help="export the executed notebooks and an index to site/",
        description="Export notebooks/*.ipynb as pages that need no network, styles and formulas inside, to site/.",
    )
    html.set_defaults(run=_html)
    return parser


def main(arguments=None):
    """Run one subcommand and return its exit status: 0 done, 1 failed, 2 a wrong request, 130 interrupted."""
    options = build_parser().parse_args(arguments)
    try:
        return options.run(options)
    except KeyboardInterrupt:
        print("\ninterrupted; a notebook that ran has published nothing", file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        print(f"error: {error}; expected the packages of the report: pip install 'mfrd[report]'", file=sys.stderr)
        return 1
    except OSError as error:
        from .outputs import remedied

        print(f"error: {remedied(error, 'a file')}", file=sys.stderr)
        return 1


def _add_selection(parser):
    parser.add_argument(
        "--only",
        metavar="NAME",
        nargs="+",
        action="extend",
        default=[],
        help="these notebooks only, each by its name or a unique prefix (01 for 01_validation)",
    )
    parser.add_argument(
        "--jobs",
        metavar="N",
        type=int,
        default=1,
        help="run N notebooks at once, each in a process of its own and after those whose results it reads",
    )
    parser.add_argument(
        "--keep-going",
        action="store_true",
        help="after a failure run the notebooks that do not read what it would have published; the exit status is 1",
    )


def _report(options):
    from ..solvers.choice import SOLVERS
    from .outputs import root
    from .run import parse_parameters, report

    if options.solver not in (None, *SOLVERS):
        print(f"error: --solver {options.solver}; expected one of {', '.join(SOLVERS)}", file=sys.stderr)
        return 2
    solver = [f"solver={options.solver}"] if options.solver is not None else []
    given = options.parameters + solver
    status = _guard(
        lambda: report(
            root(),
            only=options.only,
            parameters=parse_parameters(given),
            jobs=options.jobs,
            keep_going=options.keep_going,
        )
    )
    whole = not options.only and not given and (root() / "paper").is_dir()
    return _paper(options) if whole and not status else status


def _refresh(options):
    from .outputs import root
    from .run import refresh

    return _guard(lambda: refresh(root(), only=options.only, jobs=options.jobs, keep_going=options.keep_going))


def _claims(options):
    from .claims.table import ClaimError, check

    try:
        return 0 if check(_whole_root(), record=options.record) else 1
    except ClaimError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _paper(options):
    import io

    from .claims.table import ClaimError, check
    from .outputs import root
    from .paper import PaperError, build
    from .readme import update

    try:
        stream = io.StringIO()
        if not check(_whole_root(), stream=stream):
            print(stream.getvalue().rpartition("\n\n")[2], file=sys.stderr)
            return 1
        update(root())
        print(f"set {build(root()).relative_to(root())} and the numbers of README.md", file=sys.stderr)
    except (ClaimError, PaperError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _html(options):
    from .site import export

    return _guard(lambda: print(f"wrote {len(export(_whole_root()))} pages; open site/index.html", file=sys.stderr))


def _whole_root():
    """Root of the repository, its figures/ and results/ whole: what a killed run left half published is completed."""
    from .outputs import root
    from .publication import recover

    recover(root())
    return root()


def _guard(action):
    """Exit status of `action`, whose expected failures become messages instead of tracebacks."""
    from .execution import NotebookFailed, ReportError

    try:
        action()
    except ReportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except NotebookFailed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
