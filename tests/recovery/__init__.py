"""Recovery: states, decisions, executions."""
