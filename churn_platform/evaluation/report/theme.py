"""The report's look: one layout template for all figures, and the style sheet of the page.

What belongs here: fonts, margins, colours of the page. What does not: content.
"""

from __future__ import annotations

from typing import Any

from churn_platform.explanation.plots.palette import GRID, INK, LEAVING, MUTED, STAYING

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"


def framed(figure: Any, height: int | None = None) -> Any:
    """The figure in the report's look; `height` in pixels where the figure does not bring its own."""
    import plotly.graph_objects as go

    axis = {
        "gridcolor": GRID,
        "linecolor": "#c6ccd5",
        "zerolinecolor": "#9aa4b2",
        "zerolinewidth": 1,
        "zeroline": False,
        "tickfont": {"size": 12, "color": "#4b5768"},
        "title": {"font": {"size": 12.5, "color": "#4b5768"}, "standoff": 10},
        "automargin": True,
        "fixedrange": True,
    }
    template = go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": INK},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": {"l": 56, "r": 24, "t": 28, "b": 52},
            "colorway": [STAYING, LEAVING, MUTED],
            "xaxis": axis,
            "yaxis": axis,
            "hoverlabel": {"bgcolor": "#ffffff", "bordercolor": "#c6ccd5", "font": {"family": FONT, "color": INK}},
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 12.5}},
        }
    )
    figure.update_layout(template=template, dragmode=False)
    if height is not None:
        figure.update_layout(height=height)
    return figure


STYLE = f"""
:root {{ --ink: {INK}; --soft: #5a6678; --line: #e2e6ec; --paper: #ffffff; --ground: #f6f7f9;
  --leaving: {LEAVING}; --good: #1f7a4d; --bad: #b3261e; --unsure: #8a5a00; }}
* {{ box-sizing: border-box; }}
html {{ -webkit-text-size-adjust: 100%; }}
body {{ margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55 {FONT}; }}
main {{ max-width: 1080px; margin: 0 auto; padding: 0 24px 72px; }}
.banner {{ background: #fff1d6; color: #5c3b00; border-bottom: 2px solid #e0a52e; padding: 10px 24px;
  text-align: center; font-size: 15px; position: sticky; top: 0; z-index: 2; }}
header {{ padding: 40px 0 8px; display: grid; gap: 8px 56px; align-items: end;
  grid-template-columns: minmax(0, 1.5fr) minmax(0, 1fr); }}
header > .eyebrow, header > .callout {{ grid-column: 1 / -1; }}
.eyebrow {{ display: flex; flex-wrap: wrap; gap: 8px 18px; align-items: center; color: var(--soft); font-size: 14px; }}
.callout {{ border-radius: 12px; padding: 14px 18px; margin: 12px 0; }}
.callout ul {{ margin: 6px 0 0; padding-left: 20px; }}
h1 {{ font-size: clamp(25px, 3.6vw, 36px); line-height: 1.22; font-weight: 650; letter-spacing: -0.015em;
  margin: 18px 0 12px; text-wrap: balance; }}
h1 b {{ color: var(--leaving); font-weight: 700; white-space: nowrap; }}
h2 {{ font-size: 21px; line-height: 1.3; font-weight: 650; letter-spacing: -0.008em; margin: 0 0 4px; }}
h3 {{ font-size: 15px; font-weight: 650; margin: 0 0 2px; }}
p {{ margin: 0 0 10px; max-width: 46em; }}
.lead {{ color: var(--soft); }}
section {{ background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: 26px 28px 22px;
  margin-top: 20px; }}
section h3 {{ margin-top: 18px; }}
.two {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 6px 36px; }}
.two > * {{ min-width: 0; }}
.cards {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(178px, 1fr)); gap: 14px; margin-top: 20px; }}
.card {{ background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: 16px 18px 14px;
  display: flex; flex-direction: column; }}
.card .what {{ font-size: 13.5px; color: var(--soft); line-height: 1.4; flex: 1; }}
.card .value {{ font-size: 31px; font-weight: 650; letter-spacing: -0.02em; line-height: 1.25;
  font-variant-numeric: tabular-nums; }}
.card .range {{ font-size: 12.5px; color: var(--soft); font-variant-numeric: tabular-nums; line-height: 1.5;
  border-top: 1px solid var(--line); margin-top: 10px; padding-top: 8px; }}
.dots {{ display: flex; flex-wrap: wrap; gap: 20px 32px; margin: 0 0 10px; }}
.dots figure {{ margin: 0; width: 168px; }}
.dots svg {{ display: block; width: 100%; height: auto; }}
.dots figcaption {{ font-size: 13px; line-height: 1.45; color: var(--soft); margin-top: 8px; min-height: 56px; }}
.dots figcaption b {{ color: var(--ink); }}
.pill {{ display: inline-block; border-radius: 99px; padding: 1px 10px; font-size: 12.5px; font-weight: 650;
  white-space: nowrap; vertical-align: 1px; }}
.pass {{ background: #e2f3ea; color: var(--good); }}
.fail {{ background: #fde8e6; color: var(--bad); }}
.inconclusive {{ background: #fdf0d5; color: var(--unsure); }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; font-size: 14px; margin-top: 10px;
  font-variant-numeric: tabular-nums; }}
th {{ text-align: left; font-weight: 600; color: var(--soft); font-size: 13px; border-bottom: 1px solid #cfd5de;
  padding: 6px 14px 6px 0; vertical-align: bottom; }}
td {{ border-bottom: 1px solid var(--line); padding: 7px 14px 7px 0; vertical-align: top; }}
tr:last-child td {{ border-bottom: 0; }}
td .range {{ color: var(--soft); }}
td .figure {{ white-space: nowrap; }}
tr.group td {{ font-weight: 650; padding-top: 16px; }}
tr.sum td {{ background: #f8f9fb; }}
tr.sum td:first-child {{ padding-left: 8px; }}
.mono {{ font-family: ui-monospace, 'SF Mono', Menlo, Consolas, 'Liberation Mono', monospace; font-size: 12.5px;
  overflow-wrap: anywhere; }}
.plot {{ width: 100%; }}
.wide > .plot {{ min-width: 700px; }}
td:first-child {{ min-width: 96px; }}
.small {{ font-size: 13px; color: var(--soft); }}
section > p.small {{ max-width: 66em; margin-top: 12px; }}
noscript p {{ background: #fff1d6; padding: 10px 14px; border-radius: 8px; }}
@media (max-width: 820px) {{ header {{ grid-template-columns: 1fr; }} }}
@media (max-width: 640px) {{ main {{ padding: 0 14px 48px; }} section {{ padding: 20px 16px; }}
  header {{ padding-top: 24px; }} .cards {{ grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }} }}
@media print {{ body {{ background: #fff; }} section, .card {{ break-inside: avoid; border-color: #ddd; }} }}
"""
