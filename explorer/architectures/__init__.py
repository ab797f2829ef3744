"""Architectures: ordinary nn.Modules for one model, one file each."""

from explorer.architectures.base import Architecture, architectures

__all__ = ["Architecture", "architectures"]
