"""Taking a receipt: another node has what was handed over to it, and both have signed so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from himaya.accounts.access import needs
from himaya.accounts.faces import told_at
from himaya.evidence.forms import ReceiptForm
from himaya.evidence.receiving import take_receipt

if TYPE_CHECKING:
    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest


@needs("evidence.receive")
@require_http_methods(["GET", "POST"])
def receipt(request: StaffRequest) -> HttpResponse:
    """Choose the file, and name the node whose it is."""
    form = ReceiptForm(*((request.POST, request.FILES) if request.method == "POST" else ()))
    if form.is_valid():
        content = form.cleaned_data["file"].read()
        with told_at(form):
            found = take_receipt(content, key=form.cleaned_data["key"], by=request.user.actor)
            said = ngettext(
                "Noted: %(n)s exhibit went on at the other node.", "Noted: %(n)s exhibits went on at the other node.",
                len(found),
            )  # fmt: skip
            messages.success(request, said % {"n": len(found)})
            return redirect("evidence:exhibit", found[0].pk) if found else redirect("evidence:index")
    return render(request, "evidence/receipt.html", {"form": form}, status=422 if form.errors else 200)
