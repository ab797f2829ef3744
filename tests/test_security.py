"""Studies, stores and tables are data: no file of the program executes what it reads."""

import ast
from pathlib import Path

import pytest

import explorer

FILES = sorted(Path(explorer.__file__).parent.rglob("*.py"))
# Modules that build objects from bytes, and calls that run text.
UNSAFE_MODULES = {"pickle", "cloudpickle", "dill", "shelve", "marshal", "joblib", "code", "codeop", "runpy"}
UNSAFE_CALLS = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen"),
    *("torch.load", "torch.jit.load", "pd.read_pickle", "pandas.read_pickle", "joblib.load", "np.load", "numpy.load"),
    *("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "yaml.Loader", "yaml.UnsafeLoader"),
}
# Both import members of our own packages, and those that are installed as plug-ins; plugins.py executes the files that
# --plugin names.
IMPORTERS = {"registry.py", "__init__.py"}


def name_of(node):
    """`a.b.c` for a dotted name, an empty string for another expression."""
    if isinstance(node, ast.Name):
        return node.id
    inner = name_of(node.value) if isinstance(node, ast.Attribute) else ""
    return f"{inner}.{node.attr}" if inner else ""


def unsafe(text, file):
    """What a file does that may execute what it reads."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name.split(".")[0] in UNSAFE_MODULES]
        elif isinstance(node, ast.ImportFrom):
            found += [node.module] if (node.module or "").split(".")[0] in UNSAFE_MODULES else []
            found += [a.name for a in node.names if f"{node.module}.{a.name}" in UNSAFE_CALLS]
        elif isinstance(node, ast.Call):
            called = name_of(node.func)
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            only = given.get("weights_only")  # tensors and plain numbers, whatever a file holds
            tensors = called == "torch.load" and isinstance(only, ast.Constant) and only.value is True
            if called in UNSAFE_CALLS and not tensors:
                found.append(called)
            if isinstance(given.get("shell"), ast.Constant) and given["shell"].value:
                found.append(f"{called}(shell)")
            if "allow_pickle" in given:
                found.append(f"{called}(allow_pickle)")
            if called.endswith("import_module") and file not in IMPORTERS:
                found.append(called)
            if called.endswith("exec_module") and file != "plugins.py":
                found.append(called)
    return found


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from cloudpickle import loads",
        "import torch\ntorch.load(p, weights_only=False)",
        "import torch\ntorch.load(p)",
        "np.load(p, allow_pickle=True)",
        "yaml.load(t, Loader=L)",
        "from yaml import unsafe_load",
        "eval(text)",
        "subprocess.run(line, shell=True)",
        "import_module(study['module'])",
        "spec.loader.exec_module(module)",
    ],
)
def test_the_search_finds_what_it_looks_for(text):
    assert unsafe(text, "some.py")


def test_no_file_executes_what_it_reads():
    assert len(FILES) > 150
    assert {str(path): found for path in FILES if (found := unsafe(path.read_text(), path.name))} == {}


@pytest.mark.parametrize("name", ["os", "os.path", "..cells", "explorer.cells", "base\n", "__main__"])
def test_a_study_names_members_of_the_lists_alone(name, tmp_path):
    from explorer.errors import ExplorerError
    from explorer.sources import sources

    with pytest.raises(ExplorerError, match="there is no source"):
        sources[name]
