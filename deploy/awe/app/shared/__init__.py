"""What the api and the worker of the AI Workflow Engine share."""
