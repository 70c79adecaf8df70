"""Does every architecture that the installed transformers can build agree with plain Hugging Face, or is it refused?"""
