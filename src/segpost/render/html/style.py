"""The style of every page: light, dark and printed, on wide and on narrow screens."""

from segpost.render.findings import RULES

TOKENS = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --ink: #1b2330; --soft: #566172;
  --line: #dfe3ea; --accent: #2563c9; --code: #f0f2f6; --wrong: #c9202e; --hint: #566172;
  --likely: #a35c00; }
@media (prefers-color-scheme: dark) { :root { --page: #12161d; --card: #1a2029; --ink: #e6eaf1;
  --soft: #a3adbd; --line: #2c3542; --accent: #7fb0ff; --code: #11151b; --wrong: #ff7b84;
  --hint: #a3adbd; --likely: #f0a84b; } }
"""

FRAME = """
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink); overflow-wrap: break-word;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
.head, main, body > footer { max-width: 1160px; margin: 0 auto; padding: 0 20px; }
.head { padding-top: 36px; } body > footer { padding-top: 36px; padding-bottom: 44px; }
h1 { margin: 0; font-size: 2.1rem; line-height: 1.2; letter-spacing: -.02em; }
main > section:first-child { margin-top: 22px; }
h2 { margin: 40px 0 14px; font-size: 1.3rem; line-height: 1.3; scroll-margin-top: 12px; }
h3 { margin: 24px 0 10px; font-size: 1rem; }
p { margin: 6px 0; } .soft { color: var(--soft); } .small { font-size: .88rem; }
a { color: var(--accent); text-underline-offset: 3px; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
nav ul { display: flex; flex-wrap: wrap; gap: 6px 18px; margin: 14px 0 0; padding: 0;
  list-style: none; font-size: .92rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  overflow: hidden; }
.rows > * + *, section > .card + .card, .wide { margin-top: 20px; }
pre { margin: 0; padding: 18px 20px; overflow-x: auto; background: var(--code);
  font: 14px/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
body > footer { color: var(--soft); font-size: .88rem; }
body > footer code { overflow-wrap: anywhere; font-size: .95em; color: var(--ink);
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.notes { margin: 18px 0 0; padding: 0; list-style: none; color: var(--soft); }
.notes li { margin: 4px 0; }
section > .diagnosis .finding { background: var(--card); border-radius: 8px; }
.warn { margin-top: 20px; padding: 14px 18px; border-left: 4px solid var(--wrong); }
button { font: inherit; color: inherit; }
.compare, #viewer button { padding: 4px 12px; border: 1px solid var(--line); border-radius: 8px;
  background: var(--card); color: var(--accent); font-size: .88rem; cursor: pointer; }
.compare:hover, #viewer button:hover { border-color: var(--accent); }
:root:not(.scripted) .compare, :root:not(.scripted) .pair input { display: none; }
.facts { margin: 0; } .facts div { display: grid; grid-template-columns: minmax(110px, 160px) 1fr;
  gap: 4px 16px; padding: 9px 16px; border-bottom: 1px solid var(--line); }
.facts div:last-child { border-bottom: 0; } .facts dt { color: var(--soft); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
"""

TABLES = """
.scroll { overflow-x: auto; } .tall { max-height: 76vh; overflow: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 9px 16px; border-bottom: 1px solid var(--line); text-align: left;
  font-weight: 400; }
.number { text-align: right; white-space: nowrap; }
thead th { font-weight: 600; font-size: .85rem; color: var(--soft); white-space: nowrap;
  background: var(--card); }
.tall thead th { position: sticky; top: 0; z-index: 2; box-shadow: inset 0 -1px var(--line); }
tbody:last-child tr:last-child > * { border-bottom: 0; }
tfoot th, tfoot td { font-weight: 600; border-top: 2px solid var(--line); border-bottom: 0; }
tbody th, tfoot th { background: var(--card); overflow-wrap: break-word; min-width: 130px; }
thead button { all: unset; cursor: pointer; white-space: nowrap; }
thead button:hover, thead button:focus-visible { color: var(--ink); }
thead button:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
thead button span { display: inline-block; width: 1.1em; text-align: right; }
thead button span::before { content: "\\2195"; opacity: .45; }
[aria-sort=ascending] button span::before { content: "\\2191"; opacity: 1; }
[aria-sort=descending] button span::before { content: "\\2193"; opacity: 1; }
:root:not(.scripted) thead button span { display: none; }
.out > * { color: var(--soft); }
.tag { display: inline-block; margin-left: 8px; padding: 0 7px; border: 1px solid var(--line);
  border-radius: 9px; font-size: .75rem; color: var(--soft); white-space: nowrap; }
.swatch { display: inline-block; flex: none; width: 14px; height: 14px; border-radius: 4px;
  margin-right: 8px; vertical-align: -2px; outline: 1px solid #8888; outline-offset: -1px; }
.bar { display: inline-block; width: 110px; height: 8px; border-radius: 4px; overflow: hidden;
  vertical-align: 1px; margin-right: 12px; }
.track { fill: var(--line); } .fill { fill: var(--accent); } .out .fill { fill: var(--soft); }
.interval { display: block; width: 200px; height: 14px; margin: 0 0 2px auto; }
.interval line { stroke: var(--soft); stroke-width: 3; }
.interval .zero { stroke: var(--line); stroke-width: 1; }
.interval circle { fill: var(--accent); } .interval .fall { fill: var(--wrong); }
.side { display: grid; gap: 4px 20px; align-items: start; margin-top: 20px;
  grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); }
.side > * { min-width: 0; } .side h3 { margin-top: 8px; }
.side + .legend, .side + .rows { margin-top: 20px; }
"""

FIGURES = """
figure { margin: 0; min-width: 0; } figure img { display: block; width: 100%; }
figcaption { padding: 10px 16px; font-size: .92rem; color: var(--soft); }
figcaption strong { color: var(--ink); } figcaption .compare { margin-left: 6px; }
img { image-rendering: pixelated; } img.photograph { image-rendering: auto; }
.open { display: block; width: 100%; padding: 0; border: 0; background: none; }
.scripted .open { cursor: zoom-in; } .open:focus-visible { outline-offset: -3px; }
.for-dark { display: none !important; }
@media screen and (prefers-color-scheme: dark) { .for-dark { display: block !important; }
  .for-light { display: none !important; } }
.gallery, .panels { display: grid; gap: 20px;
  grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); }
.panels { gap: 2px; background: var(--line);
  grid-template-columns: repeat(auto-fit, minmax(min(240px, 48%), 1fr)); }
.panels figure { background: var(--code); } .panels figcaption { padding: 7px 14px; }
.set > p { padding: 0 18px 12px; }
.shot { margin-bottom: 20px; } .shot > header { padding: 12px 18px; display: flex; flex-wrap: wrap;
  gap: 4px 18px; align-items: baseline; } .shot > header strong { overflow-wrap: anywhere; }
.shot > .diagnosis { padding: 0 18px; }
.plot img { max-width: 100%; width: auto; margin: 0 auto; }
.plot .open { padding: 8px; } .plot.narrow { max-width: 560px; margin: 0 auto; }
.legend { max-height: 210px; overflow: auto; margin: 0 0 16px; }
.legend ul { display: flex; flex-wrap: wrap; gap: 6px 20px; margin: 0; padding: 2px;
  list-style: none; }
.legend li { overflow-wrap: anywhere; }
.pair { --cut: 50%; position: relative; display: grid; overflow: hidden; }
.pair img { grid-area: 1 / 1; width: 100%; height: 100%; min-height: 0; }
.pair img + img { clip-path: inset(0 0 0 var(--cut)); }
.pair:has(img + img)::after { content: ""; position: absolute; top: 0; bottom: 0;
  left: calc(var(--cut) - 1px); width: 2px; background: #fff; box-shadow: 0 0 4px #000a; }
.pair:has(input)::before { content: "\\2194"; position: absolute; z-index: 1; top: 50%;
  left: var(--cut); width: 34px; height: 34px; margin: -17px; border-radius: 50%; color: #1b2330;
  background: #fff; box-shadow: 0 0 5px #000a; font: 20px/34px sans-serif; text-align: center; }
:root:not(.scripted) .pair::before { display: none; }
.pair input { position: absolute; inset: 0; z-index: 2; width: 100%; height: 100%; margin: 0;
  opacity: 0; cursor: ew-resize; }
.pair:focus-within { outline: 3px solid var(--accent); outline-offset: -3px; }
#viewer { width: 100vw; height: 100dvh; max-width: none; max-height: none; margin: 0; padding: 0;
  border: 0; background: var(--page); color: var(--ink); }
#viewer[open] { display: flex; flex-direction: column; }
#viewer > header { display: flex; flex-wrap: wrap; gap: 8px 10px; align-items: center;
  padding: 10px 16px; border-bottom: 1px solid var(--line); }
#viewer-title { flex: 1 1 180px; font-weight: 500; font-size: .95rem; overflow-wrap: anywhere; }
#viewer-stage { flex: 1; min-height: 0; overflow: auto; display: grid; }
#viewer .pair { min-height: 0; } #viewer img { object-fit: contain; }
#viewer.actual .pair { place-self: center; } #viewer.actual img { width: auto; height: auto; }
"""

REPORTS = """
.tiles { display: grid; gap: 14px; margin-top: 26px; grid-template-columns: 1fr 2.1fr; }
.others { display: flex; flex-wrap: wrap; gap: 14px; }
.others .tile { flex: 1 1 158px; justify-content: space-between; }
.tile { padding: 14px 18px; display: flex; flex-direction: column; justify-content: center; }
.tile b { font-size: 1.5rem; font-weight: 650; letter-spacing: -.01em;
  font-variant-numeric: tabular-nums; }
.tiles > .tile b { font-size: 3.2rem; line-height: 1.15; }
.bins { display: block; width: 100%; height: 140px; padding: 18px 18px 0; }
.bins rect { fill: var(--accent); }
.ends { display: flex; justify-content: space-between; padding: 4px 18px 14px; }
.top { display: grid; grid-template-columns: 1fr 300px; gap: 20px; align-items: start; }
.top > * { min-width: 0; }
.areas { padding: 14px 20px; } .areas .legend { max-height: 420px; margin: 8px 0 0; }
.areas ul { display: block; } .areas li { display: flex; margin: 9px 0; }
.areas li .soft { margin-left: auto; padding-left: 12px; }
.thirds { display: grid; grid-template-columns: repeat(3, 1fr); text-align: center; }
"""

NARROW = """
@media (max-width: 820px) { .top, .tiles { grid-template-columns: 1fr; } }
@media (max-width: 560px) { .head { padding-top: 22px; } h1 { font-size: 1.7rem; }
  .head, main, body > footer { padding-left: 14px; padding-right: 14px; }
  th, td { padding: 8px 10px; } .others .tile { flex-basis: 130px; padding: 10px 14px; }
  .tile b { font-size: 1.3rem; } .tiles > .tile b { font-size: 2.6rem; }
  tbody th, tfoot th { position: sticky; left: 0; z-index: 1; max-width: 42vw; min-width: 92px; }
  .bar { width: 56px; margin-right: 8px; }
  .facts div { grid-template-columns: 1fr; } #viewer-title { flex-basis: 100%; } }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
"""

PRINT = """
@page { margin: 14mm; }
@media print {
  :root { color-scheme: light; --page: #fff; --card: #fff; --ink: #000; --soft: #3a4350;
    --line: #c9ced6; --accent: #1d4fa3; --code: #fff; --wrong: #a11420; --hint: #3a4350;
    --likely: #7a4500; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 10pt; } .head, main, body > footer { max-width: none; padding: 0; }
  body > footer { margin-top: 20px; }
  nav, #viewer, .compare, .set > p, .pair input, .pair::before, thead button span {
    display: none !important; }
  a { color: inherit; }
  h2, h3, .shot > header { break-after: avoid; } h2 { margin-top: 20px; }
  h1 { font-size: 20pt; }
  figure, thead, tr, .tile, .tiles, .warn, .finding, .facts div, .side > div {
    break-inside: avoid; }
  .side > div:has(tr:nth-child(25)) { break-inside: auto; }
  thead { display: table-header-group; } tfoot { display: table-row-group; }
  thead button { display: contents; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 8pt; padding: 10px 12px; }
  .card, .scroll, .tall, .legend { overflow: visible; max-height: none; }
  .tall thead th, tbody th { position: static; } .bar { width: 60px; }
  th, td { padding: 3px 6px; font-size: 8.5pt; } .facts div { padding: 4px 8px; }
  .side { grid-template-columns: 1fr; } .gallery { grid-template-columns: 1fr 1fr; gap: 12px; }
  .panels { grid-template-columns: none; grid-auto-flow: column; grid-auto-columns: 1fr; }
  .panels img { max-height: 7cm; object-fit: contain; } .shot { break-inside: avoid; }
  .plot img { max-height: 20cm; } section > figure .pair { max-width: 12cm; }
  .tile { padding: 6px 10px; } .tiles > .tile b { font-size: 2.2rem; }
  .tiles { grid-template-columns: 1fr 2.1fr; } .top { grid-template-columns: 1fr 220px; }
  .tile b { font-size: 1.1rem; } figcaption { padding: 5px 10px; }
}
"""

STYLE = TOKENS + FRAME + TABLES + FIGURES + REPORTS + RULES + NARROW + PRINT
