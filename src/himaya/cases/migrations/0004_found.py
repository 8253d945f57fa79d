"""The index that finds cases by words, and the words of what was written before there was one."""

from django.db import migrations

from himaya.cases import searching
from himaya.core.tokens import tokens

AT_ONCE = 500
TEXTS = (("Comment", "text"), ("Verdict", "reason"), ("Sighting", "place"))


def fill(apps, _):
    """Keep the words of every note, reason and place that is there."""
    words = apps.get_model("cases", "Words")
    for model, field in TEXTS:
        rows = apps.get_model("cases", model).objects.order_by("pk").values_list("case", field)
        made = (words(case_id=case, words=" ".join(found)) for case, text in rows.iterator() if (found := tokens(text)))
        words.objects.bulk_create(made, batch_size=AT_ONCE)


class Migration(migrations.Migration):
    dependencies = [("cases", "0003_words")]

    operations = [
        migrations.RunPython(lambda _, editor: searching.install(editor.connection), migrations.RunPython.noop),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
