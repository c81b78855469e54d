"""The report that people read: one page of HTML, and the same shorter as Markdown.

`page.html_report` and `markdown.markdown_report` make them from an `Inventory` and what stands
`Beside` it; both are pure, and the same run gives the same bytes.
"""
