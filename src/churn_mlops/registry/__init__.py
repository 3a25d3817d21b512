"""The model bundle and the places it is kept in."""
