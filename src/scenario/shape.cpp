#include "scenario/shape.hpp"

namespace loadline {
namespace {

using Later = std::string_view;

constexpr std::string_view duration = "a duration such as \"30s\"";
constexpr std::string_view steps = "a list of steps";

constexpr KeyShape scenario_keys[] = {
    {"$schema", kind_text, "the path of the schema"},
    {"loadline", kind_number, "the number 1", true},
    {"name", kind_text, "a text"},
    {"targets", kind_object, "an object of names and URLs", true},
    {"slo", kind_list, "a list such as [\"p99 < 100ms\"]"},
    {"load", kind_object, "an object such as {\"rate\": \"500/s\"}"},
    {"connections", kind_text, "\"pool\", \"per-session\" or \"per-request\""},
    {"churn", kind_object, "an object such as {\"share\": \"5%\", \"fin-idle\": 60, \"half\": 40}"},
    {"tls", kind_object, "an object such as {\"ca\": \"ca.pem\"}"},
    {"timeouts", kind_object, "an object such as {\"connect\": \"2s\"}"},
    {"dns", kind_object, "an object such as {\"ttl\": \"30s\"}"},
    {"data", kind_object, "an object of names and sources"},
    {"sessions", kind_object, "an object of names and session pools"},
    {"setup", kind_list, steps},
    {"journeys", kind_object, "an object of names and journeys", true},
    {"watch", kind_object, "an object such as {\"port\": 8080}"},
};
constexpr Later scenario_later[] = {"invariants", "cookies", "redirects", "retries"};

constexpr KeyShape load_keys[] = {
    {"rate", kind_text | kind_number, "a rate such as \"500/s\""},
    {"stages", kind_list, "a list of stages"},
    {"users", kind_text | kind_number, "a number of users"},
    {"pacing", kind_text, duration},
    {"arrivals", kind_text, "\"poisson\" or \"paced\""},
    {"at_cap", kind_text, "\"queue\" or \"drop\""},
    {"duration", kind_text, duration},
    {"warmup", kind_text, duration},
    {"drain", kind_text, duration},
};
constexpr Later load_later[] = {"max-users"};

constexpr KeyShape ramp_keys[] = {
    {"to", kind_text | kind_number, "a rate such as \"500/s\"", true},
    {"over", kind_text, duration, true},
};
constexpr KeyShape hold_keys[] = {{"hold", kind_text, duration, true}};

constexpr std::string_view weight = "a weight such as 60";
constexpr KeyShape churn_keys[] = {
    {"share", kind_text, "a share of the journeys such as \"5%\""},
    {"fin-idle", kind_number, weight},
    {"fin-inflight", kind_number, weight},
    {"timeout", kind_number, weight},
    {"half", kind_number, weight},
    {"rst-idle", kind_number, weight},
    {"rst-inflight", kind_number, weight},
    {"open", kind_number, weight},
    {"partial", kind_number, weight},
    {"slow-read", kind_number, weight},
    {"reuse-race", kind_number, weight},
    {"burst-end", kind_number, weight},
    {"inflight-after", kind_text, duration},
    {"timeout-after", kind_text, duration},
    {"slow-rate", kind_text | kind_number, "bytes per second such as \"1k\""},
    {"idle-timeout", kind_text, duration},
    {"idle-jitter", kind_text, duration},
    {"burst-size", kind_text | kind_number, "a number of connections such as 300"},
};

constexpr KeyShape tls_keys[] = {
    {"verify", kind_boolean, "true or false"},     {"ca", kind_text, "the path of a PEM file"},
    {"cert", kind_text, "the path of a PEM file"}, {"key", kind_text, "the path of a PEM file"},
    {"resume", kind_boolean, "true or false"},
};
constexpr KeyShape timeout_keys[] = {
    {"resolve", kind_text, duration}, {"connect", kind_text, duration},
    {"tls", kind_text, duration},     {"firstByte", kind_text, duration},
    {"whole", kind_text, duration},
};

constexpr KeyShape dns_keys[] = {{"ttl", kind_text, duration, true}};

constexpr KeyShape feeder_keys[] = {
    {"csv", kind_text, "the path of a CSV file"},
    {"numbers", kind_list, "a range such as [1, 1000]"},
    {"pick", kind_text, "\"sequential\", \"random\", \"unique\" or \"zipf(1.1)\""},
};
constexpr Later feeder_later[] = {"jsonl", "redis"};

constexpr KeyShape pool_keys[] = {
    {"count", kind_number, "a number of sessions", true},
    {"data", kind_text, "the name of a data source"},
    {"start", kind_list, steps, true},
};
constexpr Later pool_later[] = {"renew", "rate"};

constexpr KeyShape journey_keys[] = {
    {"share", kind_number, "a weight such as 80"},
    {"rate", kind_text | kind_number, "a rate such as \"5/s\""},
    {"as", kind_text, "the name of a session pool"},
    {"steps", kind_list, steps, true},
};
constexpr Later journey_later[] = {"pace", "pacing", "retries", "cookies", "redirects"};

constexpr KeyShape watch_keys[] = {
    {"port", kind_number, "a port such as 8080"},
    {"close_wait", kind_boolean, "true or false"},
    {"probes", kind_object, "an object such as {\"liveness\": \"service/healthz/live\"}"},
};
constexpr Later watch_later[] = {"pid"};

constexpr std::string_view probe =
    "\"target/path\", or an object such as {\"tcpSocket\": \"target\"}";
constexpr KeyShape probes_keys[] = {
    {"startup", kind_text | kind_object, probe},
    {"liveness", kind_text | kind_object, probe},
    {"readiness", kind_text | kind_object, probe},
};
constexpr std::string_view seconds = "a number of seconds such as 10";
constexpr KeyShape probe_keys[] = {
    {"httpGet", kind_text, "\"target/path\""},
    {"tcpSocket", kind_text, "the name of a target"},
    {"periodSeconds", kind_number, seconds},
    {"timeoutSeconds", kind_number, seconds},
    {"failureThreshold", kind_number, "a number of failures in a row"},
    {"successThreshold", kind_number, "a number of successes in a row"},
    {"initialDelaySeconds", kind_number, seconds},
};
constexpr Later probe_later[] = {"exec", "grpc", "httpHeaders", "terminationGracePeriodSeconds"};

constexpr KeyShape set_keys[] = {{"set", kind_object, "an object of names and values", true}};
constexpr KeyShape think_keys[] = {{"think", kind_text, "\"1s\" or \"100ms..300ms\"", true}};

constexpr KeyShape http_keys[] = {
    {"name", kind_text, "a text", true},
    {"http", kind_text, "\"METHOD target/path\"", true},
    {"headers", kind_object, "an object of names and texts"},
    {"json", kind_any, "a JSON value"},
    {"body", kind_text, "a text"},
    {"form", kind_object, "an object of names and values"},
    {"expect", kind_object, "an object such as {\"status\": 200}"},
    {"capture", kind_object, "an object of names and places such as \"/accessToken\""},
    {"timeout", kind_text, duration},
    {"transaction", kind_boolean, "true or false"},
};
constexpr KeyShape redis_keys[] = {
    {"name", kind_text, "a text", true},
    {"redis", kind_list, "a command such as [\"GET\", \"key\"]", true},
    {"on", kind_text, "the name of a target", true},
    {"expect", kind_object, "an object such as {\"equals\": 1}"},
    {"capture", kind_object, "an object of names and places such as \"/0\""},
    {"timeout", kind_text, duration},
    {"transaction", kind_boolean, "true or false"},
};
constexpr Later exchange_later[] = {"record",  "retry",  "retries", "redirects",
                                    "cookies", "repeat", "if",      "pipeline"};

constexpr KeyShape http_expect_keys[] = {
    {"status", kind_text | kind_number | kind_list, "200, \"2xx\" or a list of them"},
    {"bodyContains", kind_text, "a text"},
    {"headers", kind_object, "an object of names and texts"},
    {"json", kind_object, "an object such as {\"/state\": \"open\"}"},
};
constexpr KeyShape redis_expect_keys[] = {
    {"equals", kind_text | kind_number | kind_null, "a text, a whole number or null"},
};
constexpr Later expect_later[] = {"bodyMatches", "cookies", "matches"};

constexpr Later step_later[] = {"if", "repeat", "choose", "abort", "pipeline", "multi", "eval"};

}  // namespace

const ObjectShape scenario_shape{"the scenario", scenario_keys, scenario_later};
const ObjectShape load_shape{"\"load\"", load_keys, load_later};
const ObjectShape ramp_shape{"a stage that changes the rate", ramp_keys, {}};
const ObjectShape hold_shape{"a stage that holds the rate", hold_keys, {}};
const ObjectShape churn_shape{"\"churn\"", churn_keys, {}};
const ObjectShape tls_shape{"\"tls\"", tls_keys, {}};
const ObjectShape timeouts_shape{"\"timeouts\"", timeout_keys, {}};
const ObjectShape dns_shape{"\"dns\"", dns_keys, {}};
const ObjectShape feeder_shape{"a data source", feeder_keys, feeder_later};
const ObjectShape pool_shape{"a session pool", pool_keys, pool_later};
const ObjectShape journey_shape{"a journey", journey_keys, journey_later};
const ObjectShape watch_shape{"\"watch\"", watch_keys, watch_later};
const ObjectShape probes_shape{"\"probes\"", probes_keys, {}};
const ObjectShape probe_shape{"a probe", probe_keys, probe_later};
const ObjectShape set_shape{"a \"set\" step", set_keys, exchange_later};
const ObjectShape think_shape{"a \"think\" step", think_keys, exchange_later};
const ObjectShape http_shape{"an HTTP step", http_keys, exchange_later};
const ObjectShape redis_shape{"a Redis step", redis_keys, exchange_later};
const ObjectShape http_expect_shape{"\"expect\"", http_expect_keys, expect_later};
const ObjectShape redis_expect_shape{"\"expect\"", redis_expect_keys, expect_later};
const std::span<const std::string_view> later_steps{step_later};

}  // namespace loadline
