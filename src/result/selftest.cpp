#include "result/selftest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace loadline {
namespace {

using Json = nlohmann::ordered_json;

Duration duration_ms(const Json& json) { return Duration{std::llround(json.get<double>() * 1e6)}; }

}  // namespace

double Selftest::worst_error() const {
    double worst = 0;
    for (const auto& [quantile, reported, served] : percentiles) {
        if (served <= Duration{}) continue;
        worst = std::max(worst, std::abs(to_ms(reported) / to_ms(served) - 1));
    }
    return worst;
}

Json to_json(const Selftest& s) {
    Json out;
    out["at"] = s.at;
    out["version"] = s.version;
    out["kernel"] = s.kernel;
    out["cpu_model"] = s.cpu_model;
    out["cores"] = s.cores;
    out["threads"] = s.threads;
    out["ceiling_per_s"] = s.ceiling_per_s;
    out["send_lag_p99_ms"] = to_ms(s.lag_p99);
    out["cpu_share"] = s.cpu_share;
    out["machine_p99_ms"] = to_ms(s.machine_p99);
    out["percentiles"] = Json::array();
    for (const auto& [quantile, reported, served] : s.percentiles) {
        out["percentiles"].push_back({{"quantile", quantile},
                                      {"reported_ms", to_ms(reported)},
                                      {"served_ms", to_ms(served)}});
    }
    return out;
}

std::optional<Selftest> selftest_from_json(const Json& json) try {
    Selftest s;
    s.at = json.at("at").get<std::string>();
    s.version = json.at("version").get<std::string>();
    s.kernel = json.at("kernel").get<std::string>();
    s.cpu_model = json.at("cpu_model").get<std::string>();
    s.cores = json.at("cores").get<unsigned>();
    s.threads = json.at("threads").get<unsigned>();
    s.ceiling_per_s = json.at("ceiling_per_s").get<double>();
    s.lag_p99 = duration_ms(json.at("send_lag_p99_ms"));
    s.cpu_share = json.at("cpu_share").get<double>();
    s.machine_p99 = duration_ms(json.at("machine_p99_ms"));
    for (const auto& row : json.at("percentiles")) {
        s.percentiles.push_back({row.at("quantile").get<double>(),
                                 duration_ms(row.at("reported_ms")),
                                 duration_ms(row.at("served_ms"))});
    }
    return s;
} catch (const Json::exception&) {
    return std::nullopt;
}

std::optional<std::filesystem::path> selftest_file() {
    const auto folder = [](const char* variable) -> std::filesystem::path {
        const char* value = std::getenv(variable);
        return value ? value : "";
    };
    auto cache = folder("XDG_CACHE_HOME");
    if (cache.empty() && !folder("HOME").empty()) cache = folder("HOME") / ".cache";
    if (cache.empty()) return std::nullopt;
    return cache / "loadline" / "selftest.json";
}

std::optional<Selftest> kept_selftest(const Machine& machine) {
    const auto file = selftest_file();
    if (!file) return std::nullopt;
    std::ifstream in{*file};
    const auto json = Json::parse(in, nullptr, false);
    if (json.is_discarded()) return std::nullopt;
    auto selftest = selftest_from_json(json);
    const bool of_this_machine = selftest && selftest->kernel == machine.kernel &&
                                 selftest->cpu_model == machine.cpu_model &&
                                 selftest->cores == machine.cores;
    return of_this_machine ? std::move(selftest) : std::nullopt;
}

Result<void> keep_selftest(const Selftest& selftest) {
    const auto file = selftest_file();
    if (!file)
        return output_error("the selftest cannot be kept: neither XDG_CACHE_HOME nor HOME is set");
    std::error_code ec;
    std::filesystem::create_directories(file->parent_path(), ec);
    std::ofstream out{*file};
    out << to_json(selftest).dump(2) << '\n';
    out.close();
    if (out) return {};
    return output_error(fmt::format("{} could not be written: {}", file->string(),
                                    ec ? ec.message() : std::strerror(errno)));
}

}  // namespace loadline
