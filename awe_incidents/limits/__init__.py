"""How often somebody may do something: policies, buckets in Redis, and what holds while Redis is away."""

from awe_incidents.limits.limiter import Limiter, limiter_at
from awe_incidents.limits.policy import Policy, Verdict

__all__ = ["Limiter", "Policy", "Verdict", "limiter_at"]
