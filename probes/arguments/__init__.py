"""What a person may give: labels, whole numbers."""
