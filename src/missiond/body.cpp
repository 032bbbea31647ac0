#include "missiond/body.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <nlohmann/json.hpp>

namespace loadline::missiond {

/// Takes the parser's events and stops it at the first one that does not fit.
class BodyReader : public nlohmann::json_sax<nlohmann::json> {
public:
    explicit BodyReader(std::span<const FieldSpec> specs) : specs_{specs} {
        assert(specs.size() <= Fields::max);
    }

    Fields fields;
    std::optional<Problem> problem;

    bool null() override { return wrong_type("null"); }
    bool boolean(bool) override { return wrong_type("true or false"); }
    bool number_float(double, const std::string&) override { return wrong_type("a fraction"); }
    bool binary(binary_t&) override { return wrong_type("binary"); }
    bool start_array(std::size_t) override { return wrong_type("an array"); }
    bool end_array() override { return true; }
    bool number_integer(std::int64_t value) override { return whole(value); }
    bool number_unsigned(std::uint64_t value) override {
        constexpr auto top = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
        return whole(static_cast<std::int64_t>(std::min(value, top)));
    }

    bool string(std::string& value) override {
        if (!in_object_) return wrong_type("a string");
        const auto& spec = specs_[current_];
        if (spec.kind != FieldSpec::Kind::text) return wrong_type("a string");
        const auto size = static_cast<std::int64_t>(value.size());
        if (size < spec.low || size > spec.high) {
            return refuse("out_of_range", fmt::format("\"{}\" must have {} to {} bytes", spec.name,
                                                      spec.low, spec.high));
        }
        const auto control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
        if (std::any_of(value.begin(), value.end(), control)) {
            return refuse("out_of_range",
                          fmt::format("\"{}\" must have no control characters", spec.name));
        }
        fields.values_[current_] = std::move(value);
        return true;
    }

    bool start_object(std::size_t) override {
        if (in_object_) return wrong_type("an object");
        in_object_ = true;
        return true;
    }
    bool end_object() override { return true; }

    bool key(std::string& name) override {
        const auto at = std::find_if(specs_.begin(), specs_.end(),
                                     [&](const FieldSpec& spec) { return spec.name == name; });
        if (at == specs_.end()) {
            return refuse("unknown_field",
                          fmt::format("\"{}\" is not a field of this request", name.substr(0, 64)));
        }
        current_ = static_cast<std::size_t>(at - specs_.begin());
        if (fields.has(current_)) {
            return refuse("duplicate_field", fmt::format("\"{}\" is there twice", name));
        }
        return true;
    }

    bool parse_error(std::size_t at, const std::string&,
                     const nlohmann::json::exception&) override {
        return refuse("bad_json", fmt::format("the body is not JSON: byte {}", at));
    }

private:
    bool whole(std::int64_t value) {
        if (!in_object_) return wrong_type("a number");
        const auto& spec = specs_[current_];
        if (spec.kind != FieldSpec::Kind::whole) return wrong_type("a number");
        if (value < spec.low || value > spec.high) {
            return refuse("out_of_range", fmt::format("\"{}\" must be between {} and {}", spec.name,
                                                      spec.low, spec.high));
        }
        fields.values_[current_] = value;
        return true;
    }

    bool wrong_type(std::string_view got) {
        if (!in_object_) {
            return refuse("wrong_type", fmt::format("the body must be an object, not {}", got));
        }
        const auto& spec = specs_[current_];
        const auto* want = spec.kind == FieldSpec::Kind::text ? "a string" : "a whole number";
        return refuse("wrong_type", fmt::format("\"{}\" must be {}, not {}", spec.name, want, got));
    }

    bool refuse(std::string_view code, std::string message) {
        problem = Problem{400, code, std::move(message)};
        return false;
    }

    std::span<const FieldSpec> specs_;
    std::size_t current_ = 0;
    bool in_object_ = false;
};

Checked<Fields> read_body(std::string_view body, std::span<const FieldSpec> specs) {
    BodyReader reader{specs};
    if (!body.empty()) nlohmann::json::sax_parse(body.begin(), body.end(), &reader);
    if (reader.problem) return std::move(*reader.problem);
    for (std::size_t i = 0; i < specs.size(); ++i) {
        if (specs[i].required && !reader.fields.has(i)) {
            return Problem{400, "missing_field", fmt::format("\"{}\" is missing", specs[i].name)};
        }
    }
    return std::move(reader.fields);
}

}  // namespace loadline::missiond
