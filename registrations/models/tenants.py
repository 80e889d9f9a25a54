"""Entra tenants, service providers and their UMP instances."""

import re
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Func, Value
from django.db.models.functions import Lower

from registrations import canonical
from registrations.models.fields import (
    EmailField,
    EncryptedModel,
    EnvelopeField,
    GuidField,
    HostField,
    NameField,
    ScopeField,
    UrlField,
    validate_dns_label,
    validate_domain,
)

REDIRECT_PATH = "/authenticate/OAuth2Callback"
PORTAL_PATH = "/authenticate"
TEAM_WORDS = frozenset(
    {"team", "desk", "helpdesk", "department", "office"}
)  # the last word of a contact that is no person
UNREADABLE = (
    "This is not an address that can be reached. A port is a number from 1 to 65535, such as https://host:8443."
)
UNPLAIN_PATH = (
    "Write the path plainly: without //, /./ and /../, and without percent codes for letters, digits and - . _ ~ /."
)
# Of characters that need none (RFC 3986, section 2.3), and of both slashes
NEEDLESS_CODE = re.compile(
    r"%(?:2[DEFdef]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaFfCc]|6[1-9A-Fa-f]|7[0-9AaEe])|%(?![0-9A-Fa-f]{2})"
)
# What tells one UMP base URL from another: neither a slash at the end nor upper case does.
UMP_KEY = Lower(Func("ump_url", Value("/"), function="RTRIM", output_field=models.CharField()))


class EntraTenant(EncryptedModel):
    """A Microsoft Entra tenant in which the portal keeps sync apps, with the credential it works with there."""

    class Subscription(models.TextChoices):
        AUDIOCODES = "audiocodes", "AudioCodes subscription"
        SERVICE_PROVIDER = "service_provider", "Service provider's subscription"

    name = NameField(max_length=120)
    tenant_id = GuidField("tenant ID", unique=True)
    subscription = models.CharField(max_length=20, choices=Subscription, default=Subscription.AUDIOCODES)
    client_id = GuidField(
        "application (client) ID", help_text="The application that SyncPortal works with in this tenant."
    )
    client_secret_envelope = EnvelopeField()
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    missing_permissions = models.JSONField(default=list, blank=True, editable=False)
    excess_permissions = models.JSONField(default=list, blank=True, editable=False)

    class Meta:
        verbose_name = "Entra tenant"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ServiceProvider(EncryptedModel):
    """A service provider: the operator whose UMP instances connect customers."""

    name = NameField(max_length=120, unique=True)
    domain = HostField(
        max_length=240,
        unique=True,
        validators=[validate_domain],
        help_text="The registered domain, for example finebak.com.",
    )
    tenant = models.ForeignKey(EntraTenant, on_delete=models.PROTECT, related_name="service_providers")
    contact_name = NameField(
        max_length=120, blank=True, help_text="A person or a team. Customers read it on every page and in every email."
    )
    contact_email = EmailField(
        "contact e-mail",
        blank=True,
        help_text="Answers to invitation emails go here. Needed before the first invitation.",
    )
    contact_phone = NameField(max_length=40, blank=True, help_text="For example +44 20 7946 0000.")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse a new domain above or below another provider's."""
        super().clean()
        stored = ServiceProvider.objects.filter(pk=self.pk).values_list("domain", flat=True).first()
        if self.domain and self.domain != stored:
            validate_domain_is_free(self.domain, self.pk)

    @property
    def contact_label(self) -> str:
        """How sentences call whom customers ask: the contact's name, with "the" if it is a team's, or the provider's."""
        words = self.contact_name.casefold().split()
        is_team = bool(words) and words[-1] in TEAM_WORDS and words[0] != "the"
        return f"the {self.contact_name}" if is_team else self.contact_name or self.name

    @property
    def is_localhost(self) -> bool:
        """Whether browsers resolve this domain themselves, to this machine (RFC 6761, section 6.3)."""
        return self.domain.endswith(".localhost")


