#include "result/read_probes.hpp"

#include <algorithm>
#include <array>

#include "stats/histogram.hpp"

namespace loadline {
namespace {

using Json = nlohmann::ordered_json;
using Kind = ProbeResult::Kind;

constexpr std::array kinds{Kind::floor,  Kind::bracket, Kind::warmup,
                           Kind::refine, Kind::recheck, Kind::hold};
constexpr std::array words{VerdictWord::pass, VerdictWord::fail, VerdictWord::invalid};

/// The one of `all` that is written like this. Throws when there is none.
template <class All>
auto by_name(const All& all, const std::string& name) {
    const auto at =
        std::find_if(all.begin(), all.end(), [&](auto one) { return to_string(one) == name; });
    if (at == all.end()) throw std::invalid_argument{name};
    return *at;
}

/// null: unanswered requests reach the percentile.
Duration ms_of(const Json& json, const char* key) {
    const auto at = json.find(key);
    if (at == json.end()) return {};
    return at->is_null() ? Histogram::unanswered : milliseconds(at->get<double>());
}

ProbeResult read_probe(const Json& json) {
    ProbeResult probe;
    probe.kind = by_name(kinds, json.at("kind").get<std::string>());
    probe.word = by_name(words, json.at("word").get<std::string>());
    const auto rate = json.at("rate_per_s").get<double>();
    const auto length = json.at("length_s").get<double>();
    if (!(rate > 0 && rate < 1e9) || !(length >= 0 && length < 1e7)) {
        throw std::invalid_argument{"rate or length"};
    }
    probe.rate = Rate::per_second(rate);
    probe.length = seconds(length);
    probe.planned = seconds(json.value("planned_s", length));
    probe.elapsed = seconds(json.value("elapsed_s", 0.0));
    probe.requests = json.at("requests").get<std::uint64_t>();
    probe.transactions_per_s = json.at("tps").get<double>();
    probe.p50 = ms_of(json, "p50_ms");
    probe.p90 = ms_of(json, "p90_ms");
    probe.p99 = ms_of(json, "p99_ms");
    probe.p999 = ms_of(json, "p999_ms");
    probe.error_share = json.value("error_share", 0.0);
    probe.send_lag_p99 = ms_of(json, "send_lag_p99_ms");
    probe.drained = json.at("drained").get<bool>();
    probe.why = json.value("why", "");
    for (const auto& clause : json.at("clauses")) {
        auto& count = probe.clauses.emplace_back();
        count.requests = clause.at("requests").get<std::uint64_t>();
        count.bad = std::min(count.requests, clause.at("bad").get<std::uint64_t>());
    }
    if (json.contains("aborted_by")) {
        probe.aborted_by = json.at("aborted_by").get<std::size_t>();
        if (*probe.aborted_by >= probe.clauses.size()) throw std::invalid_argument{"aborted_by"};
    }
    return probe;
}

}  // namespace

Result<std::vector<ProbeResult>> read_probes(const Json& summary,
                                             const std::vector<std::string>& clauses) {
    try {
        const auto& results = summary.at("results");
        std::vector<std::string> then;
        for (const auto& slo : results.at("slo")) then.push_back(slo.at("clause"));
        if (then != clauses) {
            return usage_error("that search was about another SLO: give it the same clauses");
        }
        std::vector<ProbeResult> probes;
        for (const auto& probe : results.at("capacity").at("probes")) {
            probes.push_back(read_probe(probe));
            if (probes.back().clauses.size() != clauses.size()) {
                throw std::invalid_argument{"clauses"};
            }
        }
        if (probes.empty()) return usage_error("that search had not finished a single probe");
        return probes;
    } catch (const std::exception& e) {  // nlohmann-json's, and ours for a wrong value
        return usage_error(std::string{"its summary.json is not of a search: "} + e.what());
    }
}

}  // namespace loadline
