"""Forms of results for people: tables, findings, HTML pages, texts in pictures, and data for JSON.

Nothing here knows a metric, a palette or a file. Import from the modules: `tables` (terminal and
Markdown), `findings`, `html` (pages), `notebook`, `jsonable`, `text` (escaping) and `annotations`
(boxes, names and a legend).
"""
