"""Passwords that are long enough and still easy to guess."""

import contextlib
import time
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from registrations.auth.passwords import GuessableValidator

WEAK = [
    "123456789012",
    "210987654321",
    "qwertyuiopas",
    "qwertzuiopas",
    "1q2w3e4r5t6y",
    "!@#$%^&*()_+",
    "qwerty-asdfgh-zxcvbn",
    "aaaaaaaaaaaa",
    "abcabcabcabc",
    "abcdefghijkl",
    "passwordpassword",
    "Summer2026!!",
    "01.01.2026!!",
    "olga12345678",
    "Olga.Operator1",
    "operator2026!",
    "0p3rat0r-2026",
    "olgaolgaolga",
    "olga-operator-1987",
    "o1l2g3a4o5l6",
    "p-o-r-t-a-l-2-0-2-6",
    "ｑｗｅｒｔｙｕｉｏｐａｓ",
    "finebak2026!!",
    "SyncPortal123!",
    "audiocodes-2026",
    "йцукенгшщзхъ",
    "йцукенгшщзхї",
    "1й2ц3у4к5е6н",
    "фывапролджэ1",
    "qwertzuiopü+",
    "yxcvbnm,.-123",
    "azertyuiopqs",
    "azertyuiopqsdfghjklm",
    "Azerty-Qsdfgh-1",
    "asdfghjklñ12",
    "ςερτυθιοπ123",
    "'קראטוןםפ123",
    "aoeuidhtns-1",
    "Herbst2026!!",
    "H3rbst-2026!",
    "Frühling2026!",
    "Février-2026!",
    "Septiembre.26",
    "Willkommen123",
    "Willkommen2026!",
    "Bienvenue2026!",
    "Bienvenidos-26",
    "Welcome-2026!!",
    "Munich2026!!",
    "2026-Mercury!!",
    "27182818284590",
    "e=27182818284590",
    "31415926535897",
    "4917612345678",
]


def olga() -> User:
    return User(username="olga", first_name="Olga", last_name="Operator", email="olga@finebak.com")


@pytest.mark.parametrize("password", WEAK)
def test_a_password_that_is_easy_to_guess_is_refused(password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password, olga())


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "xK9v-3Qm_pL2aZ8wBn7c",
        "reef-tandem-oxide-41",
        "лампа-облако-чайник-7",
        "herbst-kajak-wolle-dampf",
        "Bienvenue-chez-les-castors-9",
        "7gk2-Vm9w-Lt4x-Rd8c",
        "x" * 5 + "Vq7#mB2!kW9" * 20,
    ],
)
def test_a_password_that_is_hard_to_guess_is_accepted(password: str) -> None:
    validate_password(password, olga())


@pytest.mark.django_db
@pytest.mark.parametrize("password", ["123456789012", "qwertyuiopas", "bob123456789"])
def test_the_command_refuses_a_weak_password(tmp_path: Path, password: str) -> None:
    (tmp_path / "password").write_text(password)
    with pytest.raises(CommandError, match="password: "):
        call_command("add_staff", "bob", "--group", "auditors", "--password-file", str(tmp_path / "password"))
    assert not User.objects.exists()


@pytest.mark.django_db
def test_the_admin_refuses_a_weak_password() -> None:
    root = User.objects.create_superuser("root", password="correct horse battery staple")
    browser = Client(headers={"host": "localhost"})
    browser.force_login(root)
    own = {"own_password": "correct horse battery staple", "own_password_opens": "yes"}
    browser.post(reverse("admin:auth_user_add"), own)
    for password in ("123456789012", "qwertyuiopas", "bob123456789"):
        given = {"username": "bob", "password1": password, "password2": password, "usable_password": "true"}
        answer = browser.post(reverse("admin:auth_user_add"), given)
        assert answer.status_code == 200
        assert answer.context["adminform"].form.errors["password2"]
        changed = browser.post(
            reverse("admin:auth_user_password_change", args=[root.pk]),
            {
                "password1": password.replace("bob", "root"),
                "password2": password.replace("bob", "root"),
                "usable_password": "true",
            },
        )
        assert changed.status_code == 200
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    "text", ["4@8({[<3691!|0$5+7%2xq" * 3 + "zz", "aA4@8({[3691!|0$5+7%2" * 3 + "qwEz", "a" * 4096]
)
def test_no_password_takes_long_to_rate(text: str) -> None:
    started = time.process_time()
    with contextlib.suppress(ValidationError):
        GuessableValidator().validate(text)
    assert time.process_time() - started < 2
