"""Recovery from the shell: for the hour in which the web is down."""
