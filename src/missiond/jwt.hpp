#pragma once
#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "missiond/types.hpp"

namespace loadline::missiond {

/// What an access token says about its bearer.
struct Claims {
    UserId user = 0;
    Role role = Role::viewer;
    std::string session;       ///< id of the session it belongs to
    std::int64_t expires = 0;  ///< seconds since 1970
};

enum class TokenFault : std::uint8_t { malformed, forged, expired };

/// Signs and verifies access tokens: JWT, HS256. Verification is one HMAC and
/// needs no store. Only tokens with our own header are taken, so no other
/// algorithm ("none") can be slipped in. Immutable, thread-safe.
class TokenSigner {
public:
    explicit TokenSigner(std::string secret) : secret_{std::move(secret)} {}

    std::string sign(const Claims& claims) const;

    /// `now`: seconds since 1970; a token is good until, not at, its expiry.
    boost::system::result<Claims, TokenFault> verify(std::string_view token,
                                                     std::int64_t now) const;

private:
    std::string signature(std::string_view text) const;
    std::string secret_;
};

}  // namespace loadline::missiond
