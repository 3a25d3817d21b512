"""Features in time: what a day may know about a user."""
