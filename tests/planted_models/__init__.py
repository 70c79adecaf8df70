"""A model whose retrieval and reasoning blocks are known because its weights were written by hand."""

from planted_models.planted import Planted, write_planted

__all__ = ["Planted", "write_planted"]
