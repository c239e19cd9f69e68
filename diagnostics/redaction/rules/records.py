"""What programs keep or send: cookies of browsers and curl, logons of Oracle's programs, fields of forms."""

# ruff: noqa: E501 (a pattern reads best in one piece)

from __future__ import annotations

from diagnostics.redaction.rule import Rule
from diagnostics.redaction.rules import names

COOKIE = Rule(
    id="kept-cookie",
    why="a cookie's value as browsers and curl keep it: the name and value of an HTTP archive, a line of a Netscape jar",
    pattern=(
        rf"(?i)\bname\"[ \t]*:[ \t]*\"(?P<key>{names.COMMON_KEY})\"[ \t]*,[ \t]*\"value\"[ \t]*:[ \t]*\"(?P<secret>[^\"\\]+)\""
        r"|\t(?:TRUE|FALSE)\t/[^\t]*\t(?:TRUE|FALSE)\t\d+\t(?P<key2>[^\t]+)\t(?P<secret2>\S+)"
    ),
    keywords=("value", "\t/"),
    anchors=(r"(?i)(?:\"[ \t]*,[ \t]*\"value\"[ \t]*:|\t(?:TRUE|FALSE)\t/[^\t]*\t(?:TRUE|FALSE)\t\d)",),
    keep_keys=names.KEEP_COMMON_KEYS,
    keep_values=names.NO_SECRET,
    needs=names.RANDOM,
    finds=(
        ('{"name":"sessionid","value":"8f7s6d5f4s3d2f1a0q9w8e7r6t5y4u3i"}', "8f7s6d5f4s3d2f1a0q9w8e7r6t5y4u3i"),
        ("db\tFALSE\t/\tTRUE\t1893456000\tsid\t8f7s6d5f4s3d2f1a0q9w8e7r6t5y4u3i", "8f7s6d5f4s3d2f1a0q9w8e7r6t5y4u3i"),
    ),
    leaves=(
        '{"name":"session_type","value":"abcdefgh12345678ijklmnop"}',
        "db\tFALSE\t/\tTRUE\t1893456000\tlanguage\ten",
    ),
)

ORACLE = Rule(
    id="oracle-logon",
    why="user/password@database, as Oracle's JDBC driver and command-line programs take it",
    pattern=r"(?i)(?:jdbc:oracle:\w+:|\b(?:sqlplus|sqlldr|expdp|impdp)[ \t]+(?:-\w+[ \t]+)*[\"']?)[\w$#.-]+/(?P<secret>[^\s\"'@/][^\s\"']*)@",
    keywords=("jdbc:oracle", "sqlplus", "sqlldr", "expdp", "impdp"),
    anchors=(r"(?i:(?:jdbc:oracle:|sqlplus|sqlldr|expdp|impdp)[^/\n]*/[^\n]*@)",),
    keep_values=names.NO_SECRET,
    finds=(
        ("jdbc:oracle:thin:scott/hunter2@//db:1521/x", "hunter2"),
        ("sqlplus -s scott/hunter2@db", "hunter2"),
    ),
    leaves=("jdbc:oracle:thin:@//db:1521/x", "sqlplus scott/$DB_PASSWORD@db", "sqlplus /nolog @script"),
)

FORM_FIELD = Rule(
    id="form-field",
    why="the part of a multipart form (RFC 7578) in one line, as a repr or a JSON string has it",
    pattern=(
        rf"(?i)\bform-data;[^\n]{{0,200}}\bname=\"(?P<key>(?:{names.PASSWORD_KEY}|{names.SECRET_KEY}))\"[^\"\n]*\n(?:[^\n:]{{1,60}}:[^\n]*\n){{0,3}}\r?\n(?P<secret>[^\r\n]+)"
    ),
    keywords=("form-data",),
    anchors=(r"(?i:\bform-data;[^\n]*\bname=\\*\")",),
    keep_keys=names.KEEP_KEYS,
    keep_values=names.NO_SECRET,
    finds=(
        ('Content-Disposition: form-data; name=\\"password\\"\\r\\n\\r\\nhunter2\\r\\n--x--', "hunter2"),
        ("b'--x\\r\\nform-data; name=\"token\"\\r\\nContent-Type: text/plain\\r\\n\\r\\nhunter2\\r\\n--x'", "hunter2"),
    ),
    leaves=('form-data; name=\\"username\\"\\r\\n\\r\\nalice\\r\\n--x--',),
)

RULES = (COOKIE, ORACLE, FORM_FIELD)
