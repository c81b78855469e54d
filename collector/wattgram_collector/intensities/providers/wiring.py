"""From the configuration to running feeds, and what is wrong with one before it runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

import aiohttp

from wattgram_collector.intensities.providers import client
from wattgram_collector.intensities.providers.feed import Feed
from wattgram_collector.intensities.providers.key_file import read_token
from wattgram_collector.intensities.providers.kinds import KINDS, Axis, manners_of
from wattgram_collector.intensities.providers.mix import Factors
from wattgram_collector.intensities.providers.provider import ProviderError
from wattgram_collector.intensities.providers.settings import ProviderSettings
from wattgram_collector.intensities.providers.surroundings import Source, Surroundings
from wattgram_collector.intensity import Scope


def enabled(sections: Mapping[str, ProviderSettings]) -> list[str]:
    """Return the providers that are asked, in the order of the table."""
    return [name for name in KINDS if name in sections and sections[name].enabled]


def problems(sections: Mapping[str, ProviderSettings]) -> list[str]:
    """Return what is wrong with the enabled ones: keys that cannot be read, zones not served."""
    found = []
    axis = Axis(Scope.LIFECYCLE, lambda scope: Factors("", scope, {}))  # no zone hangs on it
    for name in enabled(sections):
        section = sections[name]
        if section.token_file is not None:
            try:
                read_token(section.token_file)
            except ProviderError as error:
                found.append(f"providers.{name}: {error}")
        provider = KINDS[name].make(section, axis)
        found += [
            f"providers.{name}.zones: {zone} is no zone that it serves"
            for zone in section.zones
            if not provider.serves(zone)
        ]
    return found


def sources(
    sections: Mapping[str, ProviderSettings], axis: Axis, session: aiohttp.ClientSession
) -> list[Source]:
    """Return what is to be asked; raises ValueError for a section that no provider can be of."""
    return [_source(name, sections[name], axis, session) for name in enabled(sections)]


def _source(
    name: str, section: ProviderSettings, axis: Axis, session: aiohttp.ClientSession
) -> Source:
    kind = KINDS[name]
    url = section.url or kind.base_url
    proxy = client.proxy_of(url) if section.proxy_from_environment else None
    return Source(
        provider=kind.make(section, axis),
        client=client.HttpClient(session, url, proxy=proxy),
        manners=manners_of(kind, section),
        zones=section.zones,
    )


@contextlib.asynccontextmanager
async def feeding(
    sections: Mapping[str, ProviderSettings],
    axis: Axis,
    surroundings: Surroundings,
) -> AsyncIterator[None]:
    """Ask every enabled provider; raises ValueError for a section that no provider can be of."""
    if not enabled(sections):
        yield
        return
    async with client.session() as session:
        tasks = [
            asyncio.ensure_future(Feed(source, surroundings).run())
            for source in sources(sections, axis, session)
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
