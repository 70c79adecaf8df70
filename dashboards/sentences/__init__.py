"""What results say in words: one place a result, read by the terminal, the page and a notebook alike."""
