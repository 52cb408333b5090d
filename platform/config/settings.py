"""Settings of every installation. What may differ comes from the environment (config/environment.py)."""

from datetime import timedelta
from pathlib import Path

from csp.constants import NONE, SELF

from config.environment import read
from config.logs import logging_config

ROOT = Path(__file__).resolve().parents[2]
IS_CHECKOUT = (ROOT / "manage.py").is_file()
_ASSETS = Path(__file__).resolve().parent

# --- what this installation is -------------------------------------------------------------------------------------

ENVIRONMENT: str = read("ENVIRONMENT")
IS_LIVE = ENVIRONMENT == "live"
DEBUG: bool = read("DEBUG")
PUBLIC_URL: str = read("PUBLIC_URL")
PORTAL_OVER_HTTP: bool = read("PORTAL_OVER_HTTP")
ALLOWED_HOSTS: list[str] = read("ALLOWED_HOSTS")
TRUSTED_PROXY_COUNT: int = read("TRUSTED_PROXY_COUNT")

# --- keys: four purposes, four keys --------------------------------------------------------------------------------

SECRET_KEY: str = read("SECRET_KEY")
API_KEY_PEPPER: str = read("API_KEY_PEPPER")
VAULT_KEYS = read("VAULT_KEYS")
VAULT_INDEX_KEY: bytes = read("VAULT_INDEX_KEY")

# --- faults on demand -------------------------------------------------------------------------------------------------

CRASH_POINT: str | None = None if IS_LIVE else read("CRASH_POINT")

# --- apps ------------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "config",
    "payments",
    "onboarding",
    "exports",
    "portal",
    "api",
    "providers",
    "providers.sandbox",
    "tenancy",
    "vault",
    "events",
    "jobs",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "drf_spectacular",
    "django_filters",
    "django_htmx",
    "csp",
]

MIDDLEWARE = [
    "config.middleware.RequestId",
    "config.middleware.FitDatabase",
    "api.middleware.ApiBorder",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "portal.middleware.BrowserHeaders",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.middleware.SessionLimits",
    "portal.middleware.RequiredFactor",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False  # both slash forms of an API path are served, never redirected
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
SILENCED_SYSTEM_CHECKS = ["security.W008"]  # the API never redirects; a proxy in front may

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates" if IS_CHECKOUT else _ASSETS / "_templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.portal",
            ],
        },
    }
]

# --- database --------------------------------------------------------------------------------------------------------

_STATEMENT_TIMEOUT_SECONDS: int = read("DATABASE_STATEMENT_TIMEOUT")
_APP_ROLE_OPTIONS = (
    f"-c statement_timeout={_STATEMENT_TIMEOUT_SECONDS}s -c lock_timeout=3s"
    " -c idle_in_transaction_session_timeout=30s -c synchronous_commit=on"
)

DATABASES = {
    "default": {
        **read("DATABASE_URL"),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,  # transactions are opened by tenancy.transaction, with an actor
    }
}
# Over TCP a server that is silently gone is noticed within half a minute; a socket ignores all but the first.
_LOST_SERVER_OPTIONS = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # milliseconds
}
# Two fifths of what the database does for a sale would be parsing and planning the same few statements anew.
_PREPARED = {"server_side_binding": True, "prepare_threshold": 2}
DATABASES["default"]["OPTIONS"] = (
    _LOST_SERVER_OPTIONS | _PREPARED | DATABASES["default"].get("OPTIONS", {}) | {"options": _APP_ROLE_OPTIONS}
)
if _owner := read("DATABASE_OWNER_URL"):
    DATABASES["owner"] = _owner

# --- background work -------------------------------------------------------------------------------------------------

CELERY_BROKER_URL: str = read("CELERY_BROKER_URL")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_TIME_LIMIT = 300
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
# A wake-up that cannot be sent at once is given up: its request must not wait, and the sweep finds the job.
CELERY_BROKER_TRANSPORT_OPTIONS = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
if CELERY_BROKER_URL.startswith(("redis://", "rediss://", "redis+socket://")):
    # The visibility timeout stays well above the time limit: below it a running task would be started again.
    CELERY_BROKER_TRANSPORT_OPTIONS |= {
        "visibility_timeout": 900,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_connect_timeout": 1,
        "socket_timeout": 5,
    }
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "jobs.sweep", "schedule": timedelta(seconds=read("SWEEP_SECONDS")), "options": {"expires": 60}},
}

