"""Staff's wrong passwords count by network, as everything else does. Those of the last minutes keep counting."""

import ipaddress
from typing import Any

from django.db import migrations, models

IPV4_NETWORK = 24  # bits


def widen(apps: Any, schema_editor: Any) -> None:
    """An IPv4 address becomes its /24."""
    attempts = apps.get_model("registrations", "LoginAttempt").objects.using(schema_editor.connection.alias)
    for address in set(attempts.exclude(network="").exclude(network__contains="/").values_list("network", flat=True)):
        network = ipaddress.ip_network(f"{address}/{IPV4_NETWORK}", strict=False)
        attempts.filter(network=address).update(network=str(network))


class Migration(migrations.Migration):
    dependencies = [
        ("registrations", "0018_add_applied_settings"),
    ]

    operations = [
        migrations.RunPython(widen, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="loginattempt",
            name="network",
            field=models.CharField(
                blank=True, help_text="The /24 of an IPv4 address, or the /64 of an IPv6 one.", max_length=45
            ),
        ),
    ]
