"""Write the page of the claims ledger, docs/claims.md, from the declarations and the saved evidence."""

from pathlib import Path

from sphinx.application import Sphinx

from workbench.claims.page import context
from workbench.report.page import template

PAGE = """# Claims and verdicts

```{{raw}} html
<style>{style}</style>
{body}
```
"""


def write_claims(app: Sphinx) -> None:
    environment = template("claims.html.j2").environment
    body = environment.get_template("claims_body.html.j2").render(**context(notebooks="tutorials/{}.html"))
    style = environment.get_template("claims.css").render()
    lines = "\n".join(line for line in body.splitlines() if line.strip())
    (Path(app.srcdir) / "claims.md").write_text(PAGE.format(style=style, body=lines), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write_claims)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
