"""The loop: what runs by itself, day after day."""
