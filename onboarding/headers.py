"""The security headers of the customers' pages. `syncportal.security_headers` adds them."""

# https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Content-Security-Policy
CUSTOMER_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
CUSTOMER_HEADERS = {
    "Content-Security-Policy": CUSTOMER_POLICY,
    # An invitation's link stands in the path, so no path may leave in a Referer. "no-referrer" would do that too, but
    # browsers then send "Origin: null" with our own forms (Fetch standard, "append a request Origin header"), which
    # Django's CSRF check refuses.
    "Referrer-Policy": "strict-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
