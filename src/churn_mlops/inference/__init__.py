"""Scoring with a bundle; nothing here imports training code."""
