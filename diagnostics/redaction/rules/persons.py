"""Personal data: e-mail addresses (on by default) and payment card numbers (an option)."""

# ruff: noqa: E501 (a pattern reads best in one piece)

from __future__ import annotations

from diagnostics.redaction.rule import Rule

EMAIL = Rule(
    id="email",
    why="names a person; a part that is a user name at a machine (git@, celery@, root@host.internal) stays",
    pattern=r"(?i)(?:^|[^\w.@:/%+-]|mailto:)(?P<secret>[a-z0-9][\w.%+-]{0,63}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24})\b",
    keywords=("@",),
    anchors=(r"[\w%+-]@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2}",),
    keep_values=(
        r"(?i)(?:git|celery|worker|gen\d+|root|postgres|redis|www-data|nobody|daemon|systemd|getty|user)\d*@.*|"
        r".*\.(?:local|internal|localdomain|lan|svc|service|target|socket|cluster|intranet|home|corp|py|js|ts|json|ya?ml|md|tgz|whl)"
    ),
    finds=(
        ("login failed for alice.smith@example.com", "alice.smith@example.com"),
        ("<mailto:bob+x@mail.example.org>", "bob+x@mail.example.org"),
    ),
    leaves=(
        "celery@worker1.example.com ready.",
        "git@github.com:acme/app.git",
        "C-0x55d5: ai/ai_user@172.18.0.5:4312 login attempt",
        "image app@sha256:6e988461ffce2bac",
        "ai_user@postgres",
        "wg-quick@wg0.service",
    ),
)

CARD = Rule(
    id="card-number",
    why="ISO/IEC 7812: 13 to 19 digits in groups with a correct Luhn digit and a known issuer",
    pattern=r"(?:^|[^\d.\w-])(?P<secret>(?:[3-6]\d{3}|2[2-7]\d{2})(?:[ -]?\d{4}){2}(?:[ -]?\d{1,7})|3[47]\d{2}[ -]?\d{6}[ -]?\d{5})(?:$|[^\d\w-])",
    keywords=("3", "4", "5", "6", "2"),
    check="luhn",
    anchors=(r"[2-6]\d{3}[ -]?\d{4}[ -]?\d{4}[ -]?\d|3[47]\d\d[ -]?\d{6}",),
    finds=(("paid with 4111 1111 1111 1111 today", "4111 1111 1111 1111"), ("card=378282246310005", "378282246310005")),
    leaves=("order 4111 1111 1111 1112", "ts=1760000000123456"),
)

RULES = (EMAIL, CARD)
