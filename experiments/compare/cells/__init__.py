"""Cells and places of two models, family by family, and what of them training changed."""
