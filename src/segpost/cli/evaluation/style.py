"""Style and script of the HTML report of `segpost evaluate`, beside those of every page."""

STYLE = """
.tiles { display: grid; gap: 14px; margin-top: 26px; grid-template-columns: 1fr 2.1fr; }
.others { display: flex; flex-wrap: wrap; gap: 14px; }
.others .tile { flex: 1 1 158px; justify-content: space-between; }
.tile { padding: 14px 18px; display: flex; flex-direction: column; justify-content: center; }
.tile b { font-size: 1.5rem; font-weight: 650; letter-spacing: -.01em;
  font-variant-numeric: tabular-nums; }
.tiles > .tile b { font-size: 3.2rem; line-height: 1.15; }
@media (max-width: 820px) { .tiles { grid-template-columns: 1fr; } }
.warn { margin-top: 20px; padding: 14px 18px; border-left: 4px solid var(--wrong); }
ul.notes { margin: 18px 0 0; padding: 0; list-style: none; color: var(--soft); }
ul.notes li { margin: 4px 0; }
.bar { display: grid; grid-template-columns: minmax(90px, 1fr) 4.2em; align-items: center;
  gap: 12px; } .bar span { height: 8px; border-radius: 4px; background: var(--line);
  overflow: hidden; } .bar i { display: block; height: 100%; background: var(--accent); }
.bar em { font-style: normal; }
.out td { color: var(--soft); } .out .bar i { background: var(--soft); }
.sortable td { white-space: nowrap; }
.tag { margin-left: 8px; padding: 1px 7px; border: 1px solid var(--line); border-radius: 9px;
  font-size: .75rem; color: var(--soft); white-space: nowrap; }
.sortable th button { all: unset; cursor: pointer; white-space: nowrap; }
.sortable th button:hover, .sortable th button:focus-visible { color: var(--ink); }
.sortable th button:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; }
.sortable th[aria-sort=ascending] button::after { content: " \\2191"; }
.sortable th[aria-sort=descending] button::after { content: " \\2193"; }
.matrix img { display: block; max-width: 100%; margin: 0 auto; }
.matrix.large img { cursor: zoom-in; } .matrix.full img { max-width: none; cursor: zoom-out; }
.two { display: grid; gap: 20px; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); }
.packed { columns: 440px 2; column-gap: 20px; }
.packed > div { break-inside: avoid; margin-bottom: 20px; } .packed h3 { margin-top: 0; }
.bins { display: flex; align-items: flex-end; gap: 3px; height: 120px; padding: 18px 18px 0; }
.bins i { flex: 1; background: var(--accent); border-radius: 3px 3px 0 0; min-height: 1px; }
.ends { display: flex; justify-content: space-between; padding: 4px 18px 14px; }
.shot { margin-bottom: 20px; } .shot header { padding: 12px 18px; display: flex; flex-wrap: wrap;
  gap: 4px 18px; align-items: baseline; } .shot header strong { overflow-wrap: anywhere; }
.panels { display: grid; gap: 2px; background: var(--line);
  grid-template-columns: repeat(auto-fit, minmax(min(240px, 50%), 1fr)); }
.panels figure { background: var(--code); } .panels figcaption { padding: 7px 14px; }
.panels img { image-rendering: pixelated; } .panels img.photo { image-rendering: auto; }
.keys { display: flex; flex-wrap: wrap; gap: 6px 20px; margin: 0 0 16px; }
@media print { .tiles, .shot, .tile { break-inside: avoid; } .others { gap: 8px; }
  .tile { padding: 6px 10px; } .tiles > .tile b { font-size: 2.2rem; }
  .sortable th, .sortable td { padding: 3px 6px; font-size: 8.5pt; }
  .bar { grid-template-columns: minmax(40px, 1fr) 4.2em; }
  .panels { grid-template-columns: none; grid-auto-flow: column; grid-auto-columns: 1fr; }
  .tiles { grid-template-columns: 1fr 2.1fr; } }
"""

# The button of a column sorts the rows of the table, and reverses them when pressed again. Numbers
# begin with the largest, words with the first.
SCRIPT = """
document.querySelectorAll('.sortable th button').forEach(button => {
  const head = button.closest('th'), column = head.cellIndex;
  button.onclick = () => {
    const body = head.closest('table').tBodies[0];
    const isNumber = body.rows[0] && body.rows[0].cells[column].dataset.value !== undefined;
    const cell = row => row.cells[column];
    const value = row => isNumber ? +cell(row).dataset.value : cell(row).textContent;
    const before = head.getAttribute('aria-sort');
    const first = isNumber ? 'descending' : 'ascending';
    const second = isNumber ? 'ascending' : 'descending';
    const order = before === first ? second : first;
    const rows = [...body.rows].sort((a, b) => isNumber ? value(a) - value(b)
      : value(a).localeCompare(value(b)));
    body.append(...(order === 'ascending' ? rows : rows.reverse()));
    head.parentNode.querySelectorAll('th').forEach(th => th.setAttribute('aria-sort', 'none'));
    head.setAttribute('aria-sort', order);
  };
});
"""
