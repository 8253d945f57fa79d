"""Pages of the legal desk: what is due, demands with their checklists, answers, requests. For leads; auditors read."""

from django.urls import path

from himaya.evidence.demands.pages import answers, demand, desk, papers, request

urlpatterns = [
    path("", desk.index, name="index"),
    path("due/", desk.due, name="due"),
    path("numbers/", desk.in_numbers, name="numbers"),
    path("demands/", desk.demands, name="demands"),
    path("demands/add", demand.add, name="add"),
    path("demands/<int:pk>/", demand.demand, name="demand"),
    path("demands/<int:pk>/matched", demand.matched, name="matched"),
    path("demands/<int:pk>/amend", demand.amend, name="amend"),
    path("demands/<int:pk>/do/<slug:act>", demand.do, name="do"),
    path("demands/<int:pk>/release", demand.release, name="release"),
    path("answers/<int:pk>/approve", answers.approve, name="approve_answer"),
    path("answers/<int:pk>/drop", answers.drop, name="drop_answer"),
    path("answers/<int:pk>/take", answers.take, name="take_answer"),
    path("requests/", desk.requests, name="requests"),
    path("requests/add", request.add, name="add_request"),
    path("requests/<int:pk>/", request.request, name="request"),
    path("requests/<int:pk>/paper/<slug:language>.<slug:form>", papers.paper, name="paper"),
    path("requests/<int:pk>/fill", request.fill, name="fill_request"),
    path("requests/<int:pk>/do/<slug:act>", request.do, name="do_request"),
]
