"""What carries an answer inside one model: activation patching, ablation, heads and cells, over minimal pairs."""
