"""The page's sections: a file and a template each. A section is a frozen dataclass of the values that it shows.

A function of the summary makes it, None where the sweep has nothing for it to show; `atlas.report.page` lists them.
"""
