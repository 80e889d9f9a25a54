"""Every setting of SyncPortal, from the environment or `.env`. `.env.example` explains each one.

A wrong or missing setting stops the start with one line that says what to do.
"""

from pathlib import Path
from typing import Any

from registrations.encryption import KeyRing
from syncportal import addresses
from syncportal.admin_looks import LOOKS
from syncportal.env import (
    BASE_DIR,
    email,
    file_path,
    hosts,
    is_set,
    key,
    networks,
    number,
    origin,
    public_folder,
    refuse,
    refuse_misnamed_database,
    text,
    warn_of_unknown_names,
)

SHORTEST_SECRET_KEY = 32  # characters; Django's own check asks for 50 and only warns

# --- Database -------------------------------------------------------------------------------------------------------
DATABASE_FILE = BASE_DIR / "var" / "syncportal.sqlite3"  # without DATABASE_URL
try:
    if is_set("DATABASE_URL"):
        database = addresses.database(text("DATABASE_URL", ""), BASE_DIR)
    else:
        refuse_misnamed_database()
        database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(DATABASE_FILE), "OPTIONS": {}}
except addresses.AddressError as error:
    raise refuse(f"DATABASE_URL is not an address like postgres://user:password@host/name: {error}") from None
on_sqlite = database["ENGINE"] == "django.db.backends.sqlite3"
data_directory = Path(database["NAME"]).parent if on_sqlite else BASE_DIR / "var"
if on_sqlite:
    # All three are needed, or concurrent processes meet "database is locked".
    needed: dict[str, object] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;",
    }
else:
    # A worker's run takes seconds: a new connection for each would be a tenth of the work.
    database = {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True, **database}
    # A server that does not answer is noticed in seconds, not in the minutes that the network would take.
    needed = {"connect_timeout": 5}
database["OPTIONS"] = needed | database["OPTIONS"]  # what the URL says wins
DATABASES = {"default": database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Keys -----------------------------------------------------------------------------------------------------------
# Settings load without keys too, for the few commands that need none. `syncportal.start` refuses every other start.
KEY_FILES = (
    {"SECRET_KEY": data_directory / "secret.key", "PORTAL_KEYS": data_directory / "portal.keys"} if on_sqlite else {}
)
SECRET_KEY = key("SECRET_KEY", KEY_FILES)
PORTAL_KEYS = key("PORTAL_KEYS", KEY_FILES)
MISSING_KEYS = [name for name, value in (("SECRET_KEY", SECRET_KEY), ("PORTAL_KEYS", PORTAL_KEYS)) if not value]
if SECRET_KEY and len(SECRET_KEY) < SHORTEST_SECRET_KEY:
    raise refuse(
        f"SECRET_KEY is too short: it needs {SHORTEST_SECRET_KEY} characters that nobody can guess. "
        "Print a new one with: .venv/bin/python manage.py make_keys --print"
    )
try:
    if PORTAL_KEYS:
        KeyRing.parse(PORTAL_KEYS)
except ValueError as error:
    raise refuse(f"PORTAL_KEYS is wrong: {error}") from None

# `manage.py check --deploy` looks at who may read them.
PRIVATE_FILES = [file_path(), *KEY_FILES.values(), *([Path(database["NAME"])] if on_sqlite else [])]

# --- Remote services ------------------------------------------------------------------------------------------------
ENTRA_URL = origin("ENTRA_URL", "https://login.microsoftonline.com")
GRAPH_URL = origin("GRAPH_URL", "https://graph.microsoft.com")
REMOTE_CA_BUNDLE = text("REMOTE_CA_BUNDLE", "")
if REMOTE_CA_BUNDLE and not Path(REMOTE_CA_BUNDLE).is_file():
    raise refuse("REMOTE_CA_BUNDLE names a file that does not exist.")
REMOTE_TIMEOUT_SECONDS = number("REMOTE_TIMEOUT_SECONDS", 20, 1, 120)
GRAPH_RATE_LIMIT_SHARES = number("GRAPH_RATE_LIMIT_SHARES", 8, 1, 1000)
OPERATION_LEASE_SECONDS = number("OPERATION_LEASE_SECONDS", 60, 2, 600)
UMP_ALLOWED_HOSTS = hosts("UMP_ALLOWED_HOSTS", [])

# --- Who is served where --------------------------------------------------------------------------------------------
DEBUG = False
ALLOWED_HOSTS = ["*"]  # onboarding.middleware.HostMiddleware decides, because instance hosts are rows
ADMIN_HOSTS = hosts("ADMIN_HOSTS", ["localhost", "127.0.0.1"])
if not ADMIN_HOSTS:
    raise refuse("ADMIN_HOSTS is empty: nobody could open the admin. Name its host.")
PORTAL_LOCALHOST_PORT = number("PORTAL_LOCALHOST_PORT", 8000, 1, 65535)
TRUSTED_PROXIES = networks("TRUSTED_PROXIES")
INVITATION_VALID_DAYS = number("INVITATION_VALID_DAYS", 30, 1, 365)

ROOT_URLCONF = "syncportal.urls"
INSTANCE_URLCONF = "onboarding.urls"
WSGI_APPLICATION = "syncportal.wsgi.application"

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "registrations",
    "onboarding",
]

