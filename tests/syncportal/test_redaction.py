"""What the logs do not hold: invitation links, also with a slip in them, and values that open something."""

import io
import logging
import time
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver

from registrations.models import UmpInstance
from registrations.redaction import redact
from syncportal.redaction import LONGEST_ENTRY, LONGEST_MESSAGE, RedactingFormatter, RedactionFilter
from tests import factories

TOKEN = "Xy-" + "A1b2C3d4" * 5  # 43 characters, as tokens.new_token makes them


@pytest.mark.parametrize(
    "path",
    [
        f"/authenticate/{TOKEN}",
        f"/authenticate/{TOKEN}/start",
        f"/authenticate//{TOKEN}",
        f"/authenticate/ {TOKEN}",
        f"/authenticate/%20{TOKEN}",
        f"/authenticate/link/{TOKEN}",
        f"/authenticate/progress/{TOKEN}",
        f"/authenticate/done{TOKEN}",
        f"/authenticate/{TOKEN[:30]} {TOKEN[30:]}",
        f"/authenticate/{TOKEN[:20]}/{TOKEN[20:]}",
        f"/authenticate/{TOKEN[:42]}",
        f"/Authenticate/{TOKEN}",
        f"/authenticat/{TOKEN}",
        f"/authenticate/'{TOKEN}",
        f"/elsewhere?x&{TOKEN}",
    ],
)
def test_a_link_with_a_slip_is_redacted(path: str) -> None:
    for line in (f"Not Found: {path}", f'"GET {path} HTTP/1.1" 404 12', f"opened {path!r} twice"):
        told = redact(line)
        for part in (TOKEN[:20], TOKEN[20:40]):
            assert part not in told, told


def test_the_request_line_keeps_its_status() -> None:
    assert redact(f'"GET /authenticate//{TOKEN} HTTP/1.1" 404 12') == '"GET /authenticate/[link]" 404 12'


def test_every_page_of_the_wizard_keeps_its_name() -> None:
    patterns = get_resolver("onboarding.urls").url_patterns
    routes = [str(each.pattern) for each in patterns if isinstance(each, URLPattern)]
    known = [f"/{route}" for route in routes if "<" not in route]
    known += [f"/authenticate/assets/{name}" for name in ("portal.css", "portal.js", "favicon.svg")]
    assert len(known) > 6
    for path in known:
        for line in (f"Not Found: {path}", f'"GET {path} HTTP/1.1" 200', f"{path}, then"):
            assert redact(line) == line


def test_ids_and_sentences_stay_readable() -> None:
    line = "Operation 3f2504e0-4f89-41d3-9a0c-0305e82c3301 of umptoken.finebak.com broke outside its steps."
    assert redact(line) == line


