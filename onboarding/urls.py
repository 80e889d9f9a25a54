"""The URLs on the hosts of UMP instances. The first middleware refuses other paths there."""

from django.urls import path, re_path

from onboarding import tokens
from onboarding.views import allow, assets, callback, existing, landing, progress, registration, sharing, sign_in

urlpatterns = [
    path("", landing.portal),
    path("authenticate", landing.portal, name="portal"),
    path("authenticate/", landing.portal),
    path("authenticate/OAuth2Callback", callback.callback, name="callback"),
    path("authenticate/assets/<str:name>", assets.asset, name="asset"),
    path("authenticate/registration", registration.registration, name="registration"),
    path("authenticate/sign-in/<uuid:sign_in_id>", sign_in.sign_in, name="sign_in"),
    path("authenticate/sign-in/<uuid:sign_in_id>/again", callback.try_again, name="try_again"),
    path("authenticate/allow", allow.allow, name="allow"),
    path("authenticate/progress", progress.progress, name="progress"),
    path("authenticate/progress/sign-in", progress.sign_in_again, name="sign_in_again"),
    path("authenticate/progress/look-again", existing.look_again, name="look_again"),
    path("authenticate/done", progress.done, name="done"),
    re_path(rf"^authenticate/(?P<token>{tokens.LINK_PATTERN})\Z", landing.landing, name="landing"),
    re_path(rf"^authenticate/(?P<token>{tokens.LINK_PATTERN})/choose/?\Z", landing.choose, name="choose"),
    re_path(rf"^authenticate/(?P<token>{tokens.LINK_PATTERN})/start/?\Z", landing.start, name="start"),
    re_path(rf"^authenticate/(?P<token>{tokens.LINK_PATTERN})/forward/?\Z", sharing.forward, name="forward"),
    re_path(rf"^authenticate/(?P<token>{tokens.LINK_PATTERN})/security/?\Z", sharing.for_security, name="for_security"),
    re_path(rf"^authenticate/(?P<token>{tokens.LINK_PATTERN})/existing/?\Z", existing.existing, name="existing"),
    # With what a mail program or a sentence stuck to it, or broken by it.
    re_path(r"^authenticate/(?!assets/)(?P<text>[\s\S]{43,500})\Z", landing.changed_link),
]
handler400 = "onboarding.views.error_pages.bad_request"
handler403 = "onboarding.views.error_pages.forbidden"
handler404 = "onboarding.views.error_pages.not_found"
handler500 = "onboarding.views.error_pages.server_error"
