"""The reference stack: a real AI Workflow Engine that can be broken on purpose and mended."""
