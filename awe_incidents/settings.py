"""The one settings file; everything that differs between places comes from the environment by `env.py`."""

from __future__ import annotations

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from awe_incidents.env import (
    database_config,
    env,
    mail_server,
    mode,
    public_url,
    quota,
    redis_with_database,
    refuse_development_values,
    required,
)

BASE_DIR = Path(__file__).resolve().parent.parent
PRODUCTION = mode() == "production"

SECRET_KEY = required("DJANGO_SECRET_KEY", development="development-only-not-a-secret-of-any-deployment-000000000000")
# Fernet keys for stored secrets of stacks: the first encrypts, all decrypt, so that keys can be rotated.
AWE_ENCRYPTION_KEYS = [
    key
    for key in required("AWE_ENCRYPTION_KEYS", development="development-only-" + SECRET_KEY).split(",")
    if key.strip()
]
DEBUG = env.bool("DJANGO_DEBUG", default=False)
ALLOWED_HOSTS = env.list("DJANGO_ALLOWED_HOSTS", default=[] if PRODUCTION else ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("DJANGO_CSRF_TRUSTED_ORIGINS", default=[])
refuse_development_values(secret_key=SECRET_KEY, encryption_keys=AWE_ENCRYPTION_KEYS, debug=DEBUG, hosts=ALLOWED_HOSTS)

INSTALLED_APPS = [
    "awe_incidents.accounts",
    "awe_incidents.audit",
    "awe_incidents.growth",
    "diagnostics",
    "awe_incidents.incidents",
    "awe_incidents.recovery",
    "awe_incidents.reconciliation",
    "awe_incidents.api",
    "unfold",  # before django.contrib.admin: it replaces the admin's templates
    "unfold.contrib.filters",
    "django.contrib.admin",
    "awe_incidents.triage",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "awe_incidents.api.middleware.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "awe_incidents.urls"
WSGI_APPLICATION = "awe_incidents.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "awe_incidents" / "triage" / "frame"],  # what stands around every page of the desk
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# PostgreSQL only. A pool, as each new SCRAM login costs about 10 ms of both sides' processors; it needs CONN_MAX_AGE 0.
_POOL_SIZE = env.int("AWE_DB_POOL", default=12)
# A request waits this long for PostgreSQL to come back, then it is a 503. The pool's own attempts must not go on for
# longer: the pauses between them double, and a minute after an outage of a minute everybody would still wait.
_POOL_SECONDS = 5
_POOL = {"min_size": 0, "max_size": _POOL_SIZE, "timeout": _POOL_SECONDS, "reconnect_timeout": _POOL_SECONDS}
DATABASES = {
    "default": {
        **database_config("DATABASE_URL", development="postgres://incidents_app@127.0.0.1:1/awe_incidents"),
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,  # after a restart of PostgreSQL the first request must not pay with a 500
        "OPTIONS": {
            "connect_timeout": 5,
            "application_name": "awe-incidents",
            **({"pool": _POOL} if _POOL_SIZE else {}),
        },
    }
}
# Statements with names, which a pooler may lose that gives each transaction another session (prepared.py). By psycopg's
# `prepare_threshold` they would be lost whenever a transaction is rolled back: it then forgets all that are prepared.
PREPARED_CALLS = env.bool("AWE_DB_PREPARE", default=True)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = required("REDIS_URL", development="redis://127.0.0.1:1/0")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": redis_with_database(REDIS_URL, 1),
    }
}

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles" if PRODUCTION else None
# Without `collectstatic` (development, demo) files come straight from the packages.
WHITENOISE_USE_FINDERS = not PRODUCTION
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "whitenoise.storage.CompressedManifestStaticFilesStorage"
            if PRODUCTION
            else "django.contrib.staticfiles.storage.StaticFilesStorage"
        )
    },
}

# Behind TLS in production; a reverse proxy says so by X-Forwarded-Proto where it is told to.
if PRODUCTION:
    SECURE_SSL_REDIRECT = env.bool("DJANGO_SSL_REDIRECT", default=True)
    SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]  # asked from beside us, without TLS
    SECURE_PROXY_SSL_HEADER = (
        ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("AWE_BEHIND_PROXY", default=False) else None
    )
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# A whole bug report with its logs, each character written as an escape of six bytes; fields have their own limits.
DATA_UPLOAD_MAX_MEMORY_SIZE = 8_000_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
FILE_UPLOAD_HANDLERS = ["awe_incidents.triage.receiving.BoundedUploads"]  # the API reads its forms itself
AWE_WEB_THREADS = env.int("AWE_WEB_THREADS", default=4)  # of a web process; it needs as many connections
AWE_BODY_GRACE_SECONDS = env.float("AWE_BODY_GRACE_SECONDS", default=15.0)
AWE_TRUSTED_PROXIES = env.int("AWE_TRUSTED_PROXIES", default=0)  # how many proxies in front append to X-Forwarded-For

