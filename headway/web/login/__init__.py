"""Who is at the other end: a login by OpenID Connect, a proxy's word with its proof, a token, or this machine's user.

Everything here ends in an `Identity`; what that one may do is decided by `headway.domain.policy.roles`.
"""
