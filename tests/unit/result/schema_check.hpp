#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace loadline {

/// Checks a document against the part of JSON Schema that docs/summary.schema.json uses:
/// $ref into $defs, type, enum, required, properties, additionalProperties, items, minItems,
/// maxItems. Returns one line per finding: "/results/total: key \"tps\" is missing".
class SchemaCheck {
public:
    using Json = nlohmann::json;

    explicit SchemaCheck(Json schema) : root_(std::move(schema)) {}

    std::vector<std::string> operator()(const Json& document) {
        findings_.clear();
        check(root_, document, "");
        return findings_;
    }

private:
    static bool has_type(const Json& value, const std::string& type) {
        if (type == "integer") return value.is_number_integer();
        if (type == "number") return value.is_number();
        return value.type_name() == type;  // object, array, string, boolean, null
    }

    void find(const std::string& at, const std::string& what) {
        findings_.push_back(at + ": " + what);
    }

    void check(const Json& schema, const Json& value, const std::string& at) {
        if (schema.contains("$ref")) {
            const auto name = schema["$ref"].get<std::string>().substr(1);  // without the '#'
            check(root_.at(Json::json_pointer{name}), value, at);
        }
        if (schema.contains("type")) {
            const auto& types = schema["type"];
            bool fits = false;
            for (const auto& type : types.is_array() ? types : Json::array({types})) {
                fits = fits || has_type(value, type);
            }
            if (!fits) return find(at, "is " + value.dump() + ", not " + types.dump());
        }
        if (schema.contains("enum")) {
            const auto& all = schema["enum"];
            if (std::find(all.begin(), all.end(), value) == all.end())
                find(at, value.dump() + " is none of " + all.dump());
        }
        if (value.is_object()) check_object(schema, value, at);
        if (value.is_array()) check_array(schema, value, at);
    }

    void check_object(const Json& schema, const Json& value, const std::string& at) {
        for (const auto& key : schema.value("required", Json::array())) {
            if (!value.contains(key)) find(at, "key " + key.dump() + " is missing");
        }
        const Json known = schema.value("properties", Json::object());
        const Json others = schema.value("additionalProperties", Json(true));
        for (const auto& [key, member] : value.items()) {
            if (known.contains(key)) {
                check(known[key], member, at + "/" + key);
            } else if (others.is_object()) {
                check(others, member, at + "/" + key);
            } else if (others == false) {
                find(at, "key \"" + key + "\" is not in the schema");
            }
        }
    }

    void check_array(const Json& schema, const Json& value, const std::string& at) {
        if (value.size() < schema.value("minItems", std::size_t{0}) ||
            value.size() > schema.value("maxItems", value.size()))
            find(at, "has " + std::to_string(value.size()) + " items");
        if (!schema.contains("items")) return;
        for (std::size_t i = 0; i < value.size(); ++i) {
            check(schema["items"], value[i], at + "/" + std::to_string(i));
        }
    }

    Json root_;
    std::vector<std::string> findings_;
};

}  // namespace loadline
