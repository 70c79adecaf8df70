"""The causal half of `locate`: which pairs are intervened on, what is run on them, and what follows from it."""
