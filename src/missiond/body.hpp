#pragma once
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "missiond/problem.hpp"

namespace loadline::missiond {

/// One field that a request's body may have.
struct FieldSpec {
    enum class Kind : std::uint8_t { text, whole };
    std::string_view name;
    Kind kind;
    bool required = true;
    std::int64_t low = 0;   ///< of a whole number; bytes of a text
    std::int64_t high = 0;  ///< both included
};

/// The values of a body, in the order of its specification.
class Fields {
public:
    static constexpr std::size_t max = 4;
    bool has(std::size_t i) const { return values_[i].index() != 0; }
    const std::string& text(std::size_t i) const { return std::get<std::string>(values_[i]); }
    std::int64_t whole(std::size_t i) const { return std::get<std::int64_t>(values_[i]); }
    std::int64_t whole_or(std::size_t i, std::int64_t absent) const {
        return has(i) ? whole(i) : absent;
    }

private:
    friend class BodyReader;
    std::array<std::variant<std::monostate, std::int64_t, std::string>, max> values_;
};

/// Reads a body that must be one flat JSON object with these fields and no others,
/// each at most once, of the right type and within its range. An empty body is an
/// empty object. Texts must be UTF-8 without control characters.
Checked<Fields> read_body(std::string_view body, std::span<const FieldSpec> specs);

}  // namespace loadline::missiond
