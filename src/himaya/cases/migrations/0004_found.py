"""The index that finds cases by words."""

from django.db import migrations

from himaya.cases import searching


class Migration(migrations.Migration):
    dependencies = [("cases", "0003_words")]

    operations = [migrations.RunPython(lambda _, editor: searching.install(editor.connection), migrations.RunPython.noop)]