VALUE = "Abc8Q~x.y-z_1"
NAMES = [
    "client_secret",
    "clientSecret",
    "client-secret",
    "ump_client_secret",
    "secretText",
    "refresh_token",
    "accessToken",
]
NAMES += [
    "secret",
    "token",
    "pwd",
    "app_secret",
    "sharedSecret",
    "clientSecretValue",
    "client_credential",
    "private_key",
]
NAMES += ["client secret", "X-Auth-Token", "Ocp-Apim-Subscription-Key"]
NAMES += ["id_token", "client_assertion", "assertion", "password", "new_password1", "device_code", "user_code"]
NAMES += ["code_verifier", "SECRET_KEY"]
FORMS = [
    '{"%s": "VALUE", "hint": "abc"}',
    '{"%s":"VALUE',
    "{'%s': 'VALUE'}",
    "<QueryDict: {'%s': ['VALUE']}>",
    '{\\"%s\\": \\"VALUE\\"}',
    "Entered(%s='VALUE', other=1)",
    "[('%s', 'VALUE')]",
    "b'%s=VALUE&scope=x'",
    "grant_type=x&%s=VALUE&scope=y",
    "grant_type%%3Dx%%26%s%%3DVALUE",
    "%s: VALUE",
    "%s = VALUE",
    '<input name="%s" value="VALUE">',
    "<%s>VALUE</%s>",
    "%%22%s%%22%%3A%%22VALUE%%22",
    "&quot;%s&quot;: &quot;VALUE&quot;",
    "&#x27;%s&#x27;: &#x27;VALUE&#x27;",
    "{\\u0022%s\\u0022:\\u0022VALUE\\u0022}",
    "%s[0]=VALUE",
    '{"%s": ["x", "VALUE"]}',
    '{"%s": {"value": "VALUE"}}',
    '{"key": "%s", "value": "VALUE", "type": "text"}',
    "{'name':'%s','value':'VALUE'}",
    '{\\"name\\":\\"%s\\",\\n\\"value\\":\\"VALUE\\"}',
    "%s\\u003dVALUE\\u0026scope=x",
    "manage.py connect --%s VALUE --other",
    "manage.py connect --%s -VALUE --other",
    "manage.py connect --%s 'VALUE' --other",
    'Content-Disposition: form-data; name="%s"\r\n\r\nVALUE\r\n--end',
    'Content-Disposition: form-data; name="%s"\r\nContent-Type: text/plain\r\n\r\nVALUE\r\n--end',
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_a_value_that_opens_something_is_redacted_by_its_name(name: str, form: str) -> None:
    told = redact(form.replace("%%", "%").replace("%s", name).replace("VALUE", VALUE))
    assert "z_1" not in told
    assert "Abc8Q" not in told
    assert name in told


@pytest.mark.parametrize(
    "line",
    [
        f"Authorization: Bearer {VALUE}",
        f"authorization: Basic {VALUE}",
        f"{{'Authorization': 'Bearer {VALUE}'}}",
        f"sent with Bearer {VALUE}, then",
        f"Authorization: Bearer\r\n {VALUE}",
        f"bearer:{VALUE}",
        f"Bearer={VALUE}",
        f"HTTP_AUTHORIZATION: Bearer {VALUE}",
        f"HTTP_COOKIE=first; __Host-session={VALUE}",
        f"x-functions-key: {VALUE}",
        f"PORTAL_KEYS=k1:abc,k2:{VALUE}",
        f"-----BEGIN RSA PRIVATE KEY-----\n{VALUE}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\nMII {VALUE}",
        f"Cookie: __Host-session={VALUE}; other={VALUE}",
        f"Set-Cookie: __Host-session={VALUE}; Path=/",
        f'{{"code": "0.{VALUE}"}}',
        f"{{'code': ['{VALUE}']}}",
        f"code={VALUE}&state=x",
        f"postgres://olga:{VALUE}@dbhost/portal",
        f"redis://:{VALUE}@host:6379/0",
        f"smtp://olga:p@ss/{VALUE}@mail.example:25",
        f"https://{VALUE}@ump.finebak.com/tenantui",
        f"https://host:8443/path?token={VALUE}",
    ],
)
def test_headers_codes_and_addresses_with_passwords_are_redacted(line: str) -> None:
    told = redact(line)
    assert "z_1" not in told
    assert "redacted" in told or "[private key]" in told


@pytest.mark.parametrize(
    "value", ["xYz8Q~dBpepV-f.d6XcabTWYMS7BJ4k~CIrELhpF", "3q2+7wAAAAAAAAAAAAAAAAAA/AAAAAAAAAAAAAAAAAA="]
)
def test_a_secret_of_entra_and_a_key_are_redacted_without_a_name(value: str) -> None:
    for line in (f"The value {value} was refused", f"({value})", f"'{value}'", value):
        assert value[:10] not in redact(line)


@pytest.mark.parametrize(
    "line",
    [
        '{"error":{"code":"Request_ResourceNotFound","message":"No such application."}}',
        '{"error": "invalid_grant", "code": "invalid_grant"}',
        "The password is wrong. The access token expired. status_code=404",
        "AADSTS7000215: Invalid client secret provided.",
        "https://login.microsoftonline.com/common/oauth2/v2.0/token answered 400",
        "http://localhost:8000/admin/ was opened by olga@finebak.com",
        "Bearer token missing",
    ],
)
def test_what_opens_nothing_stays_readable(line: str) -> None:
    assert redact(line) == line


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What our handler writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactionFilter())
    handler.setFormatter(RedactingFormatter("%(name)s %(message)s"))
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", [f"/authenticate//{TOKEN}", f"/authenticate/%20{TOKEN}", f"/authenticate/%0A{TOKEN}", f"/{TOKEN}"]
)
def test_what_django_says_of_an_odd_path_holds_no_link(path: str, written: io.StringIO) -> None:
    instance = factories.make_instance(status=UmpInstance.Status.ACTIVE)
    assert Client(headers={"host": instance.host}).get(path).status_code == 404
    assert "Not Found" in written.getvalue()
    assert TOKEN not in written.getvalue()


