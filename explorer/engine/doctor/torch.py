"""Torch and its devices."""

from __future__ import annotations

from collections.abc import Sequence

from explorer.engine.doctor.base import INSTALL, Asked, Finding, Status, checks, gibibytes


@checks.register("torch")
def torch(asked: Asked) -> Sequence[Finding]:
    """Torch is installed, and what it trains on."""
    try:
        import torch
    except ImportError as error:
        return [Finding("torch", Status.PROBLEM, f"cannot be imported: {error}", f"to train here: {INSTALL}")]
    name = f"torch {torch.__version__}"
    if not torch.cuda.is_available():
        built = "built for CUDA, no GPU found" if torch.version.cuda else "no GPU"
        mend = "see nvidia-smi: driver, or CUDA_VISIBLE_DEVICES" if torch.version.cuda and _device_files() else ""
        status = Status.WARNING if mend else Status.OK
        return [Finding("torch", status, f"{name}, {built}, {torch.get_num_threads()} threads", mend)]
    found = []
    for at in range(torch.cuda.device_count()):
        free, whole = torch.cuda.mem_get_info(at)
        found.append(f"{torch.cuda.get_device_name(at)}, {gibibytes(free)} of {gibibytes(whole)} free")
    product = torch.ones(64, 64, device="cuda:0") @ torch.ones(64, 64, device="cuda:0")
    if product.sum().item() != 64.0**3:
        return [
            Finding("torch", Status.PROBLEM, f"{name}: a product on {found[0]} is wrong", "take the GPU out of use")
        ]
    return [Finding("torch", Status.OK, f"{name}, CUDA {torch.version.cuda}: {'; '.join(found)}")]


def _device_files() -> bool:
    """Whether the kernel knows an NVIDIA GPU, whatever torch sees."""
    from pathlib import Path

    return Path("/dev/nvidia0").exists()
