"""What can be done to a stack: one action a file, found by its slug; usable without Django."""
