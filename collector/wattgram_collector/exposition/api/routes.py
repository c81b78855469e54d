"""The API over HTTP: reads what is asked, asks the views, writes JSON or CSV."""

from __future__ import annotations

import hashlib
import json
import time
import typing
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from aiohttp import web

from wattgram_collector.access.credentials import Role
from wattgram_collector.access.http import needs
from wattgram_collector.exposition.api import answers
from wattgram_collector.exposition.api.activity_answers import Activities, activities
from wattgram_collector.exposition.api.asked import ApiError, Values, read
from wattgram_collector.exposition.api.openapi import document
from wattgram_collector.exposition.api.reports import RETRY_SECONDS, Desk
from wattgram_collector.exposition.api.shapes import as_csv, hints, plain
from wattgram_collector.exposition.api.table import BASE, ROUTES, Route
from wattgram_collector.exposition.api.units_answers import FunctionalUnits, functional_units
from wattgram_collector.views.model import HostDetail
from wattgram_collector.views.source import Views

PROBLEM: Final = "application/problem+json"
DOCUMENT_PATH: Final = "/api/openapi.json"
_CSV: Final = "text/csv"

Answer = Callable[[str, Values], Awaitable[Any]]
"""What is in the path, and the parameters, to a value of the route's answer."""


def api_routes(
    views: Views, desk: Desk, unix_seconds: Callable[[], float] = time.time
) -> list[web.RouteDef]:
    """Return every route of the API, its description, and the answer to all else below /api."""
    questions = _Questions(views, desk)
    found = [
        web.get(
            BASE + _matching(route.path),
            _handler(route, getattr(questions, route.name), unix_seconds),
        )
        for route in ROUTES
    ]
    return [*found, web.get(DOCUMENT_PATH, _description()), web.get("/api/{rest:.*}", _nothing)]


class _Questions:
    """One method for each route, by its name; all raise ApiError."""

    def __init__(self, views: Views, desk: Desk) -> None:
        self._views = views
        self.explain = desk.explain
        self._desk = desk

    async def fleet(self, _: str, __: Values) -> answers.Fleet:
        await self._views.ready()
        return answers.fleet(self._views.fleet())

    async def hosts(self, _: str, asked: Values) -> answers.Hosts:
        await self._views.ready()
        return answers.hosts(self._views.fleet(), asked)

    async def host(self, name: str, _: Values) -> HostDetail:
        await self._views.ready(name)
        found = self._views.host(name)
        if found is None:
            raise ApiError(404, f"there is no host {name!r:.210}")
        return found

    async def host_history(self, name: str, asked: Values) -> answers.History:
        found = await self.host(name, asked)
        return answers.History(read_unix_seconds=None, steps=found.history)

    async def history(self, _: str, __: Values) -> answers.History:
        await self._views.ready()
        return answers.history(self._views.fleet())

    async def groups(self, _: str, asked: Values) -> answers.Groups:
        await self._views.ready()
        return answers.groups(self._views.fleet(), asked)

    async def workloads(self, _: str, __: Values) -> answers.Workloads:
        await self._views.ready()
        return answers.Workloads(workloads=self._views.fleet().by_workload)

    async def zones(self, _: str, __: Values) -> answers.Zones:
        await self._views.ready()
        return answers.zones(self._views.fleet())

    async def zone(self, name: str, _: Values) -> Any:
        await self._views.ready()
        return answers.zone(self._views.fleet(), name)

    async def budgets(self, _: str, __: Values) -> answers.Budgets:
        await self._views.ready()
        return answers.Budgets(budgets=self._views.fleet().budgets)

    async def limits(self, _: str, __: Values) -> answers.Limits:
        await self._views.ready()
        return answers.Limits(limits=self._views.fleet().limits)

    async def problems(self, _: str, asked: Values) -> answers.Problems:
        await self._views.ready()
        return answers.problems(self._views.fleet(), asked)

    async def activities(self, _: str, asked: Values) -> Activities:
        return await self._desk.answer(lambda ledger: activities(ledger, asked))

    async def functional_units(self, _: str, asked: Values) -> FunctionalUnits:
        return await self._desk.answer(lambda ledger: functional_units(ledger, asked))

    async def report(self, _: str, asked: Values) -> Any:
        return await self._desk.report(asked)


def _handler(
    route: Route, answer: Answer, unix_seconds: Callable[[], float]
) -> Callable[[web.Request], Awaitable[web.Response]]:
    @needs(Role.READ)
    async def handle(request: web.Request) -> web.Response:
        try:
            asked = read(route.all_parameters, request.query.items(), int(unix_seconds()))
            if route.table:
                asked["format"] = asked["format"] or _accepted(request)
            name = request.match_info.get(route.in_path, "") if route.in_path else ""
            found = await answer(name, asked)
        except ApiError as error:
            return _problem(error)
        if asked.get("format") == "csv":
            return _csv(route, found)
        return web.json_response(found if isinstance(found, dict) else plain(found))

    return handle


def _matching(path: str) -> str:
    """PURE. Return a path as the router has it: what a host is called may have braces in it."""
    return path.replace("}", ":[^/]+}")


def _accepted(request: web.Request) -> str:
    """Return the format that the client would rather have."""
    accepted = [
        one.partition(";")[0].strip() for one in request.headers.get("Accept", "").split(",")
    ]
    wants_csv = _CSV in accepted and not {"application/json", "*/*"} & set(accepted)
    return "csv" if wants_csv else "json"


def _csv(route: Route, found: Any) -> web.Response:
    text = found if route.table == "*" else table_csv(found, route.table)
    name = route.path.strip("/").replace("/", "-").replace("{", "").replace("}", "")
    headers = {"Content-Disposition": f'attachment; filename="wattgram-{name}.csv"'}
    return web.Response(text=text, content_type=_CSV, charset="utf-8", headers=headers)


def table_csv(found: Any, field: str) -> str:
    """PURE. Return the rows of an answer as CSV."""
    kind = typing.get_args(hints(type(found))[field])[0]
    return as_csv(kind, getattr(found, field))


def _problem(error: ApiError) -> web.Response:
    headers = {"Retry-After": str(RETRY_SECONDS)} if error.status == 503 else {}  # noqa: PLR2004
    text = json.dumps(error.problem)
    return web.Response(status=error.status, text=text, content_type=PROBLEM, headers=headers)


@needs(Role.READ)
async def _nothing(request: web.Request) -> web.Response:
    return _problem(ApiError(404, f"{request.path!r:.200} is no path here: see {DOCUMENT_PATH}"))


def _description() -> Callable[[web.Request], Awaitable[web.Response]]:
    made = partial(json.dumps, document())

    @needs(Role.READ)
    async def describe(request: web.Request) -> web.Response:
        body = made().encode()
        etag = hashlib.sha256(body).hexdigest()[:32]
        headers = {"ETag": f'"{etag}"', "Cache-Control": "no-cache"}
        if any(one.value in (etag, "*") for one in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, content_type="application/json", headers=headers)

    return describe
