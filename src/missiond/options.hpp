#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "base/time.hpp"
#include "base/url.hpp"
#include "missiond/faults.hpp"

namespace loadline::missiond {

/// What the command line and the environment ask for.
struct Options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8080;
    unsigned threads = 1;
    std::optional<Url> store;  ///< nothing: memory
    std::optional<Url> users;  ///< nothing: the same as `store`
    bool strict_sessions = false;
    std::string admin_token;
    std::string jwt_secret;  ///< empty: a random one
    Duration token_life{};
    unsigned kdf_rounds = 0;
    Faults faults;
    std::string seed_demo;  ///< folder for the CSV files; empty: don't seed
};

/// What the command line amounts to when it is not a start: text for stdout (--help).
struct JustPrint {
    std::string text;
};

/// Usage errors name the flag. Reads MISSIOND_ADMIN_TOKEN and MISSIOND_JWT_SECRET.
Result<std::variant<Options, JustPrint>> parse_options(int argc, const char* const* argv);

}  // namespace loadline::missiond
