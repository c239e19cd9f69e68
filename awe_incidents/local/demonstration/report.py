"""The bug report of the demonstration: the seed document's template, filled in as a person would."""

from __future__ import annotations

from collections.abc import Sequence

# A token and a password as people paste them by accident; neither opens anything.
PASTED_SECRETS = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJkZW1vIiwiZXhwIjoxNzYwMDAwMDAwfQ.c2lnbmF0dXJlLW9mLW5vdGhpbmc",
    "correct-horse-battery",
)
TEMPLATE = """**Environment**: Development
**Docker Compose Version**: docker-compose version 1.29.2, build unknown
**Container Logs**:
```
{logs}
```
**Steps to Reproduce**:
1. Open {url}/health with the client certificate
2. Log in

**Expected Behavior**: The health page answers 200 and the login gives a token.
**Actual Behavior**: Since this morning nobody can connect: the client says that the certificate cannot be verified.
**Screenshots**: none
"""


def markdown(*, url: str, log_lines: Sequence[str]) -> str:
    """Give the report with the last lines of the real log, and two secrets that somebody pasted with them."""
    token, password = PASTED_SECRETS
    pasted = [
        f"DEBUG request headers: Authorization: Bearer {token}",
        f"DATABASE_URL=postgresql://awe_app:{password}@database:5432/ai",
    ]
    return TEMPLATE.format(url=url, logs="\n".join([*log_lines[-8:], *pasted]))
