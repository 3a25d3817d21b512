"""Watching the data, the scores and the model in production."""
