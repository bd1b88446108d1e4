"""The page of every public name: signature and docstring, in the order in which a reader needs them."""

import dataclasses
import html
import inspect
import re
import sys
import textwrap

ORDER = (
    "problems.source",
    "problems.fidelity",
    "problems.distortion",
    "problems.problem",
    "solvers.choice",
    "solvers.solution",
    "solvers.encoder",
    "codebooks.refinement",
    "bounds.limits",
    "codebooks.lloyd",
    "quantisers.scalar",
    "quantisers.vector",
    "quantisers.quantiser",
    "quantisers.annealing",
    "coding.codec",
    "coding.container",
    "coding.stream",
    "solvers.certificate",
    "bounds.supremum",
    "solvers.blahut",
)  # modules; one that is missing here comes last
LONG = 44  # characters of a default value from which it is left out
CODE = re.compile(
    r"`([^`]+)`|(?<!\w)((?:mfrd|numpy)?\.[A-Za-z]\w*(?:\.\w+)*)"
    r"|\b((?!(?:sum|min|max|lam|theta|log)_)[a-z]{2,}(?:_[a-z]{2,})+)(?![\w^])"
)
INDEX = re.compile(r"\b(sum|min|max|sup|lam|theta|[A-Za-z]|[a-z]+(?=_[a-z]\b))_(?:\{([^}]*)\}|([a-z0-9]{1,2})\b)")
POWER = re.compile(r"\^(-?\w+)")
SIGNS = {"-&gt;": "→", "&lt;=": "≤", "&gt;=": "≥", "&lt;-": "←"}
LETTERS = {"sum": "∑", "lam": "<i>λ</i>", "theta": "<i>θ</i>"}

STYLE = """<style>
.api h3 { font-size: 1rem; font-weight: 600; margin: 1.9rem 0 .2rem; }
.api h3 code, .api dt code { font-size: .78rem; overflow-wrap: anywhere; }
.api h3 code { display: block; padding-left: 2rem; text-indent: -2rem; }
.api h3 a { color: inherit; }
.api section { border-top: 1px solid var(--rule); margin-top: 2.2rem; }
.api p { margin: .45rem 0; hyphens: manual; } .api p code { font-size: .75rem; }
.api .lead { font-style: italic; } .api .names { margin: .1rem 0; } .api .names a { white-space: nowrap; }
.api sub, .api sup { font-size: .7em; line-height: 0; } .api pre { margin: .5rem 0 .5rem 1.2rem; }
.api dl { margin: .4rem 0 0 1.2rem; } .api dd { margin: 0 0 .4rem 1.2rem; } .api dd p { margin: .2rem 0; }
</style>
"""


def page():
    """The body of the page: a list of names, then a section for each module that has some."""
    groups = grouped()
    names = "".join(
        f"<p class=names><b>{heading(module)[0]}.</b> "
        + ", ".join(f'<a href="#{name}"><code>{name}</code></a>' for name in members)
        + "</p>\n"
        for module, members in groups
    )
    sections = "".join(
        f"<section>\n<h2>{heading(module)[0]}</h2>\n<p>{heading(module)[1]}</p>\n"
        + "".join(map(entry, members))
        + "</section>\n"
        for module, members in groups
    )
    return (
        f"{STYLE}<div class=api>\n<h1>Every public name of mfrd</h1>\n"
        "<p>From the docstrings; <code>help(mfrd.solve)</code> shows the same. Rates are in bits, prices in bits per "
        f"unit of distortion.</p>\n{names}{sections}</div>"
    )


def grouped():
    """[(module, names), ...] of the public names, modules in reading order, names as their modules define them."""
    import mfrd

    modules = {}
    for name in mfrd.__all__:
        modules.setdefault(getattr(mfrd, name).__module__, []).append(name)
    place = {f"mfrd.{module}": at for at, module in enumerate(ORDER)}
    line = lambda name: inspect.getsourcelines(getattr(mfrd, name))[1]
    return [(m, sorted(modules[m], key=line)) for m in sorted(modules, key=lambda m: (place.get(m, len(ORDER)), m))]


