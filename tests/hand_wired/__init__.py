"""A model whose retrieval and reasoning blocks are known because its weights were written by hand."""

from hand_wired.planted import Planted, write_planted

__all__ = ["Planted", "write_planted"]
