"""HTML pages: the one style, script, tables, figures, header and footer of every page.

A page is one file that loads nothing: images are inside, style and script are named by their
hashes, and no element has a style of its own. Import from the modules: `frame` (the page),
`tables`, `figures` (pictures, comparisons, legends), `pictures` (images as URLs), `style`,
`script`.
"""
