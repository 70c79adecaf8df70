"""What decides how exact a number is and how fast: float64, tolerances, threads, free memory."""
