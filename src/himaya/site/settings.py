"""Django's settings, all derived from :mod:`himaya.core.config`. An operator never edits this file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from csp.constants import NONE, SELF

from himaya.core.config import config
from himaya.site.database import database
from himaya.site.secrets import secret_key

_config = config()
_here = Path(__file__).parent

SECRET_KEY = secret_key(_config.data)
DEBUG = False
ALLOWED_HOSTS = _config.hosts
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in _config.hosts] if _config.https else []
ROOT_URLCONF = "himaya.site.urls"
WSGI_APPLICATION = "himaya.site.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SILENCED_SYSTEM_CHECKS = [
    "security.W008",  # the proxy that ends TLS sends people from http to https
    "security.W021",  # whether a domain belongs on the browsers' preload list is its owner's to say
    "axes.W006",  # proxies: the client's address is not used to lock out, see AXES_LOCKOUT_PARAMETERS
]

INSTALLED_APPS = [
    "himaya.site",
    "himaya.ledger",
    "himaya.accounts",
    "himaya.reference",
    "himaya.log",
    "himaya.evidence",
    "himaya.lists",
    "himaya.cases",
    "himaya.screening",
    "himaya.reporting",
    "himaya.takedown",
    "himaya.transparency",
    "himaya.federation",
    "himaya.hma",
    "himaya.flow",
    "rules.apps.AutodiscoverRulesConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "csp",
    "ninja",
]

MIDDLEWARE = [
    "himaya.site.middleware.SecurityHeaders",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "himaya.site.middleware.Language",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "himaya.site.middleware.SecondFactor",
    "himaya.site.wording.Wording",
    "himaya.site.middleware.Errors",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_here / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "himaya.site.context.shell",
            ],
            "builtins": ["himaya.site.templatetags.look"],
        },
    }
]

DATABASES = {"default": database(_config.database_url, _config.data)}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# --- people ----------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.Person"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "rules.permissions.ObjectPermissionBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "site:dashboard"
ACCOUNT_ADAPTER = "himaya.accounts.adapters.StaffAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_USER_MODEL_USERNAME_FIELD = "username"
ACCOUNT_USER_MODEL_EMAIL_FIELD = "email"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600  # seconds; see himaya.accounts.again
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": None}  # axes counts: by account, in the database
MFA_SUPPORTED_TYPES = ["webauthn", "totp", "recovery_codes"]
MFA_FORMS = {
    "activate_totp": "himaya.accounts.factors.ActivateForm",
    "authenticate": "himaya.accounts.factors.AuthenticateForm",
    "reauthenticate": "himaya.accounts.factors.ReauthenticateForm",
}
MFA_ADAPTER = "himaya.accounts.adapters.FactorAdapter"
MFA_TOTP_ISSUER = _config.node_name
MFA_PASSKEY_LOGIN_ENABLED = False
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _config.https  # browsers allow it on localhost alone
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = ["username"]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_CALLABLE = "himaya.site.errors.too_many"
AXES_USERNAME_CALLABLE = "himaya.accounts.lockout.account_tried"
AXES_HANDLER = "himaya.accounts.lockout.Counter"
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
AXES_ENABLE_ADMIN = False
AXES_CLIENT_IP_CALLABLE = "himaya.accounts.lockout.no_address"

# --- language, time --------------------------------------------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
USE_THOUSAND_SEPARATOR = True
LANGUAGES = [
    ("en", "English"),
    ("ar", "العربية"),
    ("zh-hans", "中文"),
    ("fr", "Français"),
    ("ru", "Русский"),
    ("es", "Español"),
]
LOCALE_PATHS = [_here / "locale"]
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = _config.https

# --- the web ---------------------------------------------------------------------------------------------------------

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # from the package itself: nothing is collected
WHITENOISE_AUTOREFRESH = False
_prefix = "__Host-" if _config.https else ""
SESSION_ENGINE = "himaya.accounts.sessions"
SESSION_COOKIE_NAME = f"{_prefix}session"
SESSION_COOKIE_SECURE = _config.https
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = _config.session_hours * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_COOKIE_NAME = f"{_prefix}csrf"
CSRF_COOKIE_SECURE = _config.https
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_FAILURE_VIEW = "himaya.site.errors.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"  # "no-referrer" makes browsers send "Origin: null" with our own forms
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if _config.https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _config.https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _config.https else None
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = _config.max_request_bytes
DATA_UPLOAD_MAX_NUMBER_FILES = _config.max_batch
FILE_UPLOAD_MAX_MEMORY_SIZE = _config.max_request_bytes
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler"
]  # screened bytes never touch the disk

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "filters": {"answers": {"()": "himaya.site.logs.OneLine"}, "names": {"()": "himaya.site.logs.WrongName"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "himaya": {"level": "INFO"},
        "django.security": {"level": "ERROR"},
        "django.security.DisallowedHost": {"filters": ["names"]},
        "django.request": {"filters": ["answers"]},
    },
}
