"""How sure is a mean over items, when items come in clusters? Intervals that measures and experiments share."""