def heading(module):
    """(title, what it says) of a module as HTML: the first paragraph of its docstring, parted at the colon."""
    first = " ".join((inspect.getdoc(sys.modules[module]) or "").split("\n\n")[0].split())
    title, _, rest = first.partition(": ")
    return prose(title.partition(", and ")[0].rstrip(".")), prose(rest[:1].upper() + rest[1:])


def entry(name):
    """One public name: signature, docstring, and what it has."""
    import mfrd

    thing = getattr(mfrd, name)
    call = html.escape(f"mfrd.{name}{signature(thing)}")
    title = f'<h3 id="{name}"><a href="#{name}"><code>{call}</code></a></h3>\n'
    return title + docstring(inspect.getdoc(thing)) + (members(thing) if inspect.isclass(thing) else "")


def signature(thing):
    """The call of a function or class as text, without annotations, the same in every process."""
    try:
        call = inspect.signature(thing)
    except ValueError:  # an exception that takes what Exception takes
        return "(message)"
    parameters = [p.replace(annotation=p.empty, default=shown(p)) for p in call.parameters.values()]
    return str(call.replace(parameters=parameters, return_annotation=call.empty))


class Verbatim(str):
    """A default value that is written as it stands."""

    __repr__ = str.__str__


def shown(parameter):
    """The default of a parameter, a function by its name and a long value as dots."""
    value = parameter.default
    if value is parameter.empty:
        return value
    text = value.__name__ if callable(value) else repr(value).replace("slice(None, None, None)", "slice(None)")
    return Verbatim(text if len(text) < LONG else "...")


def members(thing):
    """The documented public attributes and methods of a class, a definition list."""
    found, fields = [], {f.name for f in dataclasses.fields(thing)} if dataclasses.is_dataclass(thing) else set()
    for name, member in vars(thing).items():
        function = getattr(member, "__func__", member)
        documented = inspect.getdoc(function) if callable(function) or hasattr(function, "__get__") else None
        if name.startswith("_") or name in fields or not documented:
            continue
        call = re.sub(r"\(self(?:, )?", "(", signature(getattr(thing, name))) if callable(function) else ""
        owner = thing.__name__ if isinstance(member, (classmethod, staticmethod)) else ""
        found.append(
            f"<dt><code>{html.escape(f'{owner}.{name}{call}')}</code></dt><dd>{docstring(documented, lead='')}</dd>\n"
        )
    return f"<dl>\n{''.join(found)}</dl>\n" if found else ""


def docstring(text, lead=' class="lead"'):
    """A docstring as HTML: indented paragraphs and examples as they stand, the others as prose."""
    parts = []
    for number, paragraph in enumerate(re.split(r"\n\s*\n|\n(?=Raises |Source: )", text)):
        if paragraph.startswith(">>>"):
            parts.append(f'<div class="highlight">{highlighted(paragraph)}</div>')
            continue
        look = lead if number == 0 else ""
        for block in re.findall(r"(?:^ .*\n?)+|(?:^\S.*\n?)+", paragraph, re.MULTILINE):
            as_it_stands = f"<pre>{html.escape(textwrap.dedent(block).rstrip())}</pre>"
            parts.append(as_it_stands if block.startswith(" ") else f"<p{look}>{prose(block)}</p>")
    return "\n".join(parts) + "\n"


def highlighted(example):
    """A doctest in the colours of the notebooks' code."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonConsoleLexer

    return f"<pre>{highlight(example, PythonConsoleLexer(), HtmlFormatter(nowrap=True))}</pre>"


def prose(text):
    """Running text as HTML: names as code, formulas with their indices, the words Raises and Source emphasised."""
    held = []

    def code(match):
        held.append(f"<code>{match[1] or match[2] or match[3]}</code>")
        return f"\0{len(held) - 1}\0"

    text = CODE.sub(code, html.escape(" ".join(text.split()), quote=False))
    for sign, shown_as in SIGNS.items():
        text = text.replace(sign, shown_as)
    text = INDEX.sub(lambda m: f"{LETTERS.get(m[1], m[1])}<sub>{m[2] or m[3]}</sub>", text)
    text = re.sub(r"\blam\b", "<i>λ</i>", POWER.sub(r"<sup>\1</sup>", text))
    text = re.sub("\0(\\d+)\0", lambda m: held[int(m[1])], text)
    return re.sub(r"^(Raises\b|Source:)", r"<b>\1</b>", text)
