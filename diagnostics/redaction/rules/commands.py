"""Passwords on command lines, by the option that each program takes them with."""

# ruff: noqa: E501 (a pattern reads best in one piece)

from __future__ import annotations

from diagnostics.redaction.rule import Rule
from diagnostics.redaction.rules import names

_PROGRAM = (
    r"(?:sshpass|mysql\w*|mariadb\w*|mongo\w*|redis-cli|rabbitmqctl|ldap\w+|smbclient|rpcclient|htpasswd|openssl|zip|7za?"
    r"|docker|podman|helm|oc|nerdctl)"
)
# What parts two arguments: blanks, or in a list (perhaps inside JSON) quotes and a comma.
_THEN = r"(?:[ \t]+|\\*[\"'],[ \t]*\\*[\"'])"
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
    anchors=(rf"(?i)[ \t\"']-(?:[a-z]*[ua]|-user|-proxy-user|-auth)(?:=|{_THEN})?[^\s:]*:",),
    inner=r"^(?:[^:]*:(?P<secret>.+)|(?P<secret2>[^:]+):)$",
    keep_values=rf"{names.NO_SECRET}|//.*|\d{{1,5}}|root",
    finds=(
        ("curl --cacert ca.crt -u elastic:P@ssw0rd$1 https://localhost:9200", "P@ssw0rd$1"),
        ("  --user c28wlsosanujy2z:qgsnai0x --data x", "qgsnai0x"),
        ("curl -su 'api:d2LkV78zLx!t' https://api/", "d2LkV78zLx!t"),
        ('curl -u ":d2LkV78zLx" https://localhost', "d2LkV78zLx"),
        ('["CMD","curl","-f","-u","admin:d2LkV78zLx","http://h"]', "d2LkV78zLx"),
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
    anchors=(rf"\b{_PROGRAM}{_THEN}|chpasswd|(?:storepass|keypass)(?:{_THEN}|=)|-pass(?:in|out)?{_THEN}pass:",),
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
        ('["CMD", "redis-cli", "-a", "hunter2", "ping"]', "hunter2"),
        ("Command '['sshpass', '-p', 'hunter 2', 'ssh', 'db']' returned non-zero exit status 5.", "hunter 2"),
    ),
    leaves=(
        "mysql -h db -u root -p ai",
        "docker login registry:5000 --password-stdin",
        "redis-cli -h redis -p 6379 ping",
        "openssl rsa -passin env:KEY_PASS",
        '["docker", "run", "-p", "8080:80", "awe/app:1"]',
    ),
)

CURL_COOKIE = Rule(
    id="curl-cookie",
    why="curl -b and --cookie send cookies that are given as name=value",
    pattern=r"\bcurl\b[^\n]*?[ \t](?:-[a-zA-Z]*b|--cookie)(?:=|[ \t]*)(?:\"(?P<section>[^\"]*=[^\"]*)\"?|'(?P<section2>[^']*=[^']*)'?|(?P<section3>[^\s\"']+=\S+))",
    keywords=("curl",),
    anchors=(rf"[ \t\"']-(?:[a-zA-Z]*b|-cookie)(?:=|{_THEN})?[\"']?[^\s\"'=]+=",),
    inner=r"[^\s=;]+=(?P<secret>[^;\"'\s]+)",
    keep_values=names.NO_SECRET,
    finds=(('curl -b "sid=hunter2; theme=x" https://api/', "hunter2"),),
    leaves=("curl -b cookies.txt https://api/?a=1",),
)

_SECRET_OPTION = rf"--?(?:{names.PASSWORD_KEY}|{names.SECRET_KEY}|user|proxy-user|auth)"
ARGUMENT_LINES = Rule(
    id="command-argument",
    why="a program and its arguments one to a line: `command` in a compose file, `docker inspect`",
    pattern=rf"(?i)(?:[\w.-]*/)*(?:{_PROGRAM}|curl|keytool)|{_SECRET_OPTION}",
    keywords=("-", '"'),
    anchors=(rf"(?i)(?:\b(?:{_PROGRAM}|curl|keytool)|-user|-auth)[\"']?,?[ \t\r]*$",),
    keep_keys=names.KEEP_KEYS,
    finds=(
        ('"Cmd": [\n  "redis-server",\n  "--requirepass",\n  "hunter2"\n],', "hunter2"),
        ('"Test": [\n  "CMD",\n  "redis-cli",\n  "-a",\n  "hunter2",\n  "ping"\n]', "hunter2"),
        ("command:\n  - mysqladmin\n  - ping\n  - -phunter2", "hunter2"),
        ("- worker\n- --db-password\n- 'hunter2 hunter3'", "hunter2 hunter3"),
        ('"curl",\n"-u",\n"admin:hunter2",', "hunter2"),
    ),
    leaves=(
        "- redis-cli\n- -h\n- redis\n- -p\n- 6379\n- ping",
        '"worker",\n"--password-file",\n"/run/secrets/db",',
        "packages:\n  - curl\n  - zip\nusers:\n  - name: ai",
        "- --requirepass\n- ${REDIS_PASSWORD}",
    ),
)

RULES = (CURL_COOKIE, CURL, OPTION)
