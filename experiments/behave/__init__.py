"""What a model does when it answers, and at which stream that shows: confidence, pressure by an answer put before the question, thinking."""
