"""Tables that are taken away, as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse

from himaya.core import clock

if TYPE_CHECKING:
    from collections.abc import Iterable


def table(name: str, header: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> HttpResponse:
    """A file of that name and of today."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows(rows)
    response = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="himaya-{name}-{clock.now():%Y-%m-%d}.csv"'
    return response
