#include <algorithm>

#include "scenario/scenario.hpp"

namespace loadline {
namespace {

constexpr std::string_view mask = "***";

nlohmann::ordered_json masked(const nlohmann::ordered_json& value,
                              const std::vector<std::string>& secrets) {
    if (value.is_string()) return mask_secrets(value.get<std::string>(), secrets);
    if (value.is_number()) {
        const auto text = value.dump();
        const bool secret = std::find(secrets.begin(), secrets.end(), text) != secrets.end();
        return secret ? nlohmann::ordered_json(mask) : value;
    }
    if (value.is_array()) {
        auto copy = nlohmann::ordered_json::array();
        for (const auto& element : value) copy.push_back(masked(element, secrets));
        return copy;
    }
    if (value.is_object()) {
        auto copy = nlohmann::ordered_json::object();
        for (const auto& [key, member] : value.items()) {
            copy[mask_secrets(key, secrets)] = masked(member, secrets);
        }
        return copy;
    }
    return value;
}

}  // namespace

std::string mask_secrets(std::string text, const std::vector<std::string>& secrets) {
    auto longest_first = secrets;  // a secret may be the beginning of another one
    std::stable_sort(longest_first.begin(), longest_first.end(),
                     [](const auto& a, const auto& b) { return a.size() > b.size(); });
    for (const auto& secret : longest_first) {
        if (secret.empty()) continue;
        for (auto at = text.find(secret); at != std::string::npos;
             at = text.find(secret, at + mask.size())) {
            text.replace(at, secret.size(), mask);
        }
    }
    return text;
}

std::string write_scenario(const nlohmann::ordered_json& json,
                           const std::vector<std::string>& secrets) {
    using Json = nlohmann::ordered_json;
    return masked(json, secrets).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace loadline
