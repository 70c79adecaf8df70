"""Which questions ask for reasoning and which for knowledge? A classifier from labelled ones, and how far its split can be trusted."""
