"""The reference stack as processes: its own PostgreSQL and Valkey, api and worker under one supervisor."""

from deploy.awe.process.errors import ProcessStackError
from deploy.awe.process.settings import ServiceNames, StackSettings
from deploy.awe.process.stack import ProcessStack

__all__ = ["ProcessStack", "ProcessStackError", "ServiceNames", "StackSettings"]
