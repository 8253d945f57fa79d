"""A step of the desk keeps the facts that the ledger has of it: which item, which ground, how many holds."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evidence", "0002_lasting")]

    operations = [
        migrations.AddField(model_name="change", name="facts", field=models.JSONField(default=dict)),
    ]
