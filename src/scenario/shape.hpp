#pragma once
#include <span>
#include <string_view>

/// The shapes of a scenario's objects: which keys each knows, which it must have, and
/// which belong to the format but not to this version. scenarios/scenario.schema.json
/// says the same for editors; a unit test holds the two together.
namespace loadline {

/// Kinds of JSON values, as bits, so that a key may allow several.
enum Kind : unsigned {
    kind_null = 1,
    kind_boolean = 2,
    kind_number = 4,
    kind_text = 8,
    kind_list = 16,
    kind_object = 32,
    kind_any = 63,
};

struct KeyShape {
    std::string_view key;
    unsigned kinds = kind_any;
    std::string_view want;  ///< for messages: "a duration such as \"30s\""
    bool required = false;
};

struct ObjectShape {
    std::string_view name;                    ///< for messages: "the scenario", "a journey"
    std::span<const KeyShape> keys;           ///< what this version serves
    std::span<const std::string_view> later;  ///< what the format knows and this version refuses
};

extern const ObjectShape scenario_shape, load_shape, ramp_shape, hold_shape, churn_shape, tls_shape,
    timeouts_shape, dns_shape, feeder_shape, pool_shape, journey_shape, watch_shape, probes_shape,
    probe_shape, set_shape, think_shape, http_shape, redis_shape, http_expect_shape,
    redis_expect_shape;

/// Kinds of steps that the format knows and this version refuses.
extern const std::span<const std::string_view> later_steps;

}  // namespace loadline
