"""The layout of the sandbox's pages: one template and one stylesheet, without third-party content.

The colours are those of Microsoft's sign-in pages. The banner on top says that this is a sandbox.
"""

from __future__ import annotations

import secrets
from html import escape

from werkzeug import Response

STYLE = """
:root{color-scheme:light dark;--ground:#f3f4f6;--card:#fff;--text:#1b1a19;--soft:#5c5b59;--line:#d6d5d3;
--accent:#0f6cbd;--on:#fff;--hover:#eef4fb;--warn:#8a4b00;--warn-ground:#fff4e2;--bad:#a4262c}
@media (prefers-color-scheme:dark){:root{--ground:#151515;--card:#212121;--text:#f2f1f0;--soft:#b8b6b3;--line:#444;
--accent:#479ef5;--on:#0b0b0b;--hover:#2b333c;--warn:#ffcf8a;--warn-ground:#3a2a10;--bad:#ff9ea1}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);font:16px/1.5 system-ui,"Segoe UI",Roboto,sans-serif}
.band{background:var(--warn-ground);color:var(--warn);text-align:center;padding:8px 16px;font-size:14px;font-weight:600}
main{max-width:480px;margin:24px auto;padding:24px;background:var(--card);
border:1px solid var(--line);border-radius:8px}
main.wide{max-width:820px}
@media (max-width:560px){main,main.wide{margin:0;border-width:0 0 1px;border-radius:0;padding:24px 16px}}
h1{font-size:25px;line-height:1.25;font-weight:600;margin:0 0 8px;overflow-wrap:anywhere}
h2{font-size:16px;font-weight:600;margin:24px 0 8px}
p{margin:0 0 12px;overflow-wrap:anywhere}.soft{color:var(--soft);font-size:14px}
a{color:var(--accent)}code,pre{font:14px/1.5 ui-monospace,Consolas,monospace;overflow-wrap:anywhere}
pre{white-space:pre-wrap;margin:0}
ul.plain{list-style:none;margin:0;padding:0}ul.plain>li{border-top:1px solid var(--line)}
ul.plain>li:last-child{border-bottom:1px solid var(--line)}
button{font:inherit;cursor:pointer}
.row{display:block;width:100%;text-align:left;padding:12px 8px;border:0;background:none;color:inherit;
text-decoration:none}
.row:hover{background:var(--hover)}.row b{font-weight:600}a.row code{color:var(--accent);text-decoration:underline}
.row span{display:block;font-size:14px;color:var(--soft);overflow-wrap:anywhere}
.acts{display:flex;flex-wrap:wrap;gap:8px;margin-top:24px;justify-content:flex-end}
.acts button,.acts a,.act{padding:8px 20px;min-height:40px;border:1px solid var(--line);border-radius:4px;
background:var(--card);color:var(--text);text-decoration:none;display:inline-block}
.acts button.main{background:var(--accent);border-color:var(--accent);color:var(--on);font-weight:600}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.bad{color:var(--bad);font-weight:600}
dl{display:grid;grid-template-columns:auto 1fr;gap:4px 16px;margin:0 0 16px;font-size:14px}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
label{display:flex;gap:8px;align-items:flex-start;margin:16px 0}input[type=checkbox]{margin-top:5px;flex:none}
iframe{width:100%;height:480px;border:1px solid var(--line);border-radius:4px;background:#fff;color-scheme:light}
"""
BANNER = "Sandbox: not Microsoft. Nothing here reaches a real organization."


def page(
    title: str, body: str, *, status: int = 200, wide: bool = False, script: str | None = None, frames: str = "'none'"
) -> Response:
    """A complete page. `title` is text, `body` is HTML."""
    nonce = secrets.token_urlsafe(16)
    code = f'<script nonce="{nonce}">{script}</script>' if script else ""
    kind = ' class="wide"' if wide else ""
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)} · sandbox</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,">'
        f'<style nonce="{nonce}">{STYLE}</style></head><body><header class="band">{escape(BANNER)}</header>'
        f"<main{kind}><h1>{escape(title)}</h1>{body}</main>{code}</body></html>"
    )
    response = Response(html, status=status, mimetype="text/html")
    # No form-action: browsers also apply it to the redirect after a form post, which goes to the client.
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src data:; "
        f"frame-src {frames}; base-uri 'none'; frame-ancestors 'none'"
    )
    # The client gets the origin of a posted response, as with Microsoft's pages.
    response.headers["Referrer-Policy"] = "strict-origin"
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def paragraph(text: str, kind: str = "") -> str:
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
