"""Lines as programs write them that no signature is about: varied by a seed, full of words that signatures hold, too."""

# ruff: noqa: E501 (log lines stay in one piece)

from __future__ import annotations

import random
import string
from collections.abc import Iterator

KERNEL = """
kernel: [{n}.{n}] eth0: renamed from veth{hex}
kernel: [{n}.{n}] TCP: request_sock_TCP: Possible SYN flooding on port {port}. Sending cookies.
kernel: [{n}.{n}] EXT4-fs (sd{letter}1): mounted filesystem with ordered data mode. Opts: (null)
kernel: [{n}.{n}] usb 1-{d}: device descriptor read/64, error -{d}{d}
kernel: [{n}.{n}] ata{d}.00: failed command: READ FPDMA QUEUED
kernel: [{n}.{n}] nfs: server {host} not responding, timed out
kernel: [{n}.{n}] audit: type=1400 apparmor="DENIED" operation="open" profile="{word}" name="/proc/{n}/mem" pid={n}
kernel: [{n}.{n}] {word}[{n}]: segfault at 0 ip {hex} sp {hex} error 4 in lib{word}.so[{hex}+{d}000]
kernel: [{n}.{n}] module verification failed: signature and/or required key missing - tainting kernel
kernel: [{n}.{n}] INFO: task {word}:{n} blocked for more than 120 seconds.
"""
SYSTEMD = """
systemd[1]: {word}.service: Main process exited, code=exited, status={d}/FAILURE
systemd[1]: {word}.service: Failed with result 'timeout'.
systemd[1]: Failed to start {word} database server.
systemd[1]: Dependency failed for Remote File Systems.
systemd[1]: {word}.service: Scheduled restart job, restart counter is at {d}.
systemd[1]: {word}.service: State 'stop-sigterm' timed out. Killing.
systemd[1]: {word}.service: Killing process {n} ({word}) with signal SIGKILL.
systemd-resolved[{n}]: Server returned error NXDOMAIN, mitigating potential DNS violation
systemd-resolved[{n}]: Using degraded feature set UDP instead of TCP for DNS server {ip}.
systemd-networkd[{n}]: eth{d}: Lost carrier
systemd-logind[{n}]: Removed session {n}.
CRON[{n}]: (root) CMD (test -x /usr/sbin/{word} && /usr/sbin/{word} --timeout {d}{d})
CRON[{n}]: pam_unix(cron:session): session opened for user {user}(uid={n}) by (uid=0)
cron[{n}]: (CRON) error (grandchild #{n} failed with exit status {d})
"""
SSH = """
sshd[{n}]: Failed password for invalid user {user} from {ip} port {port} ssh2
sshd[{n}]: Failed password for root from {ip} port {port} ssh2
sshd[{n}]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={ip}  user={user}
sshd[{n}]: reverse mapping checking getaddrinfo for {host} [{ip}] failed - POSSIBLE BREAK-IN ATTEMPT!
sshd[{n}]: error: Received disconnect from {ip}: 3: com.jcraft.jsch.JSchException: Auth fail [preauth]
sshd[{n}]: Connection closed by authenticating user {user} {ip} port {port} [preauth]
sshd[{n}]: error: kex_exchange_identification: read: Connection reset by peer
sshd[{n}]: fatal: Timeout before authentication for {ip} port {port}
sshd[{n}]: error: maximum authentication attempts exceeded for {user} from {ip} port {port} ssh2 [preauth]
sshd[{n}]: Unable to negotiate with {ip} port {port}: no matching key exchange method found. Their offer: diffie-hellman-group1-sha1
sshd[{n}]: error: connect_to {host} port {port}: failed.
sudo: {user} : user NOT in sudoers ; TTY=pts/{d} ; PWD=/home/{user} ; USER=root ; COMMAND=/bin/cat /etc/shadow
su[{n}]: FAILED SU (to root) {user} on pts/{d}
fail2ban.actions [{n}]: NOTICE [sshd] Ban {ip}
"""
MAIL = """
postfix/smtpd[{n}]: warning: {host}[{ip}]: SASL LOGIN authentication failed: UGFzc3dvcmQ6
postfix/smtpd[{n}]: NOQUEUE: reject: RCPT from unknown[{ip}]: 554 5.7.1 Service unavailable; Client host [{ip}] blocked using zen.spamhaus.org
postfix/smtp[{n}]: connect to {host}[{ip}]:25: Connection timed out
postfix/smtp[{n}]: connect to {host}[2001:db8::{d}]:25: Network is unreachable
postfix/smtp[{n}]: {hex}: to=<{user}@{host}>, relay=none, delay={n}, status=deferred (connect to {host}[{ip}]:25: Connection refused)
postfix/smtp[{n}]: {hex}: to=<{user}@{host}>, relay={host}[{ip}]:25, dsn=4.4.2, status=deferred (lost connection with {host} while receiving the initial server greeting)
postfix/smtp[{n}]: Untrusted TLS connection established to {host}[{ip}]:25: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384
postfix/smtpd[{n}]: lost connection after AUTH from unknown[{ip}]
postfix/error[{n}]: {hex}: status=deferred (Host or domain name not found. Name service error for name={host} type=MX: Host not found, try again)
dovecot: imap-login: Disconnected: Connection closed: read(size=1024) failed: Connection reset by peer (no auth attempts in {d} secs): rip={ip}
dovecot: auth-worker({n}): sql({user},{ip}): Password mismatch
dovecot: imap({user})<{n}>: Logged out in={n} out={n}
exim[{n}]: H={host} [{ip}] TLS error on connection: A TLS packet with unexpected length was received
"""
WEB = """
nginx: {ts} [error] {n}#{n}: *{n} connect() failed (111: Connection refused) while connecting to upstream, client: {ip}, server: {host}, request: "GET /{word} HTTP/1.1", upstream: "http://{ip}:{port}/{word}"
nginx: {ts} [error] {n}#{n}: *{n} upstream timed out (110: Connection timed out) while reading response header from upstream, client: {ip}
nginx: {ts} [warn] {n}#{n}: *{n} an upstream response is buffered to a temporary file /var/cache/nginx/{d}/{hex}
nginx: {ts} [crit] {n}#{n}: *{n} SSL_do_handshake() failed (SSL: error:0A00006C:SSL routines::bad key share) while SSL handshaking, client: {ip}
nginx: {ts} [emerg] {n}#{n}: bind() to 0.0.0.0:{port} failed (98: Address already in use)
nginx: {ts} [error] {n}#{n}: *{n} user "{user}": password mismatch, client: {ip}, server: {host}
{ip} - - [29/Nov/2026:10:{d}{d}:{d}{d} +0000] "GET /{word}/{n}?error=access_denied&timeout={n} HTTP/1.1" 5{d}{d} {n} "-" "Mozilla/5.0"
{ip} - {user} [29/Nov/2026:10:{d}{d}:{d}{d} +0000] "POST /login HTTP/1.1" 401 {n} "https://{host}/" "curl/8.5.0"
[Sun Nov 29 10:{d}{d}:{d}{d}.{n} 2026] [proxy:error] [pid {n}:tid {n}] (111)Connection refused: AH00957: HTTP: attempt to connect to {ip}:{port} ({host}) failed
[Sun Nov 29 10:{d}{d}:{d}{d}.{n} 2026] [authz_core:error] [pid {n}] [client {ip}:{port}] AH01630: client denied by server configuration: /var/www/{word}
[Sun Nov 29 10:{d}{d}:{d}{d}.{n} 2026] [mpm_event:notice] [pid {n}] AH00489: Apache/2.4.58 (Unix) OpenSSL/3.0.13 configured -- resuming normal operations
haproxy[{n}]: Server web/{word} is DOWN, reason: Layer4 timeout, check duration: {n}ms. {d} active and 0 backup servers left.
haproxy[{n}]: {ip}:{port} [29/Nov/2026:10:00:00.{n}] https~ https/<NOSRV> -1/-1/-1/-1/{d} 503 217 - - SC-- {d}/{d}/0/0/3 0/0 "GET / HTTP/1.1"
haproxy[{n}]: {ip}:{port} [29/Nov/2026:10:00:00.{n}] https/1: SSL handshake failure
traefik: time="{iso}" level=error msg="Unable to obtain ACME certificate for domains \\"{host}\\": error: one or more domains had a problem"
traefik: time="{iso}" level=debug msg="'502 Bad Gateway' caused by: dial tcp {ip}:{port}: connect: connection refused"
envoy[{n}]: [{iso}][{n}][warning][config] gRPC config stream closed: 14, upstream connect error or disconnect/reset before headers. reset reason: connection failure
squid[{n}]: TCP_MISS/503 {n} CONNECT {host}:443 {user} HIER_NONE/- text/html
"""
JVM = """
{iso} ERROR [{word}-{d}] o.s.b.d.LoggingFailureAnalysisReporter - APPLICATION FAILED TO START
{iso} WARN  {n} --- [nio-8080-exec-{d}] o.h.engine.jdbc.spi.SqlExceptionHelper : SQL Error: 0, SQLState: 08S01
{iso} ERROR {n} --- [main] com.zaxxer.hikari.pool.HikariPool : HikariPool-{d} - Exception during pool initialization.
{iso} ERROR HikariPool-1 - Connection is not available, request timed out after 30000ms.
java.sql.SQLException: Access denied for user '{user}'@'{host}' (using password: YES)
com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure
java.net.ConnectException: Connection refused (Connection refused)
java.net.NoRouteToHostException: No Route to Host from {host}/127.0.0.1 to {host}:{port} failed on socket timeout exception: java.net.NoRouteToHostException: No route to host: no further information
java.net.UnknownHostException: {host}: nodename nor servname provided
javax.net.ssl.SSLHandshakeException: PKIX path building failed: unable to find valid certification path to requested target
javax.net.ssl.SSLException: Received fatal alert: handshake_failure
java.security.cert.CertificateExpiredException: NotAfter: Sun Nov 29 10:00:00 UTC 2026
java.lang.OutOfMemoryError: GC overhead limit exceeded
org.springframework.security.authentication.BadCredentialsException: Bad credentials
[{iso}] WARN [Producer clientId=producer-{d}] Connection to node {d} ({host}/{ip}:9092) could not be established. Broker may not be available. (org.apache.kafka.clients.NetworkClient)
[{iso}] ERROR [KafkaServer id={d}] Fatal error during KafkaServer startup. Prepare to shutdown (kafka.server.KafkaServer)
[{iso}] INFO [GroupCoordinator {d}]: Member consumer-{word}-{d} in group {word} has failed, removing it from the group (kafka.coordinator.group.GroupCoordinator)
[{iso}] WARN Session 0x{hex} for server {host}/{ip}:2181, unexpected error, closing socket connection and attempting reconnect (org.apache.zookeeper.ClientCnxn)
{iso} INFO org.apache.hadoop.ipc.Client: Retrying connect to server: {host}/{ip}:8020. Already tried {d} time(s); maxRetries=45
{iso} WARN org.apache.hadoop.hdfs.LeaseRenewer: Failed to renew lease for [DFSClient_NONMAPREDUCE_{n}_1] for {n} seconds. Will retry shortly ...
{iso} ERROR org.elasticsearch.transport.netty4.Netty4Utils fatal error on the network layer
[{iso}][WARN ][o.e.c.r.a.DiskThresholdMonitor] [{word}] high disk watermark [90%] exceeded on [{hex}][{word}] free: {n}mb[{d}.{d}%], shards will be relocated away from this node
[{iso}][WARN ][o.e.x.s.a.RealmsAuthenticator] [{word}] Authentication to realm native failed - Password authentication failed for {user}
{iso} ERROR cassandra.cql3: Unauthorized: User {user} has no SELECT permission on <table {word}.{word}>
"""
STORES = """
{{"t":{{"$date":"{iso}"}},"s":"I","c":"ACCESS","id":20249,"ctx":"conn{n}","msg":"Authentication failed","attr":{{"mechanism":"SCRAM-SHA-256","user":"{user}","error":"AuthenticationFailed: SCRAM authentication failed, storedKey mismatch"}}}}
{{"t":{{"$date":"{iso}"}},"s":"W","c":"NETWORK","id":23019,"ctx":"conn{n}","msg":"DBException handling request, closing client connection","attr":{{"error":"ClientDisconnect: operation was interrupted"}}}}
{{"t":{{"$date":"{iso}"}},"s":"I","c":"NETWORK","id":4712102,"ctx":"{word}","msg":"Host failed in replica set","attr":{{"replicaSet":"rs0","host":"{host}:27017","error":{{"code":6,"codeName":"HostUnreachable","errmsg":"Error connecting to {host}:27017 ({ip}:27017) :: caused by :: Connection refused"}}}}}}
{{"t":{{"$date":"{iso}"}},"s":"E","c":"STORAGE","id":22435,"ctx":"initandlisten","msg":"WiredTiger error","attr":{{"error":{d}{d},"message":"__posix_open_file: handle-open: Operation not permitted"}}}}
{ts} {n} [Warning] Access denied for user '{user}'@'{ip}' (using password: YES)
{ts} {n} [Warning] Aborted connection {n} to db: '{word}' user: '{user}' host: '{ip}' (Got timeout reading communication packets)
{ts} {n} [ERROR] InnoDB: Unable to lock ./ibdata1 error: 11
{ts} {n} [Note] InnoDB: Transactions deadlock detected, dumping detailed information.
ERROR 1040 (HY000): Too many connections
ERROR 1205 (HY000): Lock wait timeout exceeded; try restarting transaction
ERROR 1049 (42000): Unknown database '{word}'
{iso} [error] <0.{n}.0> closing AMQP connection <0.{n}.0> ({ip}:{port} -> {ip}:5672): {{handshake_timeout,frame_header}}
{iso} [warning] <0.{n}.0> closing AMQP connection <0.{n}.0> ({ip}:{port} -> {ip}:5672, vhost: '/', user: '{user}'): client unexpectedly closed TCP connection
{iso} [error] <0.{n}.0> PLAIN login refused: user '{user}' - invalid credentials
{iso} [info] <0.{n}.0> vm_memory_high_watermark set. Memory used:{n} allowed:{n}
memcached[{n}]: accept4(): No file descriptors available
{iso} {hex} etcdserver: request timed out, possibly due to previous leader failure
{{"level":"warn","ts":"{iso}","caller":"rafthttp/probing_status.go:68","msg":"prober detected unhealthy status","round-tripper-name":"ROUND_TRIPPER_SNAPSHOT","remote-peer-id":"{hex}","rtt":"0s","error":"dial tcp {ip}:2380: connect: connection refused"}}
influxd: ts={iso} lvl=error msg="[500] - \\"timeout\\"" log_id={hex} service=httpd
couchdb[{n}]: [error] {iso} nonode@nohost <0.{n}.0> {hex} req_err({n}) unauthorized : Name or password is incorrect.
minio: API: SYSTEM() Time: 10:00:00 UTC 11/29/2026 Error: Read failed. Insufficient number of drives online (*errors.errorString)
clickhouse-server[{n}]: <Error> DynamicQueryHandler: Code: 516, e.displayText() = DB::Exception: {user}: Authentication failed: password is incorrect or there is no user with such name
"""
ORCHESTRA = """
kubelet[{n}]: E1129 10:00:00.{n}   {n} pod_workers.go:190] "Error syncing pod, skipping" err="failed to \\"StartContainer\\" for \\"{word}\\" with CrashLoopBackOff: \\"back-off 5m0s restarting failed container={word}\\""
kubelet[{n}]: E1129 10:00:00.{n}   {n} kubelet.go:2183] node "{host}" not found
kubelet[{n}]: I1129 10:00:00.{n}   {n} prober.go:116] Liveness probe for "{word}-{hex}" failed (failure): Get http://{ip}:8080/healthz: dial tcp {ip}:8080: connect: connection refused
kubelet[{n}]: W1129 10:00:00.{n}   {n} prober.go:108] Readiness probe failed: context deadline exceeded (Client.Timeout exceeded while awaiting headers)
kubelet[{n}]: E1129 10:00:00.{n}   {n} reflector.go:153] Failed to list *v1.Service: Get https://{ip}:6443/api/v1/services: net/http: TLS handshake timeout
kubelet[{n}]: E1129 10:00:00.{n}   {n} remote_image.go:113] PullImage "{word}/{word}:latest" from image service failed: rpc error: code = Unknown desc = Error response from registry: unauthorized
I1129 10:00:00.{n}       1 log.go:172] http: TLS handshake error from {ip}:{port}: EOF
I1129 10:00:00.{n}       1 log.go:172] http: TLS handshake error from {ip}:{port}: remote error: tls: bad certificate
I1129 10:00:00.{n}       1 serving.go:312] Generated self-signed cert (/tmp/{word}.crt, /tmp/{word}.key)
E1129 10:00:00.{n}       1 leaderelection.go:331] error retrieving resource lock kube-system/{word}: Get https://{ip}:6443: read tcp {ip}:{port}->{ip}:6443: read: connection reset by peer
W1129 10:00:00.{n}       1 clientconn.go:1208] grpc: addrConn.createTransport failed to connect to {{https://{ip}:2379}}. Err: connection error: desc = "transport: authentication handshake failed: context deadline exceeded"
containerd[{n}]: time="{iso}" level=warning msg="cleanup warnings time=\\"{iso}\\" level=info msg=\\"starting signal loop\\" namespace=moby pid={n}"
consul[{n}]: {iso} [ERROR] agent.server.raft: failed to make requestVote RPC: target="{{Voter {hex} {ip}:8300}}" error="dial tcp {ip}:0->{ip}:8300: i/o timeout"
vault[{n}]: {iso} [ERROR] core: failed to get raft challenge: leader_addr=https://{ip}:8200 error="error during raft bootstrap init call"
prometheus: ts={iso} caller=scrape.go:1313 level=debug component="scrape manager" target=http://{ip}:9100/metrics msg="Scrape failed" err="context deadline exceeded"
prometheus: ts={iso} caller=notifier.go:528 level=error msg="Error sending alert" err="Post \\"http://{host}:9093/api/v2/alerts\\": dial tcp: lookup {host} on {ip}:53: no such host"
grafana: logger=context userId=0 t={iso} level=error msg="Failed to look up user based on cookie" error="user token not found"
terraform: Error: Error acquiring the state lock: ConditionalCheckFailedException: The conditional request failed
ansible: fatal: [{host}]: UNREACHABLE! => {{"changed": false, "msg": "Failed to connect to the host via ssh: Permission denied (publickey,password)."}}
jenkins: {iso} WARNING hudson.remoting.Channel: Failed to send back a reply to the request hudson.remoting.Request${d}: channel is already closed
gitlab-runner[{n}]: ERROR: Job failed: exit code {d}  duration_s={n} job={n} project={n}
"""
APPS = """
I, [{iso} #{n}]  INFO -- : [{hex}] Completed 500 Internal Server Error in {n}ms (ActiveRecord: {d}.{d}ms)
F, [{iso} #{n}] FATAL -- : [{hex}] ActionController::RoutingError (No route matches [GET] "/{word}"):
E, [{iso} #{n}] ERROR -- : Mysql2::Error: Lost connection to MySQL server during query
W, [{iso} #{n}]  WARN -- : Can't verify CSRF token authenticity.
{iso} pid={n} tid={word} class={word}Job jid={hex} WARN: Job raised exception: Net::ReadTimeout with #<TCPSocket:(closed)>
npm ERR! code ECONNREFUSED npm ERR! errno ECONNREFUSED npm ERR! request to https://registry.npmjs.org/{word} failed, reason: connect ECONNREFUSED {ip}:443
webpack: ERROR in ./src/{word}.js Module not found: Error: Can't resolve './{word}' in '/app/src'
(node:{n}) UnhandledPromiseRejectionWarning: JsonWebTokenError: jwt malformed
(node:{n}) Warning: Setting the NODE_TLS_REJECT_UNAUTHORIZED environment variable to '0' makes TLS connections and HTTPS requests insecure
Error: listen EADDRINUSE: address already in use :::{port}
{{"level":50,"time":{n},"pid":{n},"hostname":"{host}","msg":"TokenExpiredError: jwt expired","reqId":"{hex}"}}
{{"level":"error","message":"connect ETIMEDOUT {ip}:{port}","timestamp":"{iso}","service":"{word}"}}
PHP Fatal error:  Uncaught PDOException: SQLSTATE[HY000] [2002] Connection refused in /var/www/{word}.php:{n}
PHP Warning:  file_get_contents(): SSL operation failed with code 1. OpenSSL Error messages: error:0A000086 in /var/www/{word}.php on line {n}
[{iso}] production.ERROR: Allowed memory size of 134217728 bytes exhausted (tried to allocate {n} bytes)
dotnet: fail: Microsoft.EntityFrameworkCore.Database.Connection[20004] An error occurred using the connection to database '{word}' on server '{host}'.
dotnet: warn: Microsoft.AspNetCore.Server.Kestrel[22] As of "{iso}", the heartbeat has been running for "00:00:0{d}" which is longer than "00:00:01".
goroutine {n} [running]: main.main() /go/src/{word}/main.go:{n} +0x{hex}
fatal error: all goroutines are asleep - deadlock!
thread 'main' panicked at 'called `Result::unwrap()` on an `Err` value: Os {{ code: 2, kind: NotFound, message: "No such file or directory" }}', src/{word}.rs:{n}
panicked: PoolError(Timeout("{word} pool exhausted after {n}s"))
[{iso}: WARNING/{word}] retry limit {d} reached, giving up on task {hex}
erlang: =ERROR REPORT==== 29-Nov-2026::10:00:00 === ** Connection attempt from node '{word}@{host}' rejected. Invalid challenge reply. **
asterisk[{n}]: NOTICE[{n}] chan_sip.c: Registration from '<sip:{n}@{ip}>' failed for '{ip}:{port}' - Wrong password
openvpn[{n}]: TLS Error: TLS key negotiation failed to occur within 60 seconds (check your network connectivity)
openvpn[{n}]: {user}/{ip}:{port} VERIFY ERROR: depth=0, error=CRL has expired: CN={user}
wpa_supplicant[{n}]: wlan0: CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="{word}" auth_failures={d} duration=20 reason=WRONG_KEY
named[{n}]: client @0x{hex} {ip}#{port} ({host}): query failed (SERVFAIL) for {host}/IN/A at query.c:{n}
named[{n}]: validating {host}/A: verify failed due to bad signature (keyid={n}): RRSIG has expired
unbound[{n}]: info: validation failure <{host}. A IN>: signature expired from {ip}
ntpd[{n}]: {ip} local addr {ip} -> <null> no server suitable for synchronization found
chronyd[{n}]: Can't synchronise: no selectable sources
dhclient[{n}]: send_packet: Operation not permitted
rsyslogd: cannot connect to {host}:514: Connection refused [v8.2302.0 try https://www.rsyslog.com/e/2027 ]
snmpd[{n}]: Connection from UDP: [{ip}]:{port}->[{ip}]:161 refused
smartd[{n}]: Device: /dev/sd{letter}, {d} Currently unreadable (pending) sectors
mdadm[{n}]: Fail event detected on md device /dev/md{d}, component device /dev/sd{letter}1
dockerfile-lint: warning: COPY failed: no such file {word}
git-daemon[{n}]: fatal: unable to access 'https://{host}/{word}.git/': The requested URL returned error: 403
rsync: [sender] write error: Broken pipe (32)
borg: Failed to create/acquire the lock /backup/{word}/lock.exclusive (timeout).
logrotate[{n}]: error: skipping "/var/log/{word}.log" because parent directory has insecure permissions
ftpd[{n}]: getpeername (ftpd): Transport endpoint is not connected
klogind[{n}]: Authentication failed from {host} ({ip}): Permission denied in replay cache code
gdm[{n}]: Couldn't authenticate user
cups[{n}]: [Job {n}] Print job was terminated by signal {d}
squid: FATAL: The redirector helpers are crashing too rapidly, need help!
snort[{n}]: [1:{n}:{d}] ET SCAN Potential SSH Scan [Classification: Attempted Information Leak] [Priority: 2] {{TCP}} {ip}:{port} -> {ip}:22
"""
FAMILIES = (KERNEL, SYSTEMD, SSH, MAIL, WEB, JVM, STORES, ORCHESTRA, APPS)
TEMPLATES = tuple(line for family in FAMILIES for line in family.strip().split("\n"))
WORDS = [
    "error",
    "timeout",
    "refused",
    "failed",
    "password",
    "database",
    "relation",
    "role",
    "token",
    "session",
    "backup",
    "nginx",
    "worker",
    "queue",
    "broker",
    "certificate",
    "login",
    "pool",
    "client",
    "server",
    "startup",
    "shutdown",
    "signal",
    "memory",
    "disk",
    "deadlock",
    "connection",
    "health",
    "redis",
    "postgres",
    "payment",
    "orders",
    "search",
    "catalog",
    "billing",
]
USERS = ("root", "admin", "alice", "bob", "oracle", "postgres", "deploy", "www-data", "test")
HOSTS = ("db-1.example.org", "mail.example.net", "cache-07", "node3.local", "redis.internal", "pgbouncer.example.com")
# Sentences of which half the words are those of signatures; nobody's log, but what free text of users looks like.
PHRASES = """
{word} {word} failed while {word} was waiting for {word}
user {user} asked: why is the {word} connection refused after {n} seconds?
cannot find {word} for {word}: no such {word}
{word} was not found, {word} does not exist any more
WARN {word}: too many {word}s ({n}), dropping the oldest
ERROR {word}: permission denied for {user}
{word} limit of {n} reached, {word} timed out after {n} ms
retrying {word} ({d}/10): connection to {host} closed
the {word} has expired, please renew your {word}
INFO {word} is starting up, {word} is shutting down
FATAL {word}: cannot open {word} file /srv/{word}/{n}.dat
no more {word}s allowed for {user}
{word} process {n} exited with status {d}
invalid {word}: expected {n} got {n}
""".strip().split("\n")


