"""A witness that is killed -9 after it has stored what it signs, and before it answers."""

from __future__ import annotations

from awe_incidents.audit.__main__ import main
from awe_incidents.audit.witness_folder import Record
from tests.audit.dying import after

if __name__ == "__main__":
    after(Record, "store")
    main()