# --- people and sessions ---------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "tenancy.Person"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "tenancy.passwords.LengthValidator"},
    {"NAME": "tenancy.passwords.LettersAndDigitsValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "portal:home"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"

ACCOUNT_ADAPTER = "portal.accounts.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "portal.account_forms.LoginForm",
    "change_password": "portal.account_forms.ChangePasswordForm",
    "reset_password": "portal.account_forms.ResetPasswordForm",
    "reset_password_from_key": "portal.account_forms.ResetPasswordKeyForm",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Merchantry] "
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
# A whole office may sign in at nine o'clock; who guesses is stopped by what fails.
ACCOUNT_RATE_LIMITS = {
    "login": "120/m/ip",
    "login_failed": "10/30m/key,10/30m/ip",
    "reset_password": "5/h/key,20/h/ip",
}
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT

REQUIRE_SECOND_FACTOR: bool = read("REQUIRE_SECOND_FACTOR")
STEP_UP_AGE = timedelta(minutes=5)
MFA_ADAPTER = "portal.second_factor.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Merchantry" if IS_LIVE else "Merchantry Sandbox"
MFA_RECOVERY_CODES_SHOW_ONCE = True

SESSION_ENGINE = "portal.sessions"
SESSION_COOKIE_AGE = int(timedelta(minutes=15).total_seconds())  # idle; the absolute limit is portal.middleware's
SESSION_SAVE_EVERY_REQUEST = True
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_ABSOLUTE_AGE = timedelta(hours=12)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not PORTAL_OVER_HTTP
SESSION_COOKIE_NAME = "merchantry-session" if PORTAL_OVER_HTTP else "__Host-session"
CSRF_COOKIE_NAME = "merchantry-csrf" if PORTAL_OVER_HTTP else "__Host-csrf"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "portal.errors.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

CACHES = {
    "default": {
        "BACKEND": "portal.cache.PatientRedisCache",
        "LOCATION": read("CACHE_URL"),
        "OPTIONS": {"socket_connect_timeout": 0.2, "socket_timeout": 0.5},
    },
    "here": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}

# --- the browser's fences --------------------------------------------------------------------------------------------

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_SSL_REDIRECT = False  # the API never redirects; the proxy in front of us may
SECURE_HSTS_SECONDS = 0 if PORTAL_OVER_HTTP else int(timedelta(days=365).total_seconds())
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not PORTAL_OVER_HTTP
if TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000

# --- static files and mail -------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT: Path | None = read("STATIC_ROOT")
STATICFILES_DIRS = [ROOT / "static" if IS_CHECKOUT else _ASSETS / "_static"]
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_MAX_AGE = 0 if STATIC_ROOT is None else 3600
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if STATIC_ROOT is None
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

DEFAULT_FROM_EMAIL: str = read("MAIL_FROM")
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
if _mail := read("EMAIL_URL"):
    globals().update(_mail)

# --- exports ---------------------------------------------------------------------------------------------------------

EXPORT_AT_ONCE_ROWS: int = read("EXPORT_AT_ONCE_ROWS")

# --- API -------------------------------------------------------------------------------------------------------------

API_REQUESTS_PER_SECOND: int = read("API_REQUESTS_PER_SECOND")
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["api.authentication.ApiUserAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["api.permissions.HasPermission"],
    "DEFAULT_PARSER_CLASSES": ["api.parsing.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["api.rendering.HALRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "api.rendering.LenientNegotiation",
    "DEFAULT_SCHEMA_CLASS": "api.schema.ContractSchema",
    "EXCEPTION_HANDLER": "api.errors.answer_exception",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Merchantry",
    "DESCRIPTION": "The partner API: HAL documents over HTTP Basic, amounts in minor units, prefixed ids.",
    "VERSION": "2018-01-01",
    "OAS_VERSION": "3.1.0",
    "SERVE_PUBLIC": True,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": [],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {"SettleUpon": "onboarding.serializers.applications.SETTLE_UPON"},
    "PREPROCESSING_HOOKS": ["api.schema.only_the_contract"],
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "api.schema.declare_common_answers"],
}

# --- logs ------------------------------------------------------------------------------------------------------------

LOGGING = logging_config(level=read("LOG_LEVEL"), form=read("LOG_FORMAT"))