class UmpInstance(EncryptedModel):
    """A UMP-365 instance of a service provider. Its host and both URLs are derived, never typed."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        PROVISIONING = "provisioning", "Provisioning"
        ACTIVE = "active", "Active"
        FAILED = "failed", "Failed"
        RETIRED = "retired", "Retired"

    class Delivery(models.TextChoices):
        API = "api", "By API (the UMP offers the portal contract)"
        HANDOVER = "handover", "By hand-over sheet (typed into System Settings)"

    provider = models.ForeignKey(
        ServiceProvider, on_delete=models.PROTECT, related_name="instances", verbose_name="service provider"
    )
    app_name = HostField(
        max_length=63, validators=[validate_dns_label], help_text="The first label of the host, for example umptoken."
    )
    ump_url = UrlField("UMP base URL", max_length=255, help_text="https, usually ending in /tenantui.")
    ump_tenant_id = GuidField(
        "UMP API tenant ID", help_text="The tenant that issues tokens for the UMP API.", blank=True
    )
    ump_client_id = GuidField("UMP API client ID", blank=True)
    ump_client_secret_envelope = EnvelopeField()
    ump_scope = ScopeField("UMP API scope", max_length=255, blank=True, help_text="api://<application id>/.default")
    delivery = models.CharField(max_length=20, choices=Delivery, default=Delivery.API)
    status = models.CharField(max_length=20, choices=Status, default=Status.DRAFT, editable=False)
    status_changed_at = models.DateTimeField(null=True, blank=True, editable=False)
    delivered_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "UMP instance"
        ordering = ["provider__name", "app_name"]
        permissions = [
            ("provision_umpinstance", "Can provision the sync app of a UMP instance"),
            ("change_address_umpinstance", "Can change the address of a delivered UMP instance"),
            ("reveal_secret_umpinstance", "Can reveal a client secret on the hand-over sheet"),
        ]
        constraints = [
            models.UniqueConstraint(
                "provider",
                Lower("app_name"),
                name="one_instance_per_host",
                violation_error_message="This service provider has an instance with that app name already.",
            ),
            models.UniqueConstraint(
                UMP_KEY,
                condition=~models.Q(ump_url="") & ~models.Q(status="retired"),
                name="one_instance_per_ump",
                violation_error_message="Another instance has this UMP base URL: a UMP serves one instance.",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["draft", "provisioning", "active", "failed", "retired"]),
                name="instance_status_is_known",
            ),
        ]

    def __str__(self) -> str:
        return self.host

    @property
    def host(self) -> str:
        """The host name of the sync app's URLs: `<app name>.<domain>`."""
        return f"{self.app_name}.{self.provider.domain}"

    @property
    def origin(self) -> str:
        """Scheme and host of the portal for this instance; `.localhost` hosts get http and the demo's port."""
        if self.provider.is_localhost:
            return f"http://{self.host}:{settings.PORTAL_LOCALHOST_PORT}"
        return f"https://{self.host}"

    @property
    def portal_url(self) -> str:
        """The Customer Authentication Portal URL."""
        return self.origin + PORTAL_PATH

    @property
    def redirect_uri(self) -> str:
        """The OAuth2Callback URL that Entra sends the customer's administrator back to."""
        return self.origin + REDIRECT_PATH

    def clean(self) -> None:
        """Refuse a new UMP base URL that would send secrets to a host outside the provider's domain, or to another's UMP.

        One that stands already is asked again before each provisioning: here it would be an error of a field that the
        form may not have.
        """
        super().clean()
        stored = UmpInstance.objects.filter(pk=self.pk).values_list("ump_url", "provider_id").first()
        if self.ump_url and self.provider_id and (self.ump_url, self.provider_id) != stored:
            validate_new_ump_url(self.ump_url, self.provider.domain)
            self.ump_url = canonical_ump_url(self.ump_url)
            validate_ump_is_free(self.ump_url, self.pk)

    @property
    def has_ump_credential(self) -> bool:
        """Whether SyncPortal can sign in to the UMP's API: connecting a customer needs it, however values are delivered."""
        return bool(self.ump_client_id and self.ump_scope and self.ump_client_secret_envelope)


def validate_domain_is_free(domain: str, pk: Any) -> None:
    """Refuse a domain above or below one of another provider. Raises ValidationError.

    Hosts under the lower domain would be under the upper one too: either provider's secrets could be sent there.
    """
    for name, other in ServiceProvider.objects.exclude(pk=pk).values_list("name", "domain"):
        if domain.endswith("." + other) or other.endswith("." + domain):
            raise ValidationError(
                {"domain": f"{domain} and {other} of {name} overlap: hosts of one would be under the other."}
            )


def canonical_ump_url(url: str) -> str:
    """The form in which a UMP base URL is stored and compared with another."""
    return canonical.url(url)


def validate_ump_is_free(url: str, pk: Any) -> None:
    """Refuse the UMP of another instance: the second to be provisioned would overwrite the first one's values there.

    Raises ValidationError. A slash at the end and upper case make no other UMP.
    """
    others = UmpInstance.objects.exclude(pk=pk).exclude(status=UmpInstance.Status.RETIRED).select_related("provider")
    other = others.alias(key=UMP_KEY).filter(key=url.rstrip("/").lower()).first()
    if other:
        raise ValidationError({"ump_url": f"{other.host} has this UMP base URL: a UMP serves one instance."})


def validate_new_ump_url(url: str, domain: str) -> None:
    """As `validate_ump_url`, and its path is plain: a path has one spelling, or it would be compared as another UMP's.

    Raises ValidationError. What is stored already keeps its spelling.
    """
    validate_ump_url(url, domain)
    path = urlsplit(url).path.rstrip("/")
    if "//" in path or "\\" in path or {".", ".."} & set(path.split("/")) or NEEDLESS_CODE.search(path):
        raise ValidationError({"ump_url": UNPLAIN_PATH})


def validate_ump_url(url: str, domain: str) -> None:
    """Accept https URLs whose host is under the provider's domain or in UMP_ALLOWED_HOSTS. Raises ValidationError.

    Otherwise a person who may enter this URL could have the next secret sent to a host of their own.
    """
    try:
        parts = urlsplit(url)
        host, port = canonical.host(parts.hostname or ""), parts.port
    except ValueError:
        raise ValidationError({"ump_url": UNREADABLE}) from None
    if port == 0 or parts.netloc.endswith(":"):
        raise ValidationError({"ump_url": UNREADABLE})
    if parts.scheme != "https":
        raise ValidationError({"ump_url": "The UMP base URL must start with https://."})
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValidationError({"ump_url": "Enter the base URL alone: no user name, query or fragment."})
    if host != domain and not host.endswith("." + domain) and host not in settings.UMP_ALLOWED_HOSTS:
        raise ValidationError(
            {
                "ump_url": f"The host {host or '(none)'} is not under {domain}. Use a host of that domain, or add the host to "
                "UMP_ALLOWED_HOSTS in SyncPortal's settings."
            }
        )
