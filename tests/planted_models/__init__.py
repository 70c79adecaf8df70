"""A planted model of one relation table and one operation, with chained questions, in which a single table can be changed."""

from planted_models.planted import Planted, write_planted

__all__ = ["Planted", "write_planted"]
