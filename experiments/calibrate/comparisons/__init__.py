"""Planted pairs: two models of which it is known what differs, held against what `compare` says of them."""
