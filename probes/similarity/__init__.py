"""How alike are two models: their weights, and the streams they compute."""
