"""Lenses: what the model would say if it stopped at a stream. Logit, tuned (with its bias-only floor) and Jacobian."""
