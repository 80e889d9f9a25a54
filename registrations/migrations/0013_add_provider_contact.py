from django.db import migrations, models


class Migration(migrations.Migration):
    """Whom a provider's customers can ask."""

    dependencies = [("registrations", "0011_fill_history_context")]

    operations = [
        migrations.AddField(
            model_name="serviceprovider",
            name="contact_name",
            field=models.CharField(
                blank=True,
                default="",
                help_text="A person or a team. Customers read it on every page and in every email.",
                max_length=120,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="serviceprovider",
            name="contact_email",
            field=models.EmailField(
                blank=True,
                default="",
                help_text="Answers to invitation emails go here. Needed before the first invitation.",
                max_length=254,
                verbose_name="contact e-mail",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="serviceprovider",
            name="contact_phone",
            field=models.CharField(blank=True, default="", help_text="For example +44 20 7946 0000.", max_length=40),
            preserve_default=False,
        ),
    ]
