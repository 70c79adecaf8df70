"""Measures one language model: tensors in, tensors out. No run directories, no printing, no plots."""
