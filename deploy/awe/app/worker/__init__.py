"""The agent worker of the AI Workflow Engine."""
