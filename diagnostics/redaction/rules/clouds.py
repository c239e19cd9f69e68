"""Tokens that are told by their shape or their neighbors: cloud keys, webhooks, bots, cluster tokens."""

from __future__ import annotations

from diagnostics.redaction.rule import Rule
from diagnostics.redaction.rules.vendors import ALPHANUMERIC, HEX, UPPER

_AWS_ID = r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,16}"
_AWS_WORDS = ("akia", "asia", "abia", "acca", "a3t")
_AWS_ANCHOR = r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{4}"
_AWS_SECRET = "wJalrXUtnFEMI/K7MDENG+" + ALPHANUMERIC[:18]

AWS_KEY_ID = Rule(
    id="aws-key-id",
    why="AWS IAM unique identifiers: access key ids, temporary ones, bearer tokens",
    pattern=rf"\b(?P<secret>{_AWS_ID})\b",
    keywords=_AWS_WORDS,
    anchors=(_AWS_ANCHOR,),
    finds=((f"AWS_ACCESS_KEY_ID=AKIA{UPPER[:16]}", UPPER[:16]),),
    leaves=("TODAYINASIAASACKOFRICEFELLOVER", "AKIA keys rotate"),
)
AWS_SECRET = Rule(
    id="aws-secret",
    why="the 40 characters that follow their AWS key id",
    pattern=rf"\b{_AWS_ID}[\s,:;\"'/|]{{1,6}}(?P<secret>[A-Za-z0-9/+]{{40}})(?:$|[^A-Za-z0-9/+=])",
    keywords=_AWS_WORDS,
    anchors=(_AWS_ANCHOR,),
    finds=((f"AKIA{UPPER[:16]},{_AWS_SECRET}", _AWS_SECRET),),
    leaves=("AKIA keys rotate every ninety days",),
)
AZURE_SECRET = Rule(
    id="azure-client-secret",
    why="Microsoft Entra client secrets: three characters, a digit, Q~ and a random rest",
    pattern=r"(?:^|[^A-Za-z0-9_~.])(?P<secret>[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34})(?:$|[^A-Za-z0-9_~.-])",
    keywords=("q~",),
    anchors=(r"\dQ~",),
    finds=((f"(use {'bP88Q' + '~' + ALPHANUMERIC[:34]})", ALPHANUMERIC[:34]),),
    leaves=("~~~~~~~~", "IQ~100"),
)
AZURE_KEY = Rule(
    id="azure-key",
    why="512-bit keys of storage accounts and service buses, on a line that speaks of Azure",
    pattern=r"(?i)(?:azure|core\.windows\.net|identity)[^\n]{0,200}?[^A-Za-z0-9+/-](?P<secret>[A-Za-z0-9+/]{86}==)",
    keywords=("azure", "core.windows.net", "identity"),
    anchors=(r"[A-Za-z0-9+/]{16}==",),
    finds=((f"Azure storage {ALPHANUMERIC[:86]}==", ALPHANUMERIC[:86]),),
    leaves=("azure: integrity sha512-AAz==", "https://x.blob.core.windows.net/?a=="),
)
WEBHOOK = Rule(
    id="webhook-url",
    why="chat webhooks and bot calls: the path is the credential",
    pattern=(
        r"(?i)\bhooks\.slack\.com/(?:services|workflows|triggers)/(?P<secret>[\w/+-]{20,})"
        r"|\bdiscord(?:app)?\.com/api/webhooks/\d+/(?P<secret2>[\w-]{20,})"
        r"|\.webhook\.office\.com/webhookb2/(?P<secret3>[\w@/-]{40,})|\bapi\.telegram\.org/bot(?P<secret4>\d+:[\w-]{20,})"
        r"|\bapi\.softlayer\.com/soap/v[\d.]+/(?P<secret5>\w{20,})"
    ),
    keywords=(
        "hooks.slack.com/",
        "/api/webhooks/",
        "webhook.office.com/",
        "api.telegram.org/bot",
        "api.softlayer.com/",
    ),
    finds=((f"https://hooks.slack.com/services/T0AAAA/B0BBBB/{ALPHANUMERIC[:24]}", ALPHANUMERIC[:24]),),
    leaves=("https://hooks.slack.com/docs", "api.telegram.org/bot"),
)
TWILIO = Rule(
    id="twilio-key",
    why="Twilio API keys and account ids",
    pattern=r"\b(?P<secret>(?:SK|AC)[0-9a-fx]{32})\b",
    keywords=("sk", "ac"),
    anchors=(r"(?:SK|AC)[0-9a-fx]{8}",),
    finds=((f"sid SK{HEX[:32]}", HEX[:32]),),
    leaves=("TASK0afae57f", f"sha AC{HEX[:30]}"),
)
MAIL = Rule(
    id="mail-key",
    why="keys of Mailchimp (data center suffix) and Mailgun (signing keys)",
    pattern=r"\b(?P<secret>[0-9a-f]{32}-us\d{1,2}|[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8})\b",
    keywords=("-",),
    anchors=(r"[0-9a-f]-us\d|[0-9a-f]{9}-[0-9a-f]{8}-[0-9a-f]{8}\b",),
    finds=((f"mc {HEX[:32]}-us14", HEX[:32]), (f"mg {HEX[:32]}-{HEX[:8]}-{HEX[8:16]}", HEX[:32])),
    leaves=("3f2504e0-4f89-41d3-9a0c-0305e82c3301", "region eu-us2"),
)
TELEGRAM = Rule(
    id="telegram-token",
    why="bot id, colon, 35 characters that start with A",
    pattern=r"(?:^|[^\d:.])(?P<secret>\d{6,16}:A[\w-]{32,38})\b",
    keywords=(":a",),
    anchors=(r"\d:A[\w-]{16}",),
    finds=((f"bot110201543:AA{ALPHANUMERIC[:33]}", ALPHANUMERIC[:33]),),
    leaves=("10:20:30 12:ABCDEF", "serial 0A:1B:AB"),
)
DISCORD = Rule(
    id="discord-token",
    why="base64 of the bot's id, of a time stamp, and a signature",
    pattern=r"\b(?P<secret>[MNO][\w-]{22,27}\.[\w-]{6}\.[\w-]{27,45})(?:$|[^\w-])",
    keywords=(".",),
    anchors=(r"\w\.[\w-]{6}\.[\w-]{27}",),
    finds=((f"MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.{ALPHANUMERIC[:27]}", ALPHANUMERIC[:27]),),
    leaves=("Module.import.very_long_function_name_here_it_is", "Mozilla.6"),
)
CLUSTER = Rule(
    id="cluster-token",
    why="join tokens of kubeadm and k3s, legacy tokens of Vault, tokens of Terraform Cloud, MaxMind license keys",
    pattern=(
        r"\b(?P<secret>K10[0-9a-f]{60,}::\w+:\w+|[a-z0-9]{14}\.atlasv1\.[\w=-]{40,}|\w{6}_\w{29}_mmk)"
        r"|(?:^|[\s\"'=])(?P<secret2>[sb]\.[A-Za-z0-9]{24})\b|(?i)[a-z0-9]{14}\.(?-i:atlasv1)\.(?P<secret3>[\w=-]{40,})"
        r"|(?i)join[^\n]*--token[ =](?P<secret4>[a-z0-9]{6}\.[a-z0-9]{16})\b"
    ),
    keywords=("k10", "atlasv1", "_mmk", "s.", "b.", "--token"),
    anchors=(r"\bK10[0-9a-f]{8}|atlasv1|_mmk|\b[sb]\.[A-Za-z0-9]{24}\b|--token[ =]",),
    finds=(
        (f"token s.{ALPHANUMERIC[:24]}", ALPHANUMERIC[:24]),
        (f"{HEX[:14]}.atlasv1.{ALPHANUMERIC[:64]}", ALPHANUMERIC[:64]),
        ("kubeadm join 10.0.0.1:6443 --token abcdef.0123456789abcdef", "0123456789abcdef"),
    ),
    leaves=("class tests.redaction", "v1.30.2"),
)
JFROG = Rule(
    id="jfrog-key",
    why="Artifactory passwords and reference tokens on a line that speaks of it",
    pattern=r"(?:[Aa]rtif\w*|[Jj][Ff]rog)[^\n]{0,80}?\b(?P<secret>AP[\dABCDEF][a-zA-Z0-9]{8,}|cmVmdGtu[A-Za-z0-9]{40,})",
    keywords=("artif", "jfrog"),
    anchors=(r"\b(?:AP[\dABCDEF][a-zA-Z0-9]{8}|cmVmdGtu)",),
    finds=((f"jfrog AP5{ALPHANUMERIC[:20]}", ALPHANUMERIC[:20]),),
    leaves=("artifact APPLIED to jfrog",),
)
NPMRC = Rule(
    id="npmrc",
    why=".npmrc: //registry/:_authToken=... and _auth=...",
    pattern=r":_auth(?:Token)?[ \t]*=[ \t]*[\"']?(?P<secret>[^\s\"'$][^\s\"']*)",
    keywords=(":_auth",),
    finds=(("//registry.example.org/:_auth=dGVzdDp0ZXN0", "dGVzdDp0ZXN0"),),
    leaves=("//registry.example.org/:_authToken=${NPM_TOKEN}",),
)

RULES = (
    AWS_KEY_ID,
    AWS_SECRET,
    AZURE_SECRET,
    AZURE_KEY,
    WEBHOOK,
    TWILIO,
    MAIL,
    TELEGRAM,
    DISCORD,
    CLUSTER,
    JFROG,
    NPMRC,
)
