"""PURE. A panel of ours as one of Grafana's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from string import ascii_uppercase
from typing import Final

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    prometheus,
    stat,
    statetimeline,
    table,
    text,
    timeseries,
)
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as values
from grafana_foundation_sdk.models import dashboard as grafana
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode

from wattgram_grafana.spec import SERIES_LINK, Column, Kind, Panel, Query

DATASOURCE: Final = grafana.DataSourceRef(type_val="prometheus", uid="${datasource}")


def rendered(panel: Panel, number: int, place: grafana.GridPos) -> grafana.Panel:
    """Return the panel with its id, its place and its queries, named A, B and so on."""
    made = _MAKERS[panel.kind](panel)
    made.id_val = number
    made.title = panel.title
    made.description = panel.about
    made.grid_pos = place
    if panel.kind is Kind.TEXT:
        return made
    made.datasource = DATASOURCE
    made.targets = [
        _query(query, name, panel.kind)
        for query, name in zip(panel.queries, ascii_uppercase, strict=False)
    ]
    made.field_config = grafana.FieldConfigSource(
        defaults=_defaults(panel, made), overrides=[_override(one) for one in panel.columns]
    )
    if panel.interval:
        made.interval = panel.interval
    if panel.kind is Kind.TABLE:
        made.transformations = _arranged(panel.columns)
    return made


def _query(query: Query, name: str, kind: Kind) -> Dataquery:
    made = prometheus.Dataquery().ref_id(name).expr(query.expr).datasource(DATASOURCE)
    made = made.instant() if query.ends else made.range()
    made = made.legend_format(query.legend or "__auto")
    if kind is Kind.TABLE:
        made = made.format(PromQueryFormat.TABLE)
    return made.build()


def _defaults(panel: Panel, made: grafana.Panel) -> grafana.FieldConfig:
    defaults = made.field_config.defaults if made.field_config else grafana.FieldConfig()
    defaults.unit = panel.unit
    defaults.no_value = panel.empty
    defaults.decimals = panel.decimals
    defaults.min_val = panel.least
    defaults.max_val = panel.most
    steps = [grafana.Threshold(value=None, color=panel.base)]
    steps += [grafana.Threshold(value=value, color=color) for value, color in panel.steps]
    defaults.thresholds = grafana.ThresholdsConfig(
        mode=grafana.ThresholdsMode.ABSOLUTE, steps=steps
    )
    defaults.color = grafana.FieldColor(mode=_color_mode(panel))
    if panel.states:
        defaults.mappings = [_mapping(panel.states)]
    if panel.links_to_host:
        defaults.links = [_link(SERIES_LINK)]
    return defaults


def _color_mode(panel: Panel) -> grafana.FieldColorModeId:
    if panel.kind is Kind.SERIES:
        return grafana.FieldColorModeId.PALETTE_CLASSIC_BY_NAME
    return grafana.FieldColorModeId.THRESHOLDS


def _mapping(states: Mapping[int, tuple[str, str]]) -> grafana.ValueMap:
    return grafana.ValueMap(
        options={
            str(value): grafana.ValueMappingResult(text=words, color=color, index=place)
            for place, (value, (words, color)) in enumerate(states.items())
        }
    )


def _link(url: str) -> grafana.DashboardLink:
    return grafana.DashboardLink(
        title="Show this host", type_val=grafana.DashboardLinkType.LINK, url=url, icon="",
        tooltip="", tags=[],
    )  # fmt: skip


def _override(column: Column) -> grafana.DashboardFieldConfigSourceOverrides:
    properties: list[tuple[str, object]] = []
    if column.unit:
        properties.append(("unit", column.unit))
    if column.decimals is not None:
        properties.append(("decimals", column.decimals))
    if column.states:
        properties.append(("mappings", [_mapping(column.states).to_json()]))
        properties.append(("custom.cellOptions", {"type": "color-text"}))
    if column.link:
        properties.append(("links", [{"title": "Show this host", "url": column.link}]))
    return grafana.DashboardFieldConfigSourceOverrides(
        matcher=grafana.MatcherConfig(id_val="byName", options=column.title),
        properties=[grafana.DynamicConfigValue(id_val=key, value=to) for key, to in properties],
    )


def _arranged(columns: tuple[Column, ...]) -> list[grafana.DataTransformerConfig]:
    """One table of all queries: our columns, in our order, under our names, and no other."""
    return [
        grafana.DataTransformerConfig(id_val="merge", options={}),
        grafana.DataTransformerConfig(
            id_val="filterFieldsByName",
            options={"include": {"names": [one.source for one in columns]}},
        ),
        grafana.DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": {},
                "indexByName": {one.source: place for place, one in enumerate(columns)},
                "renameByName": {one.source: one.title for one in columns},
            },
        ),
    ]


def _stat(panel: Panel) -> grafana.Panel:
    several = len(panel.queries) > 1
    return (
        stat.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .graph_mode(values.BigValueGraphMode.NONE)
        .color_mode(values.BigValueColorMode.VALUE)
        .text_mode(
            values.BigValueTextMode.VALUE_AND_NAME if several else values.BigValueTextMode.VALUE
        )
        .build()
    )


def _series(panel: Panel) -> grafana.Panel:
    made = (
        timeseries.Panel()
        .line_width(1)
        .fill_opacity(80 if panel.bars else 25 if panel.stacked else 0)
        .draw_style(values.GraphDrawStyle.BARS if panel.bars else values.GraphDrawStyle.LINE)
        .show_points(values.VisibilityMode.AUTO)
        .span_nulls(span_nulls=False)
        .tooltip(
            common.VizTooltipOptions()
            .mode(values.TooltipDisplayMode.MULTI)
            .sort(values.SortOrder.DESCENDING)
        )
        .legend(
            common.VizLegendOptions()
            .display_mode(values.LegendDisplayMode.TABLE)
            .placement(values.LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
            .calcs(["sum"] if panel.bars else ["mean", "lastNotNull"])
        )
    )
    if panel.stacked:
        made = made.stacking(common.StackingConfig().mode(values.StackingMode.NORMAL).group("A"))
    if panel.steps:
        made = made.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(values.GraphThresholdsStyleMode.DASHED)
        )
    return made.build()


def _bars(_: Panel) -> grafana.Panel:
    return (
        bargauge.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .orientation(values.VizOrientation.HORIZONTAL)
        .display_mode(values.BarGaugeDisplayMode.BASIC)
        .build()
    )


def _states(_: Panel) -> grafana.Panel:
    return (
        statetimeline.Panel()
        .show_value(values.VisibilityMode.NEVER)
        .merge_values(merge_values=True)
        .row_height(0.8)
        .fill_opacity(85)
        .legend(
            common.VizLegendOptions()
            .display_mode(values.LegendDisplayMode.LIST)
            .placement(values.LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
        )
        .build()
    )


def _table(_: Panel) -> grafana.Panel:
    return table.Panel().filterable(filterable=True).build()


def _text(panel: Panel) -> grafana.Panel:
    return text.Panel().mode(TextMode.MARKDOWN).content(panel.text).build()


_MAKERS: Final[Mapping[Kind, Callable[[Panel], grafana.Panel]]] = {
    Kind.STAT: _stat,
    Kind.SERIES: _series,
    Kind.BARS: _bars,
    Kind.STATES: _states,
    Kind.TABLE: _table,
    Kind.TEXT: _text,
}
