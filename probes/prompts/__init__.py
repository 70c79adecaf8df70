"""From text to token ids: what is asked, which token is scored, and how prompts lie in a batch."""
