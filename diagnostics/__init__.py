"""Look at a stack: checks, probes, redaction (a library), and the runs and results they are stored in."""
