"""Streams read through a lens: the lenses by name, and one prompt at every stream and token."""
