#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "scenario/shape.hpp"

namespace loadline {
namespace {

/// The published schema and the validator say the same: same keys, same required ones.
TEST(ScenarioSchema, NamesExactlyTheKeysThatAreServed) {
    std::ifstream file{TEST_DATA "/../../../scenarios/scenario.schema.json"};
    const auto schema = nlohmann::json::parse(file);
    const struct {
        const char* pointer;
        const ObjectShape& shape;
    } rows[] = {
        {"", scenario_shape},
        {"/definitions/load", load_shape},
        {"/definitions/ramp", ramp_shape},
        {"/definitions/hold", hold_shape},
        {"/definitions/churn", churn_shape},
        {"/definitions/tls", tls_shape},
        {"/definitions/timeouts", timeouts_shape},
        {"/definitions/dns", dns_shape},
        {"/definitions/feeder", feeder_shape},
        {"/definitions/pool", pool_shape},
        {"/definitions/journey", journey_shape},
        {"/definitions/watch", watch_shape},
        {"/definitions/probes", probes_shape},
        {"/definitions/probe", probe_shape},
        {"/definitions/set", set_shape},
        {"/definitions/think", think_shape},
        {"/definitions/http", http_shape},
        {"/definitions/redis", redis_shape},
        {"/definitions/httpExpect", http_expect_shape},
        {"/definitions/redisExpect", redis_expect_shape},
    };
    for (const auto& [pointer, shape] : rows) {
        SCOPED_TRACE(pointer);
        const auto& object = schema.at(nlohmann::json::json_pointer{pointer});
        std::set<std::string> published, served, published_required, required;
        for (const auto& [key, ignored] : object.at("properties").items()) published.insert(key);
        for (const auto& key : object.value("required", nlohmann::json::array())) {
            published_required.insert(key.get<std::string>());
        }
        for (const auto& key : shape.keys) {
            served.emplace(key.key);
            if (key.required) required.emplace(key.key);
        }
        EXPECT_EQ(published, served);
        EXPECT_EQ(published_required, required);
        EXPECT_EQ(object.at("additionalProperties"), false);
    }
}

}  // namespace
}  // namespace loadline
