"""How the reference stack's agents work, in the words of stack.toml: the same in processes and in containers.

A text for `str.format`, to stand in the template of a description; it takes `worker_name`, quoted.
"""

from __future__ import annotations

AGENTS = """\
expected_tasks = ["echo", "sleep", "db_report", "web_fetch", "summarise"]

[agents]
database = "application"

[agents.heartbeats]
table = "agents"
interval = "interval_seconds"

[agents.runs]
table = "jobs"
state = "status"
started_at = "started_at"
tool = "tool"
failed = ["failed", "rejected"]

[tools.web_fetch]
service = {worker_name}
environment_variable = "TOOL_BASE_URL"
"""
