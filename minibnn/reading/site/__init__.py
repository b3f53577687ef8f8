"""The lessons as a web site: plain files that a browser opens from a disk, without a network.

The pages lie as their Markdown does; `source/` holds coloured copies of the files of the repository that they link to.
"""

from minibnn.reading.site.building import write_site

__all__ = ["write_site"]
