#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/rng.hpp"

namespace loadline {

/// The value of one variable of a session: its text, and whether it is a number (set
/// from random(), a counter, a numbers feeder or a JSON number), which decides how a JSON
/// body quotes it. Reused in place: assigning does not allocate once the text has grown.
struct Value {
    std::string text;
    bool number = false;
};

/// What a template may draw on while it renders. One per virtual user and render; cheap.
struct RenderContext {
    std::vector<Value>& variables;  ///< indexed as in the plan
    Rng& rng;                       ///< the worker's
    std::uint64_t& counter;         ///< the worker's `${counter}`: share, share + n, ...
    std::uint64_t counter_step = 1;
    std::uint64_t user_index = 0;
};

/// A text with `${...}` in it, compiled once: literals and functions in order. Rendering
/// appends to a buffer that the caller reuses; it allocates nothing once that has grown.
class Template {
public:
    /// How a substituted value is made safe for the place it stands in.
    enum class Escape : std::uint8_t {
        none,         ///< raw: bodies, set, Redis arguments
        json_string,  ///< inside a JSON string literal
        json_value,   ///< a whole JSON value: numbers bare, texts quoted and escaped
        header,       ///< CR, LF and NUL removed
        path,         ///< blanks, controls and non-ASCII percent-encoded; / ? & = kept
        form,         ///< application/x-www-form-urlencoded
    };

    struct Literal {
        std::string text;
        bool number = false;  ///< a number of the scenario, such as {"set": {"amount": 100}}
    };
    struct Variable {
        std::uint32_t index;
        Escape escape;
    };
    struct Random {
        std::int64_t low, high;
    };
    struct Uuid {};
    struct Counter {};
    struct Now {};      ///< milliseconds since the epoch
    struct IsoTime {};  ///< 2026-11-21T08:02:47.123Z
    struct UserIndex {};
    struct Base64 {
        std::uint32_t index;
        Escape escape;
    };  ///< of a variable
    using Segment =
        std::variant<Literal, Variable, Random, Uuid, Counter, Now, IsoTime, UserIndex, Base64>;

    Template() = default;
    explicit Template(std::vector<Segment> segments) : segments_{std::move(segments)} {}

    /// Appends the rendered text to `out`.
    void render(const RenderContext& context, std::string& out) const;
    /// Whether the whole template is one numeric function, one number or, at run time, one
    /// numeric variable.
    bool renders_number(const RenderContext& context) const;

    const std::vector<Segment>& segments() const { return segments_; }
    bool empty() const { return segments_.empty(); }

private:
    std::vector<Segment> segments_;
};

}  // namespace loadline
