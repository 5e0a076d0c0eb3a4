"""Forms of results for people: tables, findings, HTML pages, and data for JSON.

Nothing here knows a metric, a palette or a file. Import from the modules: `tables` (terminal and
Markdown), `findings`, `html`, `jsonable` and `text` (escaping).
"""
