#include "scenario/validate.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/units.hpp"
#include "scenario/shape.hpp"

namespace loadline {
namespace {

using Json = nlohmann::ordered_json;

unsigned kind_of(const Json& value) {
    if (value.is_null()) return kind_null;
    if (value.is_boolean()) return kind_boolean;
    if (value.is_number()) return kind_number;
    if (value.is_string()) return kind_text;
    return value.is_array() ? kind_list : kind_object;
}

std::string_view kind_name(const Json& value) {
    switch (kind_of(value)) {
        case kind_null:
            return "null";
        case kind_boolean:
            return value.get<bool>() ? "true" : "false";
        case kind_number:
            return "a number";
        case kind_text:
            return "a text";
        case kind_list:
            return "a list";
        default:
            return "an object";
    }
}

/// What people call the value at a pointer: "rate", or entry 2 of "slo".
std::string name_of(std::string_view pointer) {
    const auto last = pointer.substr(pointer.rfind('/') + 1);
    const bool index = !last.empty() && last.size() < 10 &&
                       last.find_first_not_of("0123456789") == std::string_view::npos;
    if (!index) {
        return fmt::format("\"{}\"", last);
    }
    const auto list = pointer.substr(0, pointer.rfind('/'));
    return fmt::format("entry {} of \"{}\"", std::stoul(std::string{last}) + 1,
                       list.substr(list.rfind('/') + 1));
}

class Validator {
public:
    explicit Validator(std::vector<Diagnostic>& out) : out_{out} {}

    void scenario(const Json& json) {
        if (!object(json, "", scenario_shape)) return;
        members(json, "", "targets", [&](const Json& url, const std::string& at) {
            require(url, at, kind_text, "a URL such as \"http://127.0.0.1:8080\"");
        });
        elements(json, "", "slo", [&](const Json& clause, const std::string& at) {
            require(clause, at, kind_text, "a text such as \"p99 < 100ms\"");
        });
        load(json);
        member(json, "", "churn", churn_shape);
        member(json, "", "tls", tls_shape);
        member(json, "", "timeouts", timeouts_shape);
        member(json, "", "dns", dns_shape);
        members(json, "", "data", [&](const Json& feeder, const std::string& at) {
            object(feeder, at, feeder_shape);
        });
        members(json, "", "sessions", [&](const Json& pool, const std::string& at) {
            if (object(pool, at, pool_shape)) steps(pool, at, "start");
        });
        steps(json, "", "setup");
        members(json, "", "journeys", [&](const Json& journey, const std::string& at) {
            if (object(journey, at, journey_shape)) steps(journey, at, "steps");
        });
        member(json, "", "watch", watch_shape);
        if (json.contains("watch")) probes(json["watch"]);
    }

private:
    void add(std::string pointer, std::string message, std::string hint, bool about_key = false) {
        Diagnostic diagnostic;
        diagnostic.pointer = std::move(pointer);
        diagnostic.message = std::move(message);
        diagnostic.hint = std::move(hint);
        diagnostic.about_key = about_key;
        out_.push_back(std::move(diagnostic));
    }

    bool require(const Json& value, const std::string& pointer, unsigned kinds,
                 std::string_view want) {
        if ((kind_of(value) & kinds) != 0) return true;
        add(pointer, fmt::format("{} must be {}, not {}", name_of(pointer), want, kind_name(value)),
            "");
        return false;
    }

    /// Holds an object's keys against its shape. False when it is no object at all.
    bool object(const Json& value, const std::string& pointer, const ObjectShape& shape) {
        if (!value.is_object()) {
            add(pointer, fmt::format("{} must be an object, not {}", shape.name, kind_name(value)),
                "");
            return false;
        }
        for (const auto& [key, member] : value.items()) check_key(key, member, pointer, shape);
        for (const auto& key : shape.keys) {
            if (!key.required || value.contains(key.key)) continue;
            add(pointer, fmt::format("\"{}\" is missing in {}", key.key, shape.name),
                fmt::format("add \"{}\": {}", key.key, key.want), true);
        }
        return true;
    }

    void check_key(const std::string& key, const Json& member, const std::string& pointer,
                   const ObjectShape& shape) {
        const auto at = pointer_to(pointer, key);
        const auto known = std::find_if(shape.keys.begin(), shape.keys.end(),
                                        [&](const KeyShape& k) { return k.key == key; });
        if (known != shape.keys.end()) {
            require(member, at, known->kinds, known->want);
            return;
        }
        if (std::find(shape.later.begin(), shape.later.end(), key) != shape.later.end()) {
            add(at, fmt::format("key \"{}\" is not served by this version of loadline", key),
                "leave it out; nothing would be done with it", true);
            return;
        }
        std::vector<std::string_view> names;
        for (const auto& k : shape.keys) names.push_back(k.key);
        const auto near = nearest_word(key, names);
        add(at, fmt::format("{} has no key \"{}\"", shape.name, key),
            near.empty() ? fmt::format("its keys are {}", fmt::join(names, ", "))
                         : fmt::format("did you mean \"{}\"?", near),
            true);
    }

    void member(const Json& parent, const std::string& pointer, const char* key,
                const ObjectShape& shape) {
        const auto found = parent.find(key);
        if (found != parent.end() && found->is_object()) {
            object(*found, pointer_to(pointer, key), shape);
        }
    }

    template <class Visit>
    void members(const Json& parent, const std::string& pointer, const char* key, Visit visit) {
        const auto found = parent.find(key);
        if (found == parent.end() || !found->is_object()) return;
        const auto at = pointer_to(pointer, key);
        for (const auto& [name, value] : found->items()) visit(value, pointer_to(at, name));
    }

