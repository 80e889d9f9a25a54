"""The OpenID Connect discovery documents.

https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc
"""

from __future__ import annotations

from sandbox.entra import clients
from sandbox.model import JsonObject
from sandbox.urls import Urls
from sandbox.world import World

CLAIMS = [
    *("sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name", "msgraph_host", "aud"),
    *(
        "exp",
        "iat",
        "auth_time",
        "acr",
        "nonce",
        "preferred_username",
        "name",
        "tid",
        "ver",
        "at_hash",
        "c_hash",
        "email",
    ),
]


def configuration(world: World, urls: Urls, segment: str) -> JsonObject:
    """The OpenID configuration of a tenant, or of `organizations` and `common`."""
    any_tenant = segment.lower() in clients.ANY_TENANT
    tenant_id = segment if any_tenant else clients.tenant_of(world, segment).id
    base = f"{urls.entra}/{tenant_id}"
    issuer_id = "{tenantid}" if any_tenant else tenant_id
    return {
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": f"{base}/discovery/v2.0/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": f"{urls.entra}/{issuer_id}/v2.0",
        "request_uri_parameter_supported": False,
        "userinfo_endpoint": f"{urls.entra}/oidc/userinfo",
        "authorization_endpoint": f"{urls.sign_in}/{tenant_id}/oauth2/v2.0/authorize",
        "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        "http_logout_supported": True,
        "frontchannel_logout_supported": True,
        "end_session_endpoint": f"{urls.sign_in}/{tenant_id}/oauth2/v2.0/logout",
        "claims_supported": CLAIMS,
        "kerberos_endpoint": f"{base}/kerberos",
        "tenant_region_scope": None if any_tenant else "EU",
        "cloud_instance_name": "localhost",
        "cloud_graph_host_name": "localhost",
        "msgraph_host": urls.entra.removeprefix("https://"),
        "rbac_url": urls.entra,
    }


def instances(urls: Urls) -> JsonObject:
    """Instance discovery, which MSAL requests for an unknown host."""
    host = urls.entra.removeprefix("https://")
    return {
        "tenant_discovery_endpoint": f"{urls.entra}/organizations/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    }
