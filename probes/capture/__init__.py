"""Activations of texts at chosen sites and positions, in memory or on disk."""
