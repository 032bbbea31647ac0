#include "result/json_parts.hpp"

#include <cmath>

#include "stats/histogram.hpp"

namespace loadline {

using Json = nlohmann::ordered_json;

double rounded_ms(Duration d) { return std::round(to_ms(d) * 1e3) / 1e3; }

Json percentile_ms_json(Duration value) {
    return value >= Histogram::unanswered ? Json(nullptr) : Json(rounded_ms(value));
}

Json text_json(const std::string& raw) {
    const auto quoted = Json(raw).dump(-1, ' ', false, Json::error_handler_t::replace);
    return Json::parse(quoted);
}

Json outcomes_json(const std::array<std::uint64_t, outcome_count>& counts) {
    Json out = Json::object();
    for (std::size_t i = 0; i < outcome_count; ++i) {
        if (counts[i] > 0) out[std::string{to_string(static_cast<Outcome>(i))}] = counts[i];
    }
    return out;
}

}  // namespace loadline
