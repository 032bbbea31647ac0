#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "scenario/scenario.hpp"

namespace loadline {

/// One value of a scenario together with its pointer, as the compiler reads it. Asking an
/// absent value, or one of another kind, gives nothing: the structure was checked before,
/// and what is wrong in it was reported there.
struct Node {
    using Json = nlohmann::ordered_json;

    const Json* json = nullptr;
    std::string pointer;

    explicit operator bool() const { return json != nullptr; }

    Node at(const std::string& key) const {
        if (json == nullptr || !json->is_object()) return {};
        const auto found = json->find(key);
        return found == json->end() ? Node{} : Node{&*found, pointer_to(pointer, key)};
    }
    const std::string* text() const {
        return json == nullptr ? nullptr : json->get_ptr<const std::string*>();
    }
    bool is_number() const { return json != nullptr && json->is_number(); }
    bool is_object() const { return json != nullptr && json->is_object(); }
    bool is_list() const { return json != nullptr && json->is_array(); }
    std::optional<double> number() const {
        return is_number() ? std::optional{json->get<double>()} : std::nullopt;
    }
    /// A whole number that fits; 5.0 is none.
    std::optional<std::int64_t> whole() const {
        if (json == nullptr || !json->is_number_integer()) return std::nullopt;
        if (json->is_number_unsigned() && json->get<std::uint64_t>() > INT64_MAX)
            return std::nullopt;
        return json->get<std::int64_t>();
    }
    std::optional<bool> boolean() const {
        return json != nullptr && json->is_boolean() ? std::optional{json->get<bool>()}
                                                     : std::nullopt;
    }
    std::vector<std::pair<std::string, Node>> members() const {
        std::vector<std::pair<std::string, Node>> all;
        if (!is_object()) return all;
        for (const auto& [key, value] : json->items()) {
            all.emplace_back(key, Node{&value, pointer_to(pointer, key)});
        }
        return all;
    }
    std::vector<Node> elements() const {
        std::vector<Node> all;
        if (!is_list()) return all;
        for (std::size_t i = 0; i < json->size(); ++i) {
            all.push_back({&(*json)[i], pointer_to(pointer, i)});
        }
        return all;
    }
};

}  // namespace loadline
