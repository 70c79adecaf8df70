"""RASP programs compiled to weights by Tracr (arXiv 2301.05062): every lookup has a known block that nobody here chose."""