MIDDLEWARE = [
    "syncportal.security_headers.TransportSecurityMiddleware",
    "onboarding.middleware.HostMiddleware",
    "django.middleware.security.SecurityMiddleware",  # X-Content-Type-Options, and the admin's Referrer-Policy
    "syncportal.security_headers.SecurityHeadersMiddleware",
    "syncportal.request_bodies.BodyLimitMiddleware",
    "syncportal.nul_characters.NulCharacterMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "registrations.auth.sessions.SessionLimitsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Sign-in, sessions, cookies: host-only, never over plain http but for *.localhost, which browsers trust ---------
AUTHENTICATION_BACKENDS = ["registrations.auth.backend.ThrottledBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "registrations.auth.passwords.GuessableValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
SESSION_COOKIE_NAME = "__Host-session"
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = number("SESSION_HOURS", 12, 1, 24) * 3600  # from the sign-in, however busy
SESSION_IDLE_MINUTES = number("SESSION_IDLE_MINUTES", 60, 5, 720)
CSRF_COOKIE_NAME = "__Host-csrf"
CSRF_COOKIE_AGE = None  # until the browser is closed
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "onboarding.views.error_pages.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # names and hosts stay out of cookies
SECURE_CROSS_ORIGIN_OPENER_POLICY = None  # syncportal.security_headers sends it, on the admin's pages alone
SILENCED_SYSTEM_CHECKS = [
    "security.W004",  # SecurityHeadersMiddleware sends Strict-Transport-Security
    "security.W008",  # the proxy leads http to https (README); behind it every request is https
]
DATA_UPLOAD_MAX_NUMBER_FIELDS = 12_000  # a bulk job's confirmation names each of its instances
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # bytes of any body: such a confirmation has 600 KiB
DATA_UPLOAD_MAX_NUMBER_FILES = 0  # no page takes files (syncportal.request_bodies)
FILE_UPLOAD_HANDLERS: list[str] = []

# --- Mail -----------------------------------------------------------------------------------------------------------
try:
    vars().update(addresses.mail(text("EMAIL_URL", "smtp://localhost:25")))
except addresses.AddressError as error:
    raise refuse(f"EMAIL_URL is not an address like smtp+tls://user:password@host:587: {error}") from None
EMAIL_TIMEOUT = number("EMAIL_TIMEOUT_SECONDS", 20, 1, 600)
DEFAULT_FROM_EMAIL = email("DEFAULT_FROM_EMAIL", "SyncPortal <syncportal@localhost>")

# --- Celery: notifies the workers -------------------------------------------------------------------------------------
try:
    broker = addresses.redis(text("REDIS_URL", "redis://127.0.0.1:6390/0"))
except addresses.AddressError as error:
    raise refuse(f"REDIS_URL is not an address like redis://:password@host:6379/0: {error}") from None
REDIS_URL = broker.url  # as redis-py reads it, for the rate limiter
CELERY_BROKER_URL = broker.broker_url  # the same one, as Celery reads it
CELERY_BROKER_USE_SSL = broker.broker_use_ssl
CELERY_TASK_IGNORE_RESULT = True
# Late acknowledgement is off. The row and its lease keep the work, so a message that is lost with its worker loses nothing,
# and a message redelivered before the lease expires would find nothing to claim. A worker that holds unacknowledged
# messages also crashes when it loses the broker (kombu 5.7: AttributeError in restore_unacked; tests/stack shows it).
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_REJECT_ON_WORKER_LOST = False  # for the same reason: the lease expires, and the sweep notifies again
# Threads, because the work waits for the network: 24 of them use up Microsoft's quota of one tenant (docs/performance.md) in
# the memory of one process. Celery has no time limits for threads: registrations/engine/watchdog.py ends what hangs.
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = 24
CELERY_WORKER_PREFETCH_MULTIPLIER = 1  # a worker reserves one message for each thread: a person waits one round at most
CELERY_DB_REUSE_MAX = 1000  # tasks on one connection; syncportal.celery checks it before each task
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_PUBLISH_RETRY = False  # the row is safe already; a person does not wait for a dead broker
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A worker takes from its queues in the order of their names: what a person waits for, then the sweeps that find missed
# rows, then mail, then bulk jobs. Without --queues it reads all four; a large installation has workers for some of them.
CELERY_TASK_QUEUES: dict[str, dict[str, str]] = {name: {} for name in ("1-interactive", "2-sweeps", "3-mail", "4-bulk")}
CELERY_TASK_DEFAULT_QUEUE = "2-sweeps"
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "queue_order_strategy": "sorted",
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
    # Seconds until an unacknowledged message is delivered again. Only messages with a countdown (a minute at most) wait
    # unacknowledged, so none is delivered twice.
    "visibility_timeout": 3600,
    "max_retries": 0,  # without it a dead broker holds each request for six seconds
}
CELERY_TIMEZONE = "UTC"

# --- Language, time, static files -------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = "syncportal.formats"
FORMS_URLFIELD_ASSUME_HTTPS = True  # what Django 6 does by itself
STATIC_URL = "/static/"
# `manage.py collectstatic` fills it. Everything in it is public.
STATIC_ROOT = str(public_folder("STATIC_ROOT", data_directory / "static", private=[BASE_DIR, data_directory]))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- Logs: no secret, no invitation link, no query string -------------------------------------------------------------
LOG_LEVEL = text("LOG_LEVEL", "INFO").upper()
if LOG_LEVEL not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
    raise refuse("LOG_LEVEL is one of DEBUG, INFO, WARNING, ERROR and CRITICAL.")
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "bad_requests": {"()": "syncportal.request_logging.BadRequestFilter"},
        "redact": {"()": "syncportal.redaction.RedactionFilter"},
        "outage": {"()": "registrations.unavailable.OutageFilter"},
    },
    "formatters": {
        "line": {
            "()": "syncportal.redaction.RedactingFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "filters": ["bad_requests", "redact"], "formatter": "line"}
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "msal": {"level": "CRITICAL"},  # at DEBUG it prints codes, at ERROR a token answer that is not JSON
        "urllib3": {"level": "WARNING"},
        "django.request": {"filters": ["outage"]},
        "waitress.queue": {"level": "ERROR"},  # it warns of each request that waits for a thread
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}

# --- The admin's appearance -------------------------------------------------------------------------------------------
UNFOLD = LOOKS

warn_of_unknown_names()
