"""What the terminal's `locate` and `compare` do, from Python: run directories that are made, read and shown in a notebook."""
