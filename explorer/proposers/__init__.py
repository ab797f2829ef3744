"""Proposers: they read outcomes and say which cells to train next."""
