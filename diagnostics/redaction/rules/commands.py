"""Passwords on command lines, by the option that each program takes them with."""

# ruff: noqa: E501 (a pattern reads best in one piece)

from __future__ import annotations

from diagnostics.redaction.rule import Rule
from diagnostics.redaction.rules import names

_WORD = r"(?:\"(?P<{0}q>[^\"]+)\"?|'(?P<{0}s>[^']+)'?|(?P<{0}w>[^\s\"'-][^\s\"']*))"


def _word(name: str) -> str:
    return _WORD.replace("{0}", name)


CURL = Rule(
    id="curl-user",
    why="curl -u user:password (and httpie -a, wget): the part after the colon, or all of it when there is no user",
    pattern=(
        r"(?:(?:\b(?:curl|http|https|httpie|wget|xh)\b[^\n]*?[ \t]|^\s*)(?:-[a-zA-Z]*[ua]|-U)[ \t]*|(?:^|[ \t])(?:--user|--proxy-user|--auth)(?:=|[ \t]+))"
        r"(?:\"(?P<sectionq>[^\s\"]*:[^\"]*)\"|'(?P<sections>[^\s']*:[^']*)'|\"[^\":]*\":\"?(?P<secretm>[^\s\"]+)\"?"
        r"|[^\s\"':=-][^\s\"':]*:(?:\"(?P<secretn>[^\"]+)\"|'(?P<secreto>[^']+)'|(?P<secretp>[^\s\"'/][^\s\"']*)))"
    ),
    keywords=("curl", "-u", "-a", "--user", "--proxy-user", "--auth"),
    anchors=(r"(?i)[ \t]-(?:[a-z]*[ua]|-user|-proxy-user|-auth)(?:=|[ \t]*)[^\s:]*:",),
    inner=r"^(?:[^:]*:(?P<secret>.+)|(?P<secret2>[^:]+):)$",
    keep_values=rf"{names.NO_SECRET}|//.*|\d{{1,5}}|root",
    finds=(
        ("curl --cacert ca.crt -u elastic:P@ssw0rd$1 https://localhost:9200", "P@ssw0rd$1"),
        ("  --user c28wlsosanujy2z:qgsnai0x --data x", "qgsnai0x"),
        ("curl -su 'api:d2LkV78zLx!t' https://api/", "d2LkV78zLx!t"),
        ('curl -u ":d2LkV78zLx" https://localhost', "d2LkV78zLx"),
    ),
    leaves=(
        'curl -u "${user}:${password}" https://api/',
        "curl -sk --cert c.crt https://localhost:8443/health",
        "python -u app.py http://api:8000/",
        "docker run --user 1000:1000 awe/app:1",
    ),
)

