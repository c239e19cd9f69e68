"""Mail that tells of a break-glass: what it says, and an honest word of whether a server took it.

It holds no reason, parameter or output: those stand on the request's page, for who may read them.
"""

from __future__ import annotations

import smtplib
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from awe_incidents.recovery.models import ReviewNotice
from awe_incidents.recovery.states import NoticeState

_TEXT = """\
{who} went past the approval of recovery request {request} ({action} on the stack {stack}, for incident {incident})
at {at:%Y-%m-%d %H:%M} UTC.

Somebody who had no part in it reviews it until {due:%Y-%m-%d %H:%M} UTC:

{address}

Why it was done, with what and what came of it stands there, not here. Until it is reviewed, neither that person nor
this stack has another one.
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a mail: sent, surely not taken yet (waiting), never to be taken (failed), or unknown."""

    state: NoticeState
    words: str


def is_configured() -> bool:
    """Say whether there is a server that takes mail."""
    return bool(settings.EMAIL_HOST)


def mail_of(notice: ReviewNotice) -> EmailMessage:
    """Give the mail of a notice; it has the same Message-ID whenever it is made, by which a second one is known."""
    review, request = notice.review, notice.review.request
    page: Any = request  # whose address settings.ABSOLUTE_URL_OVERRIDES gives
    text = _TEXT.format(
        who=review.broken_by.username,
        request=request.pk,
        action=request.action,
        stack=review.stack.name,
        incident=request.incident_id,
        at=review.broken_at,
        due=review.due_at,
        address=urljoin(settings.AWE_PUBLIC_URL, page.get_absolute_url()),
    )
    host = urlsplit(settings.AWE_PUBLIC_URL).hostname or "awe-incidents.invalid"
    return EmailMessage(
        subject=f"Break-glass on {review.stack.name}: request {request.pk} waits for its review",
        body=text,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[notice.person.email],
        headers={
            "Message-ID": f"<break-glass-{review.pk}-{notice.person_id}@{host}>",
            "Auto-Submitted": "auto-generated",
        },
    )


def deliver(message: EmailMessage) -> Delivery:
    """Hand a mail for one person to the server, once; what it answers, and to which address, is not told."""
    connection = get_connection()
    try:
        connection.open()
    except OSError as error:  # of the network, of TLS and of SMTP
        _close(connection)
        return Delivery(NoticeState.WAITING, f"the mail server cannot be used ({type(error).__name__})")
    try:
        taken = connection.send_messages([message])
    except smtplib.SMTPRecipientsRefused as refusal:
        is_final = all(code >= 500 for code, _ in refusal.recipients.values())
        state = NoticeState.FAILED if is_final else NoticeState.WAITING
        return Delivery(state, "the mail server does not take mail for this address")
    except smtplib.SMTPResponseException as refusal:
        return Delivery(NoticeState.WAITING, f"the mail server does not take it ({refusal.smtp_code})")
    except (smtplib.SMTPNotSupportedError, ValueError):
        return Delivery(NoticeState.FAILED, "the address cannot be used with this mail server")
    except OSError as error:
        return Delivery(NoticeState.UNKNOWN, f"the mail server broke off, and may have it ({type(error).__name__})")
    finally:
        _close(connection)
    return Delivery(NoticeState.SENT, "") if taken else Delivery(NoticeState.FAILED, "there was nobody to send it to")


def _close(connection: Any) -> None:
    with suppress(OSError):
        connection.close()
