"""Figures as values: functions from results to a `plotly.graph_objects.Figure`, the same that the page shows."""
