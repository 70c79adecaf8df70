"""Where are retrieval and reasoning readable in one model?"""
