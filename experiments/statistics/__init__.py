"""How sure can we be? Windows, loci, places and kinds with their draws, and the tests behind them."""
