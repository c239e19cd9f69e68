"""The HTTP api of the AI Workflow Engine."""
