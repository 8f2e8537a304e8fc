"""What a policy of content security forbids in a page: scripts and styles that stand in it."""

from html.parser import HTMLParser


class _Inline(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        is_script = tag == "script" and "src" not in attributes and attributes.get("type") != "application/json"
        if is_script or tag == "style":
            self.found.append(tag)
        self.found += [f"{tag} {name}" for name in attributes if name == "style" or name.startswith("on")]


def inline(html):
    """Return each script, style and handler that stands in ``html`` itself."""
    parser = _Inline()
    parser.feed(html)
    parser.close()
    return parser.found
