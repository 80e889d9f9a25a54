"""Each trip to Microsoft keeps the hash of the link it was begun with."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Trips that are under way during the update are refused: none of them is older than 15 minutes."""

    dependencies = [("onboarding", "0002_groups")]
    operations = [
        migrations.AddField("signin", "token_hash", models.CharField(blank=True, default="", max_length=64), False),
    ]
