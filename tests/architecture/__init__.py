"""What import-linter cannot see."""
