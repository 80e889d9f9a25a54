"""`check --deploy` names what a trial's settings lack for production, and nothing once they have it."""

import ipaddress
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks

from registrations import deploy_checks

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def production(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Settings with which there is nothing to say."""
    file = tmp_path / ".env"
    file.touch(mode=0o600)
    settings.PRIVATE_FILES = [file, tmp_path / "missing", Path("/dev/null")]
    settings.ADMIN_HOSTS = ["portal.example.com"]
    settings.TRUSTED_PROXIES = [ipaddress.ip_network("10.0.0.5/32")]
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "mail.example.com", 587, True
    settings.DEFAULT_FROM_EMAIL = "SyncPortal <portal@example.com>"
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "django.db.backends.postgresql")
    settings.ENTRA_URL, settings.GRAPH_URL = "https://login.microsoftonline.com", "https://graph.microsoft.com"
    settings.REDIS_URL = "rediss://:password@redis.example.com:6379/0"
    settings.SECRET_KEY = "a-key-of-sixty-different-characters-0123456789-abcdefghijklmn"
    return settings


def found() -> list[str]:
    return [str(message.id) for message in deploy_checks.production(None)]


def test_settings_of_production_have_no_finding_at_all(production: Any) -> None:
    assert [found for found in run_checks(include_deployment_checks=True) if not found.is_silenced()] == []


@pytest.mark.parametrize(
    ("changed", "number"),
    [
        ({"ADMIN_HOSTS": ["portal.example.com", "127.0.0.1"]}, 101),
        ({"ADMIN_HOSTS": ["app.localhost"]}, 101),
        ({"TRUSTED_PROXIES": []}, 102),
        ({"TRUSTED_PROXIES": [ipaddress.ip_network("0.0.0.0/0")]}, 103),
        ({"TRUSTED_PROXIES": [ipaddress.ip_network("2001:db8::/32")]}, 103),
        ({"EMAIL_HOST": "localhost", "EMAIL_PORT": 25, "EMAIL_USE_TLS": False}, 104),
        ({"EMAIL_USE_TLS": False}, 105),
        ({"DEFAULT_FROM_EMAIL": "SyncPortal <syncportal@localhost>"}, 106),
        ({"GRAPH_URL": "https://localhost:8443"}, 109),
        ({"LOG_LEVEL": "DEBUG"}, 110),
        ({"REDIS_URL": "redis://127.0.0.1:6390/0"}, 111),
    ],
)
def test_a_setting_of_a_trial_is_named(production: Any, changed: dict[str, Any], number: int) -> None:
    for name, value in changed.items():
        setattr(production, name, value)
    assert found() == [f"registrations.W{number}"]


def test_sqlite_is_named_with_what_it_is_good_for(production: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(production.DATABASES["default"], "ENGINE", "django.db.backends.sqlite3")
    assert found() == ["registrations.W107"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_private_file_that_others_may_use_is_named(production: Any, mode: int) -> None:
    file = production.PRIVATE_FILES[0]
    file.chmod(mode)
    (message,) = deploy_checks.production(None)
    assert message.hint == f"Run: chmod 600 {file}"


def test_the_broker_of_a_trial_is_the_default_of_the_settings() -> None:
    assert f'text("REDIS_URL", "{deploy_checks.TRIAL_BROKER}")' in (PROJECT / "syncportal/settings.py").read_text()
