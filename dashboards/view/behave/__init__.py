"""What the page of a `behave` shows."""