OPTION = Rule(
    id="command-option",
    why="sshpass -p, mysql -p, redis-cli -a, docker login -p, ldapsearch -w, openssl -passin, smbclient -U, htpasswd -b",
    pattern=(
        rf"\bsshpass[ \t]+(?:-[a-oq-z]\S*[ \t]+)*-p[ \t]*{_word('secret')}"
        rf"|\bmongo\w*\b[^\n|;]*?[ \t]-p[ \t]+{_word('secreti')}"
        rf"|\brabbitmqctl[ \t][^\n|;]*?(?:add_user|change_password|authenticate_user)[ \t]+\S+[ \t]+{_word('secretj')}"
        rf"|[ \t]-(?:src|dest)?(?:storepass|keypass)(?:[ \t]+|=){_word('secretk')}"
        rf"|\b(?:zip[ \t][^\n|;]*?-P[ \t]*|openssl[ \t][^\n|;]*?[ \t]-k[ \t]+|7za?[ \t][^\n|;]*?[ \t]-p){_word('secretl')}"
        r"|\becho[ \t]+[\"']?[\w.-]+:(?P<secretm>[^\s\"']+)[\"']?[ \t]*\|[ \t]*(?:sudo[ \t]+)?chpasswd"
        rf"|\b(?:mysql\w*|mariadb\w*|mongo\w*)\b[^\n|;]*?[ \t]-p{_word('secretb')}"
        rf"|\bredis-cli\b[^\n|;]*?[ \t](?:-a|--pass)[ \t]+{_word('secretc')}"
        rf"|\b(?:docker|podman|helm|oc|nerdctl)\b[^\n|;]*?\blogin\b[^\n|;]*?[ \t]-p[ \t]*{_word('secretd')}"
        rf"|\bldap\w+\b[^\n|;]*?[ \t]-w[ \t]*{_word('secrete')}"
        r"|-pass(?:in|out)?[ \t]+pass:(?P<secretf>[^\s\"']+)"
        r"|\b(?:smbclient|rpcclient)\b[^\n|;]*?[ \t](?:-U|--user=?)[ \t]*[\"']?[^\s%\"']+%(?P<secretg>[^\s\"']+)"
        rf"|\bhtpasswd[ \t]+-\w*b\w*[ \t]+(?:-\S+[ \t]+)*\S+[ \t]+\S+[ \t]+{_word('secreth')}"
    ),
    keywords=(
        "sshpass",
        "mysql",
        "mariadb",
        "mongo",
        "rabbitmqctl",
        "storepass",
        "keypass",
        "zip",
        "openssl",
        "7z",
        "chpasswd",
        "redis-cli",
        "login",
        "ldap",
        "-pass",
        "smbclient",
        "rpcclient",
        "htpasswd",
    ),
    anchors=(
        (
            r"\b(?:sshpass|mysql\w*|mariadb\w*|mongo\w*|redis-cli|rabbitmqctl|ldap\w+|smbclient|rpcclient|htpasswd|openssl|zip|7za?"
            r"|docker|podman|helm|oc|nerdctl)[ \t]|chpasswd|(?:storepass|keypass)(?:[ \t]|=)|-pass(?:in|out)?[ \t]+pass:"
        ),
    ),
    keep_values=rf"{names.NO_SECRET}|assword.*|ort.*|\d{{2,5}}",
    finds=(
        ("sshpass -p hunter2 ssh root@db", "hunter2"),
        ("mysql -h db -uroot -phunter2 ai", "hunter2"),
        ("redis-cli -h redis -a hunter2 ping", "hunter2"),
        ("docker login -u ci -p 'a b c' registry:5000", "a b c"),
        ("rabbitmqctl add_user ai hunter2", "hunter2"),
        ("echo 'ai:hunter2' | chpasswd", "hunter2"),
        ("keytool -list -storepass hunter2", "hunter2"),
        ("openssl rsa -in k.pem -passin pass:hunter2", "hunter2"),
        ("smbclient -U alice%hunter2 //host/share", "hunter2"),
        ("htpasswd -nb alice file hunter2", "hunter2"),
    ),
    leaves=(
        "mysql -h db -u root -p ai",
        "docker login registry:5000 --password-stdin",
        "redis-cli -h redis -p 6379 ping",
        "openssl rsa -passin env:KEY_PASS",
    ),
)

CURL_COOKIE = Rule(
    id="curl-cookie",
    why="curl -b and --cookie send cookies that are given as name=value",
    pattern=r"\bcurl\b[^\n]*?[ \t](?:-[a-zA-Z]*b|--cookie)(?:=|[ \t]*)(?:\"(?P<section>[^\"]*=[^\"]*)\"?|'(?P<section2>[^']*=[^']*)'?|(?P<section3>[^\s\"']+=\S+))",
    keywords=("curl",),
    anchors=(r"[ \t]-(?:[a-zA-Z]*b|-cookie)(?:=|[ \t]*)[\"']?[^\s\"'=]+=",),
    inner=r"[^\s=;]+=(?P<secret>[^;\"'\s]+)",
    keep_values=names.NO_SECRET,
    finds=(('curl -b "sid=hunter2; theme=x" https://api/', "hunter2"),),
    leaves=("curl -b cookies.txt https://api/?a=1",),
)

RULES = (CURL_COOKIE, CURL, OPTION)
