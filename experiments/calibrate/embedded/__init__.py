"""Plants in the embedded model: facts and an operation that nobody knew before, trained into chosen blocks alone."""
