"""Many runs in a browser: a table of all, any of them overlaid, what differs, and a model to try things on. Served on this machine."""
