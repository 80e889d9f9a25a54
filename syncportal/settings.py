"""Every setting of SyncPortal, from the environment or `.env`. `.env.example` explains each one.

A wrong or missing setting stops the start with one line that says what to do.
"""

import ipaddress
import os
import re
import secrets
import warnings
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import urlsplit

import environ

from registrations.encryption import KeyRing
from syncportal.admin_looks import LOOKS

BASE_DIR = Path(__file__).resolve().parent.parent
SHORTEST_SECRET_KEY = 32  # characters; Django's own check asks for 50 and only warns
HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\]", re.ASCII)


def refuse(message: str) -> SystemExit:
    """The end of a start with a wrong setting: one line on standard error, exit status 1."""
    return SystemExit(f"SyncPortal cannot start: {message}")


def env_file() -> Path:
    """The file of settings: a named one has to be there, `.env` may be missing."""
    named = os.environ.get("SYNCPORTAL_ENV_FILE", "")
    if named and not Path(named).exists():
        raise refuse(f"SYNCPORTAL_ENV_FILE names a file that is not there: {named}")
    return Path(named) if named else BASE_DIR / ".env"


def hosts(name: str, default: list[str]) -> list[str]:
    """Bare host names from the environment, in lower case."""
    values = [str(value).strip().lower() for value in env.list(name, default=default)]
    wrong = [value for value in values if not HOST.fullmatch(value)]
    if wrong:
        raise refuse(f"{name} takes host names separated by commas, without https:// and port, and has {wrong[0]!r}.")
    return values


env = environ.Env()
environ.Env.read_env(env_file())


def origin(name: str, default: str) -> str:
    """An https origin (scheme, host, port) from the environment, without a trailing slash."""
    value = str(env.str(name, default)).rstrip("/")
    try:
        parts = urlsplit(value)
    except ValueError:
        raise refuse(f"{name} must be an origin like {default}.") from None
    if parts.scheme != "https" or not parts.hostname or parts.path or parts.query:
        raise refuse(f"{name} must be an origin like {default}, and it is {value!r}.")
    return value


def number(name: str, default: int, least: int, most: int = 1_000_000) -> int:
    """A whole number from the environment, within bounds."""
    text = env.str(name, str(default)).strip()
    if not text.isdecimal() or not least <= int(text) <= most:
        raise refuse(f"{name} must be a whole number from {least} to {most}, and it is {text!r}.")
    return int(text)


def is_address(value: str, schemes: set[str]) -> bool:
    """Whether it is a URL of one of these schemes; a bare / in a password makes the rest look like a wrong port."""
    try:
        parts = urlsplit(value)
        return parts.scheme in schemes and parts.port != 0
    except ValueError:
        return False