def lines(count: int, *, seed: int) -> Iterator[str]:
    """Yield lines of strangers, with and without the stamp of a syslog."""
    pick = random.Random(seed)
    templates = (*TEMPLATES, *PHRASES)
    for index in range(count):
        template = templates[index] if index < len(templates) else pick.choice(templates)
        prefix = pick.choice(("", f"Nov 29 10:{pick.randrange(60):02d}:{pick.randrange(60):02d} {pick.choice(HOSTS)} "))
        yield prefix + _filled(pick, template)


def _filled(pick: random.Random, template: str) -> str:
    field_names = {name for _, name, _, _ in string.Formatter().parse(template) if name}
    filled = template
    for name in field_names:
        while "{" + name + "}" in filled:
            filled = filled.replace("{" + name + "}", _value(pick, name), 1)
    return filled.replace("{{", "{").replace("}}", "}")


def _value(pick: random.Random, name: str) -> str:
    makers = {
        "n": lambda: str(pick.randrange(1, 100000)),
        "d": lambda: str(pick.randrange(10)),
        "hex": lambda: f"{pick.getrandbits(48):012x}",
        "letter": lambda: pick.choice("abcdef"),
        "port": lambda: str(pick.randrange(1024, 65535)),
        "ip": lambda: f"10.{pick.randrange(256)}.{pick.randrange(256)}.{pick.randrange(1, 255)}",
        "host": lambda: pick.choice(HOSTS),
        "user": lambda: pick.choice(USERS),
        "word": lambda: pick.choice(WORDS),
        "ts": lambda: f"2026/11/29 10:{pick.randrange(60):02d}:{pick.randrange(60):02d}",
        "iso": lambda: f"2026-11-29T10:{pick.randrange(60):02d}:{pick.randrange(60):02d}.{pick.randrange(1000):03d}Z",
    }
    return makers[name]()
