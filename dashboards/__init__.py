"""Everything a person sees: the command line, the layer maps, the benchmarks' tables."""
