"""A user's settings show in no figure, number or notebook, and JupyterLab, nbval and papermill work as they are."""

import asyncio
import io
import json
import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import jupytext
import matplotlib.pyplot as plt
import nbformat
from helpers.notebook_factory import save, write_notebook
from jupyter_server.extension.manager import ExtensionPackage
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

from mfrd.report import execution, kernels, outputs, plot, saved
from mfrd.report.run import refresh

ROOT = outputs.root()
FORMATS = "#   jupytext:\n#     formats: ipynb,py:percent\n#     text_representation:\n#       extension: .py\n"
FORMATS += "#       format_name: percent\n#       format_version: '1.3'\n"
PROFILE = 'c.InteractiveShell.ast_node_interactivity = "all"\nc.InteractiveShellApp.exec_lines = ["n = 99"]\n'
SEEN = "import locale, os\nn\nlocale.setlocale(locale.LC_ALL, ''), os.environ.get('LANGUAGE'), 'startup' in globals()"


def paired_notebook(root, name, *cells, **options):
    """A notebook whose header is that of the repository's own, with its pair, executed."""
    shutil.copy(ROOT / "pyproject.toml", root)
    source = write_notebook(root, name, *cells, **options)
    source.write_text(source.read_text().replace("# jupyter:\n", f"# jupyter:\n{FORMATS}", 1))
    refresh(root, only=[name], stream=io.StringIO())
    return source


# --- settings of a user --------------------------------------------------------------------------


def test_a_matplotlibrc_a_profile_a_startup_file_and_a_locale_do_not_show(tmp_path, monkeypatch):
    source = write_notebook(tmp_path, "01_a", SEEN, "from mfrd.report import plot\nplot.use_style()", save("01_a"))
    execution.execute(source, tmp_path / "plain" / "01_a.ipynb")
    home = tmp_path / "home"
    (home / "ipython" / "profile_default").mkdir(parents=True)
    (home / "ipython" / "profile_default" / "ipython_config.py").write_text(f"c = get_config()\n{PROFILE}")
    (home / "matplotlibrc").write_text("axes.facecolor: yellow\nlines.linewidth: 9\nsavefig.transparent: True\n")
    (home / "startup.py").write_text("startup = True\n")
    for name, value in {
        "IPYTHONDIR": home / "ipython",
        "MATPLOTLIBRC": home / "matplotlibrc",
        "PYTHONSTARTUP": home / "startup.py",
        "LC_ALL": "POSIX",
        "LANGUAGE": "de",
        "OMP_NUM_THREADS": "7",
    }.items():
        monkeypatch.setenv(name, str(value))
    execution.execute(source, tmp_path / "own" / "01_a.ipynb")
    found = {
        place: {path.relative_to(place): path.read_bytes() for path in place.rglob("*") if path.is_file()}
        for place in (tmp_path / "plain", tmp_path / "own")
    }
    first, second = found.values()
    assert len(first) == 3 and first == second
    cell = nbformat.read(tmp_path / "own" / "01_a.ipynb", as_version=4).cells[2]
    assert "UTF-8" in str(cell.outputs) and "None, False" in str(cell.outputs)
    assert os.environ["IPYTHONDIR"] == str(home / "ipython")  # of this process nothing changed


def test_the_style_is_whole_whatever_was_set_before():
    with plt.rc_context():
        plot.use_style()
        wanted = dict(plt.rcParams)
        plt.rcParams.update({"axes.facecolor": "yellow", "savefig.transparent": True, "font.weight": "bold"})
        plot.use_style()
        assert dict(plt.rcParams) == wanted and wanted["axes.facecolor"] == "white"


def test_the_tests_own_kernels_see_the_same():
    wanted = kernels.environment(os.environ, ROOT, os.environ["IPYTHONDIR"])
    for name in (*kernels.SETTLED, "IPYTHONDIR"):
        assert os.environ[name] == wanted[name]
    assert not set(kernels.OWN) & set(os.environ) and kernels.PREFIX in os.environ["IPYTHONDIR"]


# --- JupyterLab ----------------------------------------------------------------------------------

LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
    "version": "3.11.99",
}


def opened_and_saved(root, path, *, extension=True, change=lambda notebook: None):
    """Open a notebook and save it as the front end does, through jupytext's own contents manager."""
    manager = jupytext.build_async_jupytext_contents_manager_class(AsyncLargeFileManager)(root_dir=str(root))
    if extension:
        saved._load_jupyter_server_extension(SimpleNamespace(contents_manager=manager))

    async def through():
        content = (await manager.get(path, type="notebook"))["content"]
        content["metadata"]["language_info"] = LANGUAGE
        change(content)
        return await manager.save({"type": "notebook", "format": "json", "content": content}, path)

    return asyncio.run(through())


def pair(source):
    return source.read_bytes(), source.with_suffix(".ipynb").read_bytes()


