"""Words in figures: titles, axes, legends, notes, and what is read at a point; plain text, which the figures escape."""
