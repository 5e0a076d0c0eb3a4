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
.sortable th { cursor: pointer; user-select: none; white-space: nowrap; }
.sortable th:hover { color: var(--ink); }
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
"""

# A click on the head of a column sorts the rows of the table, a second click reverses them.
SCRIPT = """
document.querySelectorAll('.sortable th').forEach((head, column) => head.onclick = () => {
  const body = head.closest('table').tBodies[0], down = head.dataset.down !== '1';
  const value = row => { const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent : +cell.dataset.value; };
  const rows = [...body.rows].sort((a, b) => { const x = value(a), y = value(b);
    return typeof x === 'string' ? x.localeCompare(y) : y - x; });
  body.append(...(down ? rows : rows.reverse())); head.dataset.down = down ? '1' : '';
});
"""
