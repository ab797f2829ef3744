from hypothesis import settings
from jaxtyping import install_import_hook

# Shapes in signatures are checked at every call. Sources and architectures are left out: dynamo cannot trace the checks.
install_import_hook("explorer.observables", "beartype.beartype")

# Machines are shared: a slow example is not a wrong one.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")
