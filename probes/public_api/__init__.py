"""The measures as a person calls them from Python: texts and plain values in, results that show themselves out."""
