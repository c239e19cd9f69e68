"""Carry out checks: the order they go in, one look, and the killable process that a look runs in."""

from diagnostics.looking.capture import CAPTURES, take_capture
from diagnostics.looking.capturing import Captured, CaptureRequest
from diagnostics.looking.look import LookRequest, take_look
from diagnostics.looking.plan import Step, next_steps, requirements_of
from diagnostics.looking.process import capture_in_process, look_in_process, warm_up

__all__ = [
    "CAPTURES",
    "CaptureRequest",
    "Captured",
    "LookRequest",
    "Step",
    "capture_in_process",
    "look_in_process",
    "next_steps",
    "requirements_of",
    "take_capture",
    "take_look",
    "warm_up",
]
