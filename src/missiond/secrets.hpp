#pragma once
#include <string>
#include <string_view>

namespace loadline::missiond {

/// RFC 4648 §5 without padding.
std::string base64url(std::string_view bytes);

/// `bytes` from the operating system's generator, as base64url.
std::string random_token(std::size_t bytes);

/// SHA-256 as 64 hex digits.
std::string sha256_hex(std::string_view text);

/// SHA-1 as 40 hex digits: how Redis names a script. Not for secrets.
std::string sha1_hex(std::string_view text);

/// Compares in a time that depends on the lengths alone.
bool same_secret(std::string_view a, std::string_view b);

/// PBKDF2-HMAC-SHA256 with a fresh random salt of 16 bytes: "pbkdf2-sha256$ROUNDS$SALT$HASH".
/// Takes about 0.23 µs per round.
std::string hash_password(std::string_view password, unsigned rounds);

/// Whether `password` gives `stored`. With an empty `stored` it works as long as for
/// `rounds` and is false, so that an unknown name is not answered sooner.
bool password_matches(std::string_view password, std::string_view stored, unsigned rounds);

}  // namespace loadline::missiond
