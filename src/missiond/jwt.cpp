#include "missiond/jwt.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "missiond/secrets.hpp"

namespace loadline::missiond {
namespace {

using Json = nlohmann::json;

/// base64url of {"alg":"HS256","typ":"JWT"}
constexpr std::string_view our_header = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

std::optional<std::string> from_base64url(std::string_view text) {
    std::string bytes;
    bytes.reserve(text.size() * 3 / 4);
    unsigned held = 0, bits = 0;
    for (const char c : text) {
        unsigned digit = 0;
        if (c >= 'A' && c <= 'Z')
            digit = static_cast<unsigned>(c - 'A');
        else if (c >= 'a' && c <= 'z')
            digit = static_cast<unsigned>(c - 'a') + 26;
        else if (c >= '0' && c <= '9')
            digit = static_cast<unsigned>(c - '0') + 52;
        else if (c == '-')
            digit = 62;
        else if (c == '_')
            digit = 63;
        else
            return {};
        held = (held << 6 | digit) & 0xffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes += static_cast<char>(held >> bits & 255);
        }
    }
    return bytes;
}

std::optional<Claims> read_claims(const std::string& text) {
    const auto json = Json::parse(text, nullptr, false);
    if (!json.is_object()) return {};
    const auto sub = json.find("sub"), role = json.find("role"), sid = json.find("sid"),
               exp = json.find("exp");
    const auto end = json.end();
    if (sub == end || role == end || sid == end || exp == end || !sub->is_string() ||
        !role->is_string() || !sid->is_string() || !exp->is_number_integer()) {
        return {};
    }
    Claims claims;
    const auto& id = sub->get_ref<const std::string&>();
    const auto [rest, ec] = std::from_chars(id.data(), id.data() + id.size(), claims.user);
    if (ec != std::errc{} || rest != id.data() + id.size()) return {};
    if (!from_string(role->get_ref<const std::string&>(), claims.role)) return {};
    claims.session = sid->get<std::string>();
    claims.expires = exp->get<std::int64_t>();
    return claims;
}

}  // namespace

std::string TokenSigner::signature(std::string_view text) const {
    std::array<char, EVP_MAX_MD_SIZE> mac{};
    unsigned size = 0;
    HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(mac.data()), &size);
    return base64url({mac.data(), size});
}

std::string TokenSigner::sign(const Claims& claims) const {
    const auto payload =
        fmt::format(R"({{"sub":"{}","role":"{}","sid":"{}","exp":{}}})", claims.user,
                    to_string(claims.role), claims.session, claims.expires);
    auto token = fmt::format("{}.{}", our_header, base64url(payload));
    const auto mac = signature(token);
    return token + "." + mac;
}

boost::system::result<Claims, TokenFault> TokenSigner::verify(std::string_view token,
                                                              std::int64_t now) const {
    const auto last = token.rfind('.');
    if (!token.starts_with(our_header) || last <= our_header.size() ||
        last == std::string_view::npos || token[our_header.size()] != '.') {
        return TokenFault::malformed;
    }
    if (!same_secret(signature(token.substr(0, last)), token.substr(last + 1))) {
        return TokenFault::forged;
    }
    const auto payload =
        from_base64url(token.substr(our_header.size() + 1, last - our_header.size() - 1));
    auto claims = payload ? read_claims(*payload) : std::nullopt;
    if (!claims) return TokenFault::malformed;
    if (claims->expires <= now) return TokenFault::expired;
    return std::move(*claims);
}

}  // namespace loadline::missiond
