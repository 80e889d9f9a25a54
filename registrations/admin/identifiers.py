"""Finds instances, and what operations are about, by an ID that Microsoft gave: of an application, its secret, or a tenant.

Operations are found by their host too.
"""

from collections.abc import Callable
from typing import Any

from django.db.models import CharField, Q, QuerySet, Value
from django.db.models.functions import Concat

from registrations import engine, places
from registrations.models import AppRegistration, ClientSecret, EntraTenant, UmpInstance

Find = Callable[[str], QuerySet[Any, Any]]
# IDs of what operations are about, by a GUID. Each app adds those of its own models.
operation_subjects: list[Find] = []
# IDs of UMP instances, by a GUID: what an app knows beside the registrations.
instances_of_app: list[Find] = []


def registrations(guid: str) -> QuerySet[AppRegistration]:
    """Registrations with this client ID, object ID, tenant ID, or key ID of a secret."""
    of_secret = ClientSecret.objects.filter(key_id=guid).values("registration")
    own = Q(app_id=guid) | Q(object_id=guid) | Q(service_principal_id=guid) | Q(tenant_id=guid)
    return AppRegistration.objects.filter(own | Q(unique_name__contains=guid) | Q(pk__in=of_secret))


def instances(guid: str) -> QuerySet[UmpInstance]:
    """Instances that one of these IDs leads to, also through a registration in a customer's tenant."""
    of_tenant = Q(provider__tenant__tenant_id=guid) | Q(provider__tenant__client_id=guid)
    found = of_tenant | Q(ump_tenant_id=guid) | Q(ump_client_id=guid) | Q(provider__tenant=guid) | Q(pk=guid)
    for path in places.instance_paths(AppRegistration):
        found |= Q(pk__in=registrations(guid).filter(**{f"{path}__isnull": False}).values(path))
    for find in instances_of_app:
        found |= Q(pk__in=find(guid))
    return UmpInstance.objects.filter(found).order_by()


def at_host(text: str) -> Q:
    """The operations about what belongs to instances whose host contains this text: labels of before have no host."""
    host = Concat("app_name", Value("."), "provider__domain", output_field=CharField())
    hosts = UmpInstance.objects.annotate(full_host=host).filter(full_host__icontains=text).order_by().values("pk")
    found = Q()
    for model in {kind.subject for kind in engine.kinds.values()}:
        for path in places.instance_paths(model):
            found |= Q(subject_id__in=model._default_manager.filter(**{f"{path}__in": hosts}).order_by().values("pk"))
    return found


def about(guid: str) -> Q:
    """The operations about these instances, about tenants with the ID, and about what the apps add."""
    tenants = EntraTenant.objects.filter(Q(tenant_id=guid) | Q(client_id=guid)).order_by()
    found = Q(subject_id__in=instances(guid).values("pk")) | Q(subject_id__in=tenants.values("pk"))
    for find in operation_subjects:
        found |= Q(subject_id__in=find(guid))
    return found