def test_tracebacks_and_stacks_are_redacted(written: io.StringIO) -> None:
    try:
        float(f"/authenticate/x/{TOKEN}")
    except ValueError:
        logging.getLogger("syncportal").exception("It broke.", stack_info=True)
    assert "It broke." in written.getvalue()
    assert "ValueError" in written.getvalue()
    assert TOKEN not in written.getvalue()


def test_arguments_of_a_log_line_are_redacted(written: io.StringIO) -> None:
    logging.getLogger("syncportal").warning("Sent %s with %r", {"client_secret": VALUE}, f"Bearer {VALUE}")
    logging.getLogger("syncportal").warning("Sent %(password)s", {"password": f"password={VALUE}"})
    assert "Sent {'client_secret'" in written.getvalue()
    assert VALUE not in written.getvalue()


def test_arguments_that_do_not_fit_end_no_request(written: io.StringIO) -> None:
    logging.getLogger("syncportal").warning("Sent %d of %s", *[f"client_secret={VALUE}"])
    assert "Sent %d of %s" in written.getvalue()
    assert VALUE not in written.getvalue()


def test_the_text_of_an_exception_is_redacted(written: io.StringIO) -> None:
    try:
        float(f"client_secret={VALUE}")
    except ValueError:
        logging.getLogger("syncportal").exception("It broke.")
    assert "ValueError" in written.getvalue()
    assert VALUE not in written.getvalue()


@pytest.mark.parametrize(
    "part",
    [
        "a.",
        "?",
        "?=",
        "a://:",
        "://:",
        "a://a:b@",
        "a-",
        "-",
        " ",
        "\\",
        "eyJaaaaaaaa-",
        "/authenticate/",
        "code':'",
        "client_",
        "password:[",
        "password ",
        "bearer ",
        "name=password ",
        "cookie:",
        "a:",
        "\t",
        "eyJaaaaaaaa.",
        "secret",
        "token ",
        "client secret:",
        "%22",
        "secret%22%3A",
        "&quot;",
        "secret:[",
        'secret:["',
        "-----BEGIN PRIVATE KEY-----",
        'name="secret"\n',
        'name="secret"',
        "x-",
        "x-auth-token:",
        "authorization:bearer\n",
        "http_",
        '"secret","value":"',
        "--secret ",
        "--secret '",
        "portal_keys=",
        "a8Q~",
        "\\u0022",
        "[",
        "@",
        "a@",
        "+",
        '"',
        "\xa0",
    ],
)
@pytest.mark.parametrize("before", ["", "password:", "a://", "password:'"])
def test_no_text_of_a_stranger_takes_long_to_redact(part: str, before: str) -> None:
    size = (
        LONGEST_ENTRY if not before else LONGEST_ENTRY // 8
    )  # what is quadratic takes minutes at the one, seconds at the other
    text = before + part * (size // len(part))
    started = time.process_time()
    redact(text)
    assert time.process_time() - started < (3 if not before else 0.5)


def formatted(message: str, exc_info: object = None) -> str:
    """The line in the log."""
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, message, (), exc_info)  # type: ignore[arg-type]
    RedactionFilter().filter(record)
    return RedactingFormatter("%(message)s").format(record)


def test_a_long_message_is_cut_before_its_last_word() -> None:
    told = formatted("a " * (LONGEST_MESSAGE // 2 - 10) + TOKEN)
    assert TOKEN[:5] not in told
    assert told.endswith(f"a [cut after {LONGEST_MESSAGE} characters]")
    assert formatted("?" * 10 * LONGEST_MESSAGE).startswith("???")


def test_a_long_traceback_is_cut() -> None:
    error = ValueError("word " * LONGEST_ENTRY)
    told = formatted("It broke.", (ValueError, error, None))
    assert told.startswith("It broke.\nValueError: word word")
    assert len(told) < LONGEST_ENTRY + 100


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("https://a:80/b then c@d", "https://a:80/b then c@d"),
        ("https://a:80/b://c:d@e", "https://a:80/b://[redacted]@e"),
        ("x://a:b@c@d/e?f", "x://[redacted]@d/e?f"),
        ("://a:b@c", "://a:b@c"),
        ("what? a=b", "what? a=b"),
        ("what?? a?b?c=d e", "what?? a?[redacted] e"),
    ],
)
def test_addresses_lose_what_opens_something_and_no_more(text: str, told: str) -> None:
    assert redact(text) == told