def run_again(notebook):
    """What running all cells leaves in a front end: times, new names of widgets, and cells' ids of its own."""
    for cell in notebook["cells"]:
        cell["id"] += "-again"
        cell["metadata"] |= {"execution": {"iopub.status.busy": "2026"}} if cell["cell_type"] == "code" else {}
    for view in saved.views(notebook):
        view["model_id"] = "f" * 32


def run_twice(notebook):
    """What running all cells leaves where the kernel has run them before: counts that go on."""
    for cell in (cell for cell in notebook["cells"] if cell["cell_type"] == "code"):
        cell["execution_count"] += 7
        for output in (output for output in cell["outputs"] if "execution_count" in output):
            output["execution_count"] += 7


def test_opening_saving_and_running_in_jupyterlab_leaves_both_files_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(saved, "root", lambda: tmp_path)
    cells = "print(n)\nn", "import ipywidgets\nipywidgets.IntSlider(value=3)"
    source = paired_notebook(tmp_path, "01_a", *cells)
    before = pair(source)
    for path in ("notebooks/01_a.ipynb", "notebooks/01_a.py"):
        for change in (lambda notebook: None, run_again, run_twice):
            assert opened_and_saved(tmp_path, path, change=change).get("message") is None
            assert pair(source) == before
    opened_and_saved(
        tmp_path, "notebooks/01_a.ipynb", change=lambda notebook: notebook["cells"][2].update(source="n + 1")
    )
    assert [b"n + 1" in data for data in pair(source)] == [True, True]  # what is edited is saved
    opened_and_saved(
        tmp_path, "notebooks/01_a.ipynb", change=lambda notebook: notebook["cells"][1].update(execution_count=9)
    )
    assert b'"execution_count": 9' in pair(source)[1]  # a cell that was run again stays so
    opened_and_saved(tmp_path, "notebooks/01_a.ipynb", extension=False)
    assert b"3.11.99" in pair(source)[1] and b"metadata_filter" in pair(source)[0]  # what the extension is for


def test_what_a_cell_prints_comes_before_what_it_warns_of():
    stream = lambda name, text: nbformat.v4.new_output("stream", name=name, text=text)
    shown = nbformat.v4.new_output("display_data", {"text/plain": "x"})
    raced = [stream("stderr", "w"), stream("stdout", "a"), stream("stderr", "v"), stream("stdout", "b")]
    cell = nbformat.v4.new_code_cell("1", outputs=[*raced, shown, stream("stderr", "u")])
    notebook = saved.normalise(nbformat.v4.new_notebook(cells=[cell]))
    assert notebook.cells[0].outputs == [stream("stdout", "ab"), stream("stderr", "wv"), shown, stream("stderr", "u")]


def test_notebooks_of_other_places_are_saved_as_they_come(tmp_path):
    source = paired_notebook(tmp_path, "01_a", "n")
    opened_and_saved(tmp_path, "notebooks/01_a.ipynb")
    assert b"3.11.99" in pair(source)[1]


def test_make_enables_the_extension_in_its_environment_and_in_any_other():
    listed = json.loads((ROOT / "mfrd" / "report" / "mfrd.json").read_text())["ServerApp"]["jpserver_extensions"]
    assert listed == {"mfrd.report.saved": True}
    makefile = (ROOT / "Makefile").read_text()
    assert "cp mfrd/report/mfrd.json .venv/etc/jupyter/jupyter_server_config.d/" in makefile
    assert "-m jupyterlab" in makefile and "--ServerApp.jpserver_extensions=mfrd.report.saved=True" in makefile
    assert list(ExtensionPackage(name="mfrd.report.saved", enabled=True).extension_points) == ["mfrd.report.saved"]


# --- the tools as they are -----------------------------------------------------------------------


def command(*arguments, cwd):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-m", *arguments], cwd=cwd, env=environment, capture_output=True, text=True)


def test_plain_nbval_runs_from_any_folder_without_xdist(tmp_path):
    paired_notebook(tmp_path, "01_a", "print(n)")
    shutil.copy(ROOT / "conftest.py", tmp_path)
    (tmp_path / "elsewhere").mkdir()
    plain = "pytest", "-p", "no:xdist", "-p", "no:cacheprovider", "--nbval"
    run = command(*plain, str(tmp_path / "notebooks"), cwd=tmp_path / "elsewhere")
    assert run.returncode == 0 and "2 passed" in run.stdout, run.stdout + run.stderr


def test_plain_papermill_runs_from_any_folder_and_refuses_a_wrong_type(tmp_path):
    notebook = jupytext.read(ROOT / "notebooks" / "02_duals.py")
    notebook.cells = notebook.cells[:3]
    nbformat.write(notebook, tmp_path / "start.ipynb")
    run = command("papermill", "start.ipynb", "out.ipynb", "-p", "n_letters", "1e3", cwd=tmp_path)
    said = "parameter n_letters is 1000.0 (float); expected a whole number (int), such as its default 50: write 1000"
    assert run.returncode and said in run.stderr
    executed = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert [cell.get("execution_count") for cell in executed.cells if cell.source.startswith("import")] == [3]
