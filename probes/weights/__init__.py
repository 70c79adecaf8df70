"""What differs between two checkpoints on disk: lineage and weight change, tensor by tensor."""
