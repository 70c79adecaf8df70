"""May this model be measured? The gate of every command, every self-test, and the parity of the backends."""
