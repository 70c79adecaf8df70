"""Can the instrument be trusted? Models whose truth is planted, nulls in which nothing is, and how often it is right."""
