"""The laptop half: quick to import, and without torch or Ray."""

import subprocess
import sys
import time

import pytest

import explorer

HEAVY = ("torch", "ray", "matplotlib", "pandas")


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


def test_import_explorer_loads_nothing_heavy_and_takes_less_than_a_third_of_a_second():
    done = python(f"import sys, explorer; print([m for m in {HEAVY} if m in sys.modules])")
    assert done.stdout.strip() == "[]"
    code = "import time; t = time.perf_counter(); import explorer; print(time.perf_counter() - t)"
    assert min(float(python(code).stdout) for _ in range(5)) < 0.3


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", "{store}"],
        ["query", "{store}", "SELECT count(*) FROM cells"],
        ["boundary", "{store}", "--along", "sparsity"],
        ["figure", "{store}", "phase_diagram", "--out", "{out}"],
    ],
)
def test_reading_commands_load_neither_torch_nor_ray(small, tmp_path, arguments):
    filled = [a.format(store=small[1], out=tmp_path / "figure.png") for a in arguments]
    code = f"""
import sys
from explorer.cli import app
try:
    app({filled!r}, standalone_mode=False)
finally:
    print([m for m in ("torch", "ray", "jaxtyping") if m in sys.modules], file=sys.stderr)
"""
    done = python(code)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip().splitlines()[-1] == "[]"


def test_every_command_has_help_with_an_example():
    for command in ("plan", "run", "status", "query", "boundary", "figure", "replay", "doctor"):
        begin = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "explorer.cli", command, "--help"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0
        assert f"explorer {command} " in done.stdout.split("Example:")[1]
        assert time.monotonic() - begin < 60


def test_every_public_name_is_there():
    assert len(explorer.__all__) <= 14
    for name in explorer.__all__:
        assert getattr(explorer, name).__doc__
    with pytest.raises(AttributeError):
        _ = explorer.nothing_of_the_sort