    template <class Visit>
    void elements(const Json& parent, const std::string& pointer, const char* key, Visit visit) {
        const auto found = parent.find(key);
        if (found == parent.end() || !found->is_array()) return;
        const auto at = pointer_to(pointer, key);
        for (std::size_t i = 0; i < found->size(); ++i) visit((*found)[i], pointer_to(at, i));
    }

    void load(const Json& json) {
        const auto found = json.find("load");
        if (found == json.end() || !found->is_object()) return;
        object(*found, "/load", load_shape);
        elements(*found, "/load", "stages",
                 [&](const Json& one, const std::string& at) { stage(one, at); });
    }

    void probes(const Json& watch) {
        member(watch, "/watch", "probes", probes_shape);
        members(watch, "/watch", "probes", [&](const Json& probe, const std::string& at) {
            if (probe.is_object()) object(probe, at, probe_shape);
        });
    }

    void stage(const Json& value, const std::string& at) {
        constexpr std::string_view forms =
            R"(a stage is {"to": "500/s", "over": "30s"} or {"hold": "2m"})";
        if (!value.is_object()) {
            return add(at, fmt::format("a stage must be an object, not {}", kind_name(value)),
                       std::string{forms});
        }
        if (value.empty()) return add(at, "this stage says nothing to do", std::string{forms});
        object(value, at, value.contains("hold") ? hold_shape : ramp_shape);
    }

    void steps(const Json& parent, const std::string& pointer, const char* key) {
        elements(parent, pointer, key,
                 [&](const Json& one, const std::string& at) { step(one, at); });
    }

    void step(const Json& value, const std::string& at) {
        if (!value.is_object()) {
            add(at, fmt::format("a step must be an object, not {}", kind_name(value)),
                R"(such as {"name": "home", "http": "GET service/"})");
            return;
        }
        const struct {
            const char* key;
            const ObjectShape& shape;
        } kinds[] = {{"set", set_shape},
                     {"think", think_shape},
                     {"http", http_shape},
                     {"redis", redis_shape}};
        const auto has = [&](const auto& kind) { return value.contains(kind.key); };
        const auto found = std::find_if(std::begin(kinds), std::end(kinds), has);
        if (found == std::end(kinds)) return no_kind(value, at);
        for (auto other = found + 1; other != std::end(kinds); ++other) {
            if (!value.contains(other->key)) continue;
            return add(pointer_to(at, other->key),
                       fmt::format("a step is either \"{}\" or \"{}\"", found->key, other->key),
                       "make two steps of it", true);
        }
        object(value, at, found->shape);
        parts_of(value, at, found->key);
    }

    void no_kind(const Json& value, const std::string& at) {
        for (const auto name : later_steps) {
            const std::string key{name};
            if (!value.contains(key)) continue;
            return add(pointer_to(at, key),
                       fmt::format("key \"{}\" is not served by this version of loadline", key),
                       "steps are \"http\", \"redis\", \"set\" and \"think\"", true);
        }
        for (const auto& [key, member] : value.items()) {
            const auto near =
                nearest_word(key, std::vector<std::string_view>{"set", "think", "http", "redis"});
            if (near.empty() || http_keys_know(key)) continue;
            return add(pointer_to(at, key), fmt::format("a step has no key \"{}\"", key),
                       fmt::format("did you mean \"{}\"?", near), true);
        }
        add(at, "this step says nothing to do",
            "a step has one of \"http\", \"redis\", \"set\" and \"think\"");
    }

    static bool http_keys_know(std::string_view key) {
        return std::any_of(http_shape.keys.begin(), http_shape.keys.end(),
                           [&](const KeyShape& k) { return k.key == key; });
    }

    /// The objects inside a step.
    void parts_of(const Json& value, const std::string& at, std::string_view kind) {
        const auto texts = [&](const char* key, unsigned kinds, std::string_view want) {
            members(value, at, key, [&, kinds, want](const Json& v, const std::string& p) {
                require(v, p, kinds, want);
            });
        };
        if (kind == "set") texts("set", kind_text | kind_number, "a text or a number");
        if (kind == "http") {
            texts("headers", kind_text, "a text");
            texts("form", kind_text | kind_number | kind_boolean, "a text, a number or a boolean");
            member(value, at, "expect", http_expect_shape);
            if (value.contains("expect") && value["expect"].is_object()) {
                members(value["expect"], pointer_to(at, "expect"), "headers",
                        [&](const Json& v, const std::string& p) {
                            require(v, p, kind_text, "a text");
                        });
            }
        }
        if (kind == "redis") {
            elements(value, at, "redis", [&](const Json& v, const std::string& p) {
                require(v, p, kind_text | kind_number, "a text or a number");
            });
            member(value, at, "expect", redis_expect_shape);
        }
        texts("capture", kind_text, "a place such as \"/accessToken\"");
        one_body(value, at);
    }

    void one_body(const Json& value, const std::string& at) {
        std::string_view first;
        for (const char* key : {"json", "body", "form"}) {
            if (!value.contains(key)) continue;
            if (!first.empty()) {
                add(pointer_to(at, key),
                    fmt::format("a request has one body: \"{}\" or \"{}\"", first, key),
                    "keep one of them", true);
            }
            first = first.empty() ? key : first;
        }
    }

    std::vector<Diagnostic>& out_;
};

}  // namespace

std::vector<Diagnostic> validate_structure(const Json& json) {
    std::vector<Diagnostic> problems;
    Validator{problems}.scenario(json);
    return problems;
}

}  // namespace loadline