# How often: TRIES/SECONDS, so many at once and as many again in that time; docs/deployment.md says who is counted.
AWE_LIMITS = {
    "reading": quota("AWE_LIMIT_READING", default="1200/60"),
    "filing": quota("AWE_LIMIT_FILING", default="120/60"),
    "authentication": quota("AWE_LIMIT_AUTHENTICATION", default="60/60"),
    "sign-in": quota("AWE_LIMIT_SIGN_IN", default="10/300"),
    "reauthentication": quota("AWE_LIMIT_REAUTHENTICATION", default="5/300"),
}
# Mail: notices of a break-glass. Without a server none is sent, and the desk alone shows what waits for a review.
_MAIL = mail_server("AWE_MAIL_SERVER")
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST, EMAIL_PORT = _MAIL.host, _MAIL.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _MAIL.user, _MAIL.password
EMAIL_USE_TLS, EMAIL_USE_SSL = _MAIL.starts_tls, _MAIL.is_tls
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.str("AWE_MAIL_FROM", default="")
AWE_PUBLIC_URL = public_url("AWE_PUBLIC_URL")  # what mail leads to
if EMAIL_HOST and not (DEFAULT_FROM_EMAIL and AWE_PUBLIC_URL):
    raise ImproperlyConfigured("AWE_MAIL_SERVER takes AWE_MAIL_FROM and AWE_PUBLIC_URL beside it")
# Where the desk shows a row that mail leads to.
ABSOLUTE_URL_OVERRIDES = {
    "recovery.recoveryrequest": lambda request: f"/admin/recovery/recoveryrequest/{request.pk}/change/"
}
# Where `manage.py recovery record` writes while our database is away; "" is a folder of the user's home.
AWE_RECOVERY_JOURNAL = env.str("AWE_RECOVERY_JOURNAL", default="")
AWE_LIMITS_URL = redis_with_database(REDIS_URL, 1)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["awe_incidents.api.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["awe_incidents.api.permissions.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["awe_incidents.api.parsers.StrictJsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "awe_incidents.api.schema.ProblemAutoSchema",
    "EXCEPTION_HANDLER": "awe_incidents.api.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,  # Accept says it
}
SPECTACULAR_SETTINGS = {
    "TITLE": "AWE Incidents",
    "DESCRIPTION": "File bug reports in the documented template, read what the service saw, and act on it.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": "none"},  # else it shows the schema to swagger.io
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "AlarmKind": "awe_incidents.api.choices.ALARM_KINDS",
        "EventCause": "awe_incidents.api.choices.EVENT_CAUSES",
        "AttachmentKind": "awe_incidents.api.choices.ATTACHMENT_KINDS",
        "AttachmentState": "awe_incidents.api.choices.ATTACHMENT_STATES",
        "ClassificationSource": "awe_incidents.api.choices.CLASSIFICATION_SOURCES",
        "IncidentState": "awe_incidents.api.choices.INCIDENT_STATES",
        "Conclusion": "awe_incidents.api.choices.CONCLUSIONS",
        "RecoveryRequestState": "awe_incidents.api.choices.RECOVERY_REQUEST_STATES",
        "ExecutionState": "awe_incidents.api.choices.EXECUTION_STATES",
        "ExecutionResolution": "awe_incidents.api.choices.RESOLUTIONS",
        "StepState": "awe_incidents.api.choices.STEP_STATES",
        "ExecutionEffect": "awe_incidents.api.choices.EFFECTS",
        "DecisionVerdict": "awe_incidents.api.choices.VERDICTS",
        "NoticeState": "awe_incidents.api.choices.NOTICE_STATES",
        "ReviewState": "awe_incidents.api.choices.REVIEW_STATES",
        "ReviewVerdict": "awe_incidents.api.choices.REVIEW_VERDICTS",
        "RunState": "awe_incidents.api.choices.RUN_STATES",
        "ResultProgress": "awe_incidents.api.choices.RESULT_PROGRESS",
        "CheckState": "awe_incidents.api.choices.CHECK_STATES",
        "Section": "awe_incidents.api.choices.SECTIONS",
        "Suite": "awe_incidents.api.choices.SUITES",
        "Order": "awe_incidents.api.choices.ORDERS",
        "Health": "awe_incidents.api.choices.WATCH_STATES",
        "TokenKind": "awe_incidents.api.v1.token_inspections.KINDS",
        "Environment": "diagnostics.stack.schema.ENVIRONMENTS",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "awe_incidents.api.schema.add_problem",
    ],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
}

LOGGING_CONFIG = "awe_incidents.log.configure"
LOGGING = {"level": env.str("AWE_LOG_LEVEL", default="INFO")}

UNFOLD = {
    "SITE_TITLE": "AWE Incidents",
    "SITE_HEADER": "AWE Incidents",
    "SITE_SUBHEADER": "Triage desk",
    "SITE_SYMBOL": "emergency_home",
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "awe_incidents.triage.dashboard.fill",
}
