"""Probes of a person's own labels at every stream of a model: any field of any table of prompts, with every control."""