def kept_key(path: Path, make: str) -> str:
    """The key in a file that only its owner may read; the file is made on first use, whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(make + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:  # made before, or by another process at this moment
        pass
    finally:
        draft.unlink()
    return path.read_text().strip()


# --- Database -------------------------------------------------------------------------------------------------------
DATABASE_FORM = (
    "an address like postgres://user:password@host/name or sqlite:///path. In a password, write / as %2F and : as %3A."
)
try:
    with warnings.catch_warnings(action="ignore"):  # what it warns of is refused below, in one line
        database = env.db_url("DATABASE_URL", f"sqlite:///{BASE_DIR / 'var' / 'syncportal.sqlite3'}")
except (ValueError, KeyError, environ.ImproperlyConfigured):  # their texts may hold a part of the password
    raise refuse(f"DATABASE_URL is not {DATABASE_FORM}") from None
if database.get("ENGINE") not in {"django.db.backends.sqlite3", "django.db.backends.postgresql"}:
    raise refuse(f"DATABASE_URL is not {DATABASE_FORM}")
EMBEDDED_DATABASE = database["ENGINE"] == "django.db.backends.sqlite3"
DATA_DIR = Path(database["NAME"]).parent if EMBEDDED_DATABASE else BASE_DIR / "var"
if EMBEDDED_DATABASE:
    try:
        DATA_DIR.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refuse(
            f"{DATA_DIR} cannot be made ({error.strerror}). Set DATABASE_URL to a place that can be written."
        ) from None
    # All three are needed, or concurrent processes meet "database is locked".
    database["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;",
    }
else:
    # A worker's turn takes seconds: a connection of its own each time would be a tenth of the work.
    database.update(CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True)
    # A server that does not answer is noticed in seconds, not in the minutes that the network would take.
    database["OPTIONS"] = {"connect_timeout": 5, **database.get("OPTIONS", {})}
DATABASES = {"default": database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Keys -----------------------------------------------------------------------------------------------------------
SECRET_KEY = env.str("SECRET_KEY", "")
PORTAL_KEYS = env.str("PORTAL_KEYS", "")
if EMBEDDED_DATABASE:
    SECRET_KEY = SECRET_KEY or kept_key(DATA_DIR / "secret.key", secrets.token_urlsafe(50))
    PORTAL_KEYS = PORTAL_KEYS or kept_key(DATA_DIR / "portal.keys", KeyRing.new_key("k1"))
if not SECRET_KEY:
    raise refuse(
        "SECRET_KEY is not set. Make one with: .venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(50))'"
    )
if len(SECRET_KEY) < SHORTEST_SECRET_KEY:
    raise refuse(
        f"SECRET_KEY is too short: it needs {SHORTEST_SECRET_KEY} characters that nobody can guess. "
        "Make one with: .venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(50))'"
    )
if not PORTAL_KEYS:
    raise refuse("PORTAL_KEYS is not set. Make one with: .venv/bin/python -m registrations.encryption k1")
try:
    KeyRing.parse(PORTAL_KEYS)
except ValueError as error:
    raise refuse(f"PORTAL_KEYS is wrong: {error}") from None

# --- Remote services ------------------------------------------------------------------------------------------------
ENTRA_URL = origin("ENTRA_URL", "https://login.microsoftonline.com")
GRAPH_URL = origin("GRAPH_URL", "https://graph.microsoft.com")
REMOTE_CA_BUNDLE = env.str("REMOTE_CA_BUNDLE", "")
if REMOTE_CA_BUNDLE and not Path(REMOTE_CA_BUNDLE).is_file():
    raise refuse(f"REMOTE_CA_BUNDLE names a file that does not exist: {REMOTE_CA_BUNDLE}")
REMOTE_TIMEOUT_SECONDS = number("REMOTE_TIMEOUT_SECONDS", 20, 1, 120)
GRAPH_BUDGET_SHARES = number("GRAPH_BUDGET_SHARES", 8, 1, 1000)
OPERATION_LEASE_SECONDS = number("OPERATION_LEASE_SECONDS", 60, 2, 600)
UMP_ALLOWED_HOSTS = hosts("UMP_ALLOWED_HOSTS", [])

# --- Who is served where --------------------------------------------------------------------------------------------
DEBUG = False
ALLOWED_HOSTS = ["*"]  # onboarding.middleware.HostMiddleware decides, because instance hosts are rows
ADMIN_HOSTS = hosts("ADMIN_HOSTS", ["localhost", "127.0.0.1"])
if not ADMIN_HOSTS:
    raise refuse("ADMIN_HOSTS is empty: nobody could open the admin. Name its host.")
PORTAL_LOCALHOST_PORT = number("PORTAL_LOCALHOST_PORT", 8000, 1, 65535)
try:
    TRUSTED_PROXIES = [ipaddress.ip_network(value) for value in env.list("TRUSTED_PROXIES", default=[])]
except ValueError as error:
    raise refuse(f"TRUSTED_PROXIES takes IP addresses or networks separated by commas: {error}.") from None
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
    "onboarding.middleware.HostMiddleware",
    "onboarding.headers.SecurityHeadersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
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
AUTHENTICATION_BACKENDS = ["registrations.services.sign_in.ThrottledBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
SESSION_COOKIE_NAME = "__Host-session"
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
CSRF_COOKIE_NAME = "__Host-csrf"
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "onboarding.views.error_pages.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # names and hosts stay out of cookies
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_NUMBER_FIELDS = 12_000  # a bulk job's confirmation names each of its instances

# --- Mail -----------------------------------------------------------------------------------------------------------
try:
    vars().update(env.email_url("EMAIL_URL", "smtp://localhost:25"))
except (ValueError, KeyError, environ.ImproperlyConfigured):
    raise refuse(
        "EMAIL_URL is not an address like smtp://user:password@host:25. In a password, write / as %2F."
    ) from None
EMAIL_TIMEOUT = number("EMAIL_TIMEOUT_SECONDS", 20, 1, 600)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "SyncPortal <syncportal@localhost>")
if "@" not in parseaddr(DEFAULT_FROM_EMAIL)[1]:
    raise refuse("DEFAULT_FROM_EMAIL is not an address like SyncPortal <syncportal@example.com>.")

# --- Celery: the doorbell ---------------------------------------------------------------------------------------------
REDIS_URL = env.str("REDIS_URL", "redis://127.0.0.1:6390/0")
if not is_address(REDIS_URL, {"redis", "rediss", "redis+socket"}):
    raise refuse("REDIS_URL is not an address like redis://host:6379/0. In a password, write / as %2F.")
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
# Late acknowledgement: off. The row and its lease remember the work, so a message that dies with its worker loses nothing;
# one that came back before the lease ran out would find nothing to take. Held until the end, it would make the worker end
# itself when it loses the broker meanwhile (kombu 5.7: AttributeError in restore_unacked; tests/stack shows the loss).
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_REJECT_ON_WORKER_LOST = False  # for the same reason: the lease runs out, and the sweep rings again
CELERY_TASK_TIME_LIMIT = (
    270  # seconds, the last resort: a turn ends after two minutes, a hung step is not renewed after four
)
CELERY_WORKER_PREFETCH_MULTIPLIER = 1  # a bell that one worker keeps in its pocket, another could have answered
CELERY_WORKER_MAX_TASKS_PER_CHILD = 2000  # memory that a library leaks is given back
CELERY_DB_REUSE_MAX = 1000  # tasks on one connection; syncportal.celery looks before each task whether it still works
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_PUBLISH_RETRY = False  # the row is safe already; a person does not wait for a dead broker
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A worker takes from its queues in the order of their names: whom a person waits for, then the sweeps that find what was
# missed, then mail, then bulk jobs. Without --queues it hears all four; a large installation keeps workers for some alone.
CELERY_TASK_QUEUES: dict[str, dict[str, str]] = {name: {} for name in ("1-interactive", "2-sweeps", "3-mail", "4-bulk")}
CELERY_TASK_DEFAULT_QUEUE = "2-sweeps"
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "queue_order_strategy": "sorted",
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
    # Concerns only what is not acknowledged: bells with a countdown (a minute at most), so none is ever delivered twice.
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
STATICFILES_DIRS: list[Path] = []
WHITENOISE_USE_FINDERS = True

# --- Logs: no secret, no invitation link, no query string -------------------------------------------------------------
LOG_LEVEL = env.str("LOG_LEVEL", "INFO").upper()
if LOG_LEVEL not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
    raise refuse("LOG_LEVEL is one of DEBUG, INFO, WARNING, ERROR and CRITICAL.")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"redact": {"()": "syncportal.redaction.RedactionFilter"}},
    "formatters": {
        "line": {
            "()": "syncportal.redaction.RedactingFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "filters": ["redact"], "formatter": "line"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "msal": {"level": "CRITICAL"},  # at DEBUG it prints codes, at ERROR a token answer that is not JSON
        "urllib3": {"level": "WARNING"},
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}

# --- The admin's looks ------------------------------------------------------------------------------------------------
UNFOLD = LOOKS
