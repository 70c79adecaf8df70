"""What the page of a comparison shows: one typed view, part by part."""
