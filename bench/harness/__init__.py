"""What the figure families stand on: figures and targets, a service to measure, clients, memory of processes."""
