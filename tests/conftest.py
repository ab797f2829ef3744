import os

# Workers of pytest-xdist share the cores: threads of each would wait for those of the others.
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from hypothesis import settings  # noqa: E402
from jaxtyping import install_import_hook  # noqa: E402

# Shapes in signatures are checked at every call. Sources and architectures are left out: dynamo cannot trace the checks.
install_import_hook("explorer.observables", "beartype.beartype")

# Machines are shared: a slow example is not a wrong one.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")
