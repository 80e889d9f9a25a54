"""The groups of staff, with what each may do on the service providers' side."""

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

APP = "registrations"
WRITTEN = ("entratenant", "serviceprovider", "umpinstance")
SEEN = ("appregistration", "clientsecret", "operation", "auditevent")
OPERATORS = [
    *(f"{verb}_{model}" for model in WRITTEN for verb in ("view", "add", "change")),
    *(f"view_{model}" for model in SEEN),
    "change_operation",
    "provision_umpinstance",
    "change_address_umpinstance",
    "reveal_secret_umpinstance",
]
AUDITORS = [f"view_{model}" for model in (*WRITTEN, *SEEN)]


def make_groups(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Django makes permissions after all migrations; the groups need them now."""
    app = apps.get_app_config(APP)
    app.models_module = True  # type: ignore[assignment]
    create_permissions(app, apps=apps, verbosity=0)
    app.models_module = None
    permissions = apps.get_model("auth", "Permission").objects.filter(content_type__app_label=APP)
    for name, codenames in (("operators", OPERATORS), ("auditors", AUDITORS)):
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*permissions.filter(codename__in=codenames))


class Migration(migrations.Migration):
    """Groups only; taking them away again would lock people out, so the way back does nothing."""

    dependencies = [
        ("registrations", "0002_protect_history"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop)]
