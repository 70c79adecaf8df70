"""Files that appear whole or not at all, foreign files that are read with care, and activations kept on disk."""
