#include "missiond/secrets.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <vector>

namespace loadline::missiond {
namespace {

constexpr std::string_view scheme = "pbkdf2-sha256";

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string digest_hex(const EVP_MD* kind, std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_Digest(text.data(), text.size(), digest.data(), &size, kind, nullptr);
    std::string hex;
    for (unsigned i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
    return hex;
}

std::string pbkdf2(std::string_view password, std::string_view salt, unsigned rounds) {
    std::array<char, 32> key{};
    PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), bytes_of(salt),
                      static_cast<int>(salt.size()), static_cast<int>(rounds), EVP_sha256(),
                      static_cast<int>(key.size()), reinterpret_cast<unsigned char*>(key.data()));
    return base64url({key.data(), key.size()});
}

/// Cuts the text up to the next '$' off.
std::string_view next_part(std::string_view& rest) {
    const auto part = rest.substr(0, rest.find('$'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    return part;
}

}  // namespace

std::string base64url(std::string_view bytes) {
    constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string text;
    text.reserve((bytes.size() * 4 + 2) / 3);
    unsigned held = 0, bits = 0;
    for (const char c : bytes) {
        held = (held << 8 | static_cast<unsigned char>(c)) & 0xffff;
        for (bits += 8; bits >= 6; bits -= 6) text += digits[held >> (bits - 6) & 63];
    }
    if (bits > 0) text += digits[held << (6 - bits) & 63];
    return text;
}

std::string random_token(std::size_t bytes) {
    std::string raw(bytes, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(raw.data()), static_cast<int>(bytes)) != 1) {
        std::abort();  // no randomness, no secrets
    }
    return base64url(raw);
}

std::string sha256_hex(std::string_view text) { return digest_hex(EVP_sha256(), text); }
std::string sha1_hex(std::string_view text) { return digest_hex(EVP_sha1(), text); }

bool same_secret(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string hash_password(std::string_view password, unsigned rounds) {
    const auto salt = random_token(16);
    return fmt::format("{}${}${}${}", scheme, rounds, salt, pbkdf2(password, salt, rounds));
}

bool password_matches(std::string_view password, std::string_view stored, unsigned rounds) {
    if (stored.empty()) return pbkdf2(password, "nobody", rounds).empty();
    auto rest = stored;
    if (next_part(rest) != scheme) return false;
    const auto count = next_part(rest);
    unsigned used = 0;
    std::from_chars(count.data(), count.data() + count.size(), used);
    const auto salt = next_part(rest);
    return used > 0 && same_secret(pbkdf2(password, salt, used), rest);
}

}  // namespace loadline::missiond
