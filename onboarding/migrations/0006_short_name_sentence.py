from django.db import migrations, models
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    dependencies = [("onboarding", "0005_delegated_token")]
    operations = [
        migrations.AlterConstraint(
            model_name="service",
            name="one_service_per_short_name",
            constraint=models.UniqueConstraint(
                models.F("instance"),
                Lower("short_name"),
                name="one_service_per_short_name",
                violation_error_message="Another service on this UMP instance has that short name.",
            ),
        )
    ]
