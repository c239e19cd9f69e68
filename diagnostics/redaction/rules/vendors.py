"""Tokens that name their issuer by a prefix, as the issuers' own documentation describes them.

A row is: rule id, prefixes, the body's pattern, a sample body. The samples are joined with their prefix at run time
only, so that no scanner of this repository takes them for real tokens.
"""

from __future__ import annotations

import re

from diagnostics.redaction.rule import Rule

ALPHANUMERIC = "Zf3D0LXCM3EIMbgJpUNnkRtOfOueHznBq7w9e5r3t1y6u4i2o8a0s7d5f9g1h3j4k6l8z0x2c4v6b8n" * 2
HEX = "0afae57f3ccfd9d7f5767067bc48b30f719e271ba470488056e37ab35d4b6506aa11bb22cc33dd44" * 2
UPPER = "ZF3D0LXCM3EIMBGJPUNNKRTOFOUEHZNBQ7W9E5R3"

_W = r"[A-Za-z0-9]"
_V = r"[\w-]"
_B = r"[A-Za-z0-9+/_=-]"

PREFIXED: tuple[tuple[str, str, str, str], ...] = (
    ("github-token", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", r"\w{16,}", ALPHANUMERIC[:36]),
    (
        "gitlab-token",
        "glpat- gldt- glrt- glcbt- glptt- glft- glimt- glagent- glsoat- gloas- glffct- glwt- GR1348941",
        r"[\w.-]{16,}",
        ALPHANUMERIC[:20],
    ),
    ("bitbucket-token", "ATBB ATCTT3 ATATT3", r"[\w=-]{28,}", ALPHANUMERIC[:40]),
    (
        "slack-token",
        "xoxb- xoxp- xoxa- xoxr- xoxs- xoxo- xoxe- xoxd- xoxc- xoxe. xapp- xwfp-",
        r"[\w.-]*\d[\w.-]{6,}",
        ALPHANUMERIC[:40],
    ),
    (
        "stripe-key",
        "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_ whsec_",
        r"[A-Za-z0-9]{10,}",
        ALPHANUMERIC[:24],
    ),
    ("llm-key", "sk-", r"(?:ant-|proj-|svcacct-|admin-|or-|lf-)?[A-Za-z0-9_-]{20,}", ALPHANUMERIC[:48]),
    (
        "llm-key-other",
        "pplx- gsk_ xai- r8_ fw_ csk- lsv2_pt_ lsv2_sk_ tgp_v1_ nvapi-",
        rf"{_V}{{24,}}",
        ALPHANUMERIC[:48],
    ),
    ("huggingface-token", "hf_ api_org_", rf"{_W}{{20,}}", ALPHANUMERIC[:34]),
    ("npm-token", "npm_", rf"{_W}{{20,}}", ALPHANUMERIC[:36]),
    ("pypi-token", "pypi-AgE", rf"{_V}{{40,}}", ALPHANUMERIC[:90]),
    ("rubygems-key", "rubygems_", r"[a-f0-9]{32,}", HEX[:48]),
    ("nuget-key", "oy2", r"[a-z0-9]{43}\b", HEX[:43]),
    ("clojars-token", "CLOJARS_", r"[a-z0-9]{40,}", HEX[:60]),
    ("docker-token", "dckr_pat_ dckr_oat_", rf"{_V}{{20,}}", ALPHANUMERIC[:27]),
    ("sendgrid-key", "SG.", rf"{_V}{{16,}}\.{_V}{{16,}}", f"{ALPHANUMERIC[:22]}.{ALPHANUMERIC[:43]}"),
    ("brevo-key", "xkeysib- xsmtpsib-", rf"[a-f0-9]{{40,}}-{_W}{{16}}", f"{HEX[:64]}-{ALPHANUMERIC[:16]}"),
    ("resend-key", "re_", rf"{_W}{{8}}_{_W}{{20,}}", f"{ALPHANUMERIC[:8]}_{ALPHANUMERIC[:24]}"),
    ("mailgun-key", "key-", r"[0-9a-f]{32}\b", HEX[:32]),
    ("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", r"[a-f0-9]{32,}", HEX[:64]),
    ("vault-token", "hvs. hvb. hvr.", rf"{_V}{{16,}}", ALPHANUMERIC[:90]),
    ("grafana-token", "glc_ glsa_", rf"{_B}{{30,}}", f"{ALPHANUMERIC[:32]}_{HEX[:8]}"),
    ("sentry-token", "sntrys_ sntryu_", rf"{_B}{{30,}}", HEX[:64]),
    ("shopify-token", "shpat_ shpca_ shppa_ shpss_ shptka_", r"[a-fA-F0-9]{24,}", HEX[:32]),
    ("square-token", "sq0atp- sq0csp- sq0idp-", r"[\w\\-]{20,}", ALPHANUMERIC[:22]),
    ("square-access-token", "EAAA", rf"{_V}{{50,64}}\b", ALPHANUMERIC[:60]),
    ("shippo-token", "shippo_live_ shippo_test_", r"[a-fA-F0-9]{30,}", HEX[:40]),
    ("easypost-key", "EZAK EZTK", rf"{_W}{{50,}}", ALPHANUMERIC[:54]),
    ("linear-key", "lin_api_ lin_oauth_", rf"{_W}{{30,}}", ALPHANUMERIC[:40]),
    ("postman-key", "PMAK-", r"[a-f0-9]{24}-[a-f0-9]{34}", f"{HEX[:24]}-{HEX[:34]}"),
    ("pulumi-token", "pul-", r"[a-f0-9]{40}", HEX[:40]),
    ("doppler-token", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", r"[\w.-]{30,}", ALPHANUMERIC[:43]),
    ("databricks-token", "dapi", r"[a-f0-9]{32}(?:-\d)?", HEX[:32]),
    ("dynatrace-token", "dt0c01. dt0s01. dt0s02.", rf"{_W}{{24}}\.{_W}{{60,}}", f"{UPPER[:24]}.{ALPHANUMERIC[:64]}"),
    ("newrelic-key", "NRAK- NRJS- NRII- NRRA-", rf"{_V}{{18,}}", UPPER[:27]),
    ("notion-token", "ntn_", rf"{_W}{{40,}}", ALPHANUMERIC[:46]),
    ("airtable-token", "pat", rf"{_W}{{14}}\.[a-f0-9]{{64}}", f"{ALPHANUMERIC[:14]}.{HEX[:64]}"),
    (
        "harness-token",
        "pat. sat.",
        rf"{_V}{{22}}\.{_W}{{24}}\.{_W}{{20}}",
        f"{ALPHANUMERIC[:22]}.{ALPHANUMERIC[:24]}.{ALPHANUMERIC[:20]}",
    ),
    ("figma-token", "figd_", rf"{_V}{{30,}}", ALPHANUMERIC[:40]),
    ("heroku-key", "HRKU-", rf"{_V}{{30,}}", ALPHANUMERIC[:60]),
    ("fly-token", "fo1_ fm1a_ fm1r_ fm2_", rf"{_B}{{40,}}", ALPHANUMERIC[:43]),
    ("planetscale-secret", "pscale_tkn_ pscale_pw_ pscale_oauth_", r"[\w=.-]{20,}", ALPHANUMERIC[:43]),
    ("readme-key", "rdme_", r"[a-z0-9]{50,}", HEX[:70]),
    ("typeform-token", "tfp_", r"[\w.=-]{40,}", ALPHANUMERIC[:59]),
    ("sourcegraph-token", "sgp_", r"\w{30,}", HEX[:40]),
    ("supabase-key", "sbp_", r"[a-f0-9]{40}", HEX[:40]),
    ("prefect-key", "pnu_", rf"{_W}{{30,}}", ALPHANUMERIC[:36]),
    ("duffel-token", "duffel_live_ duffel_test_", r"[\w=-]{30,}", ALPHANUMERIC[:43]),
    ("frameio-token", "fio-u-", r"[\w=-]{40,}", ALPHANUMERIC[:64]),
    ("ci-token", "CCIPAT_ bkua_ cnp_", r"\w{30,}", HEX[:40]),
    ("tailscale-key", "tskey-", rf"{_V}{{16,}}", ALPHANUMERIC[:30]),
    ("aiven-token", "AVNS_", rf"{_V}{{12,}}", ALPHANUMERIC[:19]),
    ("clickhouse-key", "4b1d", rf"{_W}{{38}}\b", ALPHANUMERIC[:38]),
    ("infracost-key", "ico-", rf"{_W}{{32}}\b", ALPHANUMERIC[:32]),
    ("octopus-key", "API-", r"[A-Z0-9]{25,26}\b", UPPER[:26]),
    ("cloudflare-ca-key", "v1.0-", r"[a-f0-9]{24}-[a-f0-9]{100,}", f"{HEX[:24]}-{HEX[:146]}"),
    ("intra42-secret", "s-s4t2ud- s-s4t2af-", r"[a-f0-9]{40,}", HEX[:64]),
    ("scalingo-token", "tk-us-", rf"{_V}{{40,}}", ALPHANUMERIC[:48]),
    ("settlemint-token", "sm_aat_ sm_pat_ sm_sat_", rf"{_W}{{16}}", ALPHANUMERIC[:16]),
    ("alibaba-key-id", "LTAI", rf"{_W}{{16,}}", ALPHANUMERIC[:20]),
    ("yandex-token", "t1.", r"[\w-]+=?\.[\w-]{80,}", f"{ALPHANUMERIC[:20]}.{ALPHANUMERIC[:86]}"),
    ("yandex-key", "AQVN", rf"{_V}{{35,}}", ALPHANUMERIC[:36]),
    ("adobe-secret", "p8e-", r"[A-Za-z0-9]{32}", ALPHANUMERIC[:32]),
    ("flutterwave-key", "FLWSECK-  FLWSECK_TEST-", rf"{_V}{{12,}}", HEX[:32]),
    ("facebook-token", "EAAM EAAC", rf"{_W}{{80,}}", ALPHANUMERIC[:100]),
    ("onepassword-token", "ops_eyJ", rf"{_B}{{40,}}", ALPHANUMERIC[:80]),
    ("onepassword-key", "A3-", r"[A-Z0-9]{6}-[A-Z0-9-]{20,}", "ZF3D0L-XCM3EI-MBGJP-UNNKR-TOFOU"),
    ("openshift-token", "sha256~", rf"{_V}{{20,}}", ALPHANUMERIC[:43]),
    ("swarm-token", "SWMTKN-1-", r"[a-z0-9]{40,}-[a-z0-9]{20,}", f"{HEX[:50]}-{HEX[:25]}"),
    ("gcp-api-key", "AIza", rf"{_V}{{30,40}}", ALPHANUMERIC[:35]),
    ("gcp-oauth", "GOCSPX- ya29. 1//0", rf"{_V}{{20,}}", ALPHANUMERIC[:28]),
    ("bedrock-key", "ABSK bedrock-api-key-", rf"{_B}{{24,}}", ALPHANUMERIC[:60]),
    ("artifactory-key", "AKC", rf"{_W}{{10,}}", ALPHANUMERIC[:70]),
)


def _rule(rule_id: str, prefixes: str, body: str, sample: str) -> Rule:
    words = tuple(prefixes.split())
    union = "|".join(re.escape(word) for word in words)
    text = words[0] + sample
    return Rule(
        id=rule_id,
        why=f"the issuer's documented form: {' or '.join(words)} and a random body",
        pattern=rf"(?:^|[^A-Za-z0-9])(?P<secret>(?:{union}){body})",
        keywords=tuple(dict.fromkeys(word.lower() for word in words)),
        anchors=(rf"\b(?:{union})[\w=+/.-]{{4}}",),
        finds=(
            (f"using {text} now", sample[-10:]),
            (f'{{"x":"{text}"}}', sample[-10:]),
            (f"\x1b[33m{text}\x1b[0m", sample),
        ),
        leaves=(f"tokens that start with {words[0]} are ours", f"{words[0]}x"),
    )


RULES: tuple[Rule, ...] = tuple(_rule(*row) for row in PREFIXED)
