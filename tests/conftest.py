import os
import shutil
import signal
import subprocess
from pathlib import Path

# Workers of pytest-xdist share the cores: threads of each would wait for those of the others.
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

# Who starts the tests in the background of a shell has them, and all that they start, ignore Ctrl-C; some send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Which vectors the compiler can build, every process that compiles would find out by another one that imports torch; here the
# compiler is asked once. One that does not know them all, of another kind of machine for instance, is left to be tried as ever.
compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("c++")
flags = ["-mavx512bf16", "-mamx-bf16", "-E", "-x", "c++", os.devnull]
if compiler and subprocess.run([compiler, *flags], capture_output=True, check=False).returncode == 0:
    os.environ.setdefault("TORCHINDUCTOR_VEC_ISA_OK", "1")

from hypothesis import settings  # noqa: E402
from jaxtyping import install_import_hook  # noqa: E402

# Shapes in signatures are checked at every call. Sources and architectures are left out: dynamo cannot trace the checks.
install_import_hook("explorer.observables", "beartype.beartype")

# Machines are shared: a slow example is not a wrong one.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")

# Files that take longest, first: pytest-xdist gives each to one process, and one that began last would keep the others waiting.
LONGEST = (
    "end_to_end/test_physics.py",
    "end_to_end/test_main_job.py",
    "end_to_end/test_notebooks.py",
    "chaos/test_plugins.py",
    "architectures/test_contract.py",
    "end_to_end/test_scale_out.py",
    "chaos/test_kills.py",
    "training/test_pack.py",
    "end_to_end/test_interruptions.py",
    "end_to_end/test_plugins.py",
    "paper/test_make.py",
    "end_to_end/test_images.py",
    "end_to_end/test_refine.py",
    "object_store/test_commands.py",
    "training/test_refit.py",
    "end_to_end/test_observability.py",
    "test_contributing.py",
    "training/test_slots.py",
    "training/test_size.py",
    "engine/test_doctor.py",
    "paper/test_entries.py",
    "chaos/test_stores.py",
    "figures/test_contract.py",
)
PLACE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """In a stable sort: the tests of a file stay together and in their order."""
    order = {PLACE / name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))
