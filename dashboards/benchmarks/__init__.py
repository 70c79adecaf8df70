"""Speed and memory, side by side in one process with what a user would otherwise write."""
