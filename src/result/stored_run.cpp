#include "result/stored_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "stats/hlog.hpp"
#include "stats/quantile.hpp"

namespace loadline {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int known_version = 1;

StoredScope scope_of(const Json& json) {
    StoredScope scope;
    scope.requests = json.at("requests").get<std::uint64_t>();
    scope.errors = json.at("errors").get<std::uint64_t>();
    auto histogram = decode_histogram(json.at("response_time_hdr").get<std::string>());
    if (!histogram) throw std::runtime_error(histogram.error().message);
    scope.response_time = std::move(*histogram);
    return scope;
}

VerdictWord word_of(const std::string& text) {
    for (const auto word : {VerdictWord::pass, VerdictWord::fail}) {
        if (text == to_string(word)) return word;
    }
    return VerdictWord::invalid;
}

/// How the load was made, as one text: two runs are comparable when it is the same.
std::string load_of(const Json& config) {
    std::string text;
    if (config.at("load_model") == "closed") {
        text = fmt::format("{} users in a closed loop", config.at("users").get<std::uint64_t>());
        if (config.contains("pacing_s")) {
            text += fmt::format(", a journey each {} s", config["pacing_s"].get<double>());
        }
    } else {
        text = config.contains("stages")
                   ? "stages " + config["stages"].dump()
                   : fmt::format("{} journeys/s", format_number(config.value("rate_per_s", 0.0)));
        text += fmt::format(", {} arrivals", config.at("arrivals").get<std::string>());
    }
    const auto mode = config.at("connection_mode").get<std::string>();
    if (mode != "pool") text += fmt::format(", connections {}", mode);
    if (config.contains("churn")) text += ", churn " + config["churn"].dump();
    if (config.contains("connections")) {
        text += fmt::format(", at most {} connections", config["connections"].get<std::uint64_t>());
    }
    return text;
}

template <class T>
std::optional<T> maybe(const Json& json, const char* key) {
    if (!json.contains(key) || json[key].is_null()) return std::nullopt;
    return json[key].get<T>();
}

/// The quantiles count journeys per second; their ratio is that of the transactions too.
std::optional<double> log_width_of(const Json& capacity) {
    double low = 0, high = 0;
    if (capacity.contains("interval_per_s")) {
        low = capacity["interval_per_s"].at("q05").get<double>();
        high = capacity["interval_per_s"].at("q95").get<double>();
    } else if (capacity.contains("interval_tps")) {
        low = capacity["interval_tps"].at(0).get<double>();
        high = capacity["interval_tps"].at(1).get<double>();
    }
    return low > 0 && high > low ? std::optional{std::log(high / low)} : std::nullopt;
}

StoredCapacity capacity_of(const Json& json) {
    StoredCapacity capacity;
    capacity.word = json.at("word").get<std::string>();
    capacity.estimate_tps = maybe<double>(json, "estimate_tps");
    capacity.log_width = log_width_of(json);
    capacity.budget_s = maybe<double>(json, "budget_s");
    return capacity;
}

/// Requires a document of a known version; throws what nlohmann-json throws.
StoredRun run_of(const Json& json) {
    StoredRun run;
    const auto& metadata = json.at("metadata");
    run.command = metadata.at("command").get<std::string>();
    run.scenario_name = metadata.at("scenario").get<std::string>();
    run.scenario_hash = metadata.at("scenario_hash").get<std::string>();
    run.version = metadata.at("tool_version").get<std::string>();
    run.started_at = metadata.at("started_at").get<std::string>();
    run.kernel = metadata.at("kernel").get<std::string>();
    run.cpu_model = metadata.value("cpu_model", "");
    run.cores = metadata.at("cores").get<unsigned>();
    const auto& config = json.at("config");
    run.load = load_of(config);
    run.duration_s = config.at("duration_s").get<double>();
    run.warmup_s = config.at("warmup_s").get<double>();
    const auto& verdict = json.at("verdict");
    run.word = word_of(verdict.at("word").get<std::string>());
    for (const auto& reason : verdict.at("reasons")) {
        run.reasons.push_back(
            {reason.at("code").get<std::string>(), reason.at("text").get<std::string>()});
    }
    const auto& results = json.at("results");
    run.total = scope_of(results.at("total"));
    for (const auto& [name, step] : results.at("steps").items()) {
        if (step.at("transaction").get<bool>()) run.steps.emplace(name, scope_of(step));
    }
    for (const auto& clause : results.at("slo")) {
        const bool of_all = clause.at("clause").get<std::string>().rfind("errors(", 0) != 0;
        if (of_all && clause.contains("limit_share") && !run.error_limit) {
            run.error_limit = clause["limit_share"].get<double>();
        }
    }
    if (results.contains("capacity")) run.capacity = capacity_of(results["capacity"]);
    return run;
}

/// What all transactions and each step of them did in the stretch that is being read.
class Blocks {
public:
    explicit Blocks(StoredRun& run) : run_{run} {
        for (auto& [name, scope] : run.steps) by_tag_[hlog_tag(name)] = {{}, &scope};
    }

    void add(const HlogLine& line) {
        const auto step = by_tag_.find(line.tag);
        if (step == by_tag_.end()) return;  // no transaction
        if (!begin_) begin_ = line.since_start;
        while (line.since_start >= *begin_ + block_length) {
            end_block();
            *begin_ += block_length;
        }
        step->second.first.merge(line.histogram);
        all_.merge(line.histogram);
        end_ = line.since_start + line.length;
    }

    /// A last block that is clearly shorter is left out: it would be noisier than the others.
    void finish() {
        if (begin_ && end_ > *begin_ + block_length - std::chrono::milliseconds{500}) end_block();
    }

private:
    static constexpr auto block_length = std::chrono::seconds{10};

    /// Puts the figures of the block where they belong, and starts the next.
    void end_block() {
        keep(all_, run_.total);
        for (auto& [tag, step] : by_tag_) keep(step.first, *step.second);
    }

    static void keep(Histogram& block, StoredScope& scope) {
        for (std::size_t i = 0; i < compared_percentiles.size(); ++i) {
            const double q = compared_percentiles[i].quantile;
            if (block.count() < samples_needed(q)) continue;
            scope.block_logs[i].push_back(std::log(static_cast<double>(block.quantile(q).count())));
        }
        block.clear();
    }

    StoredRun& run_;
    std::optional<Duration> begin_;  ///< of the block
    Duration end_{};                 ///< of what was read
    Histogram all_;
    std::map<std::string, std::pair<Histogram, StoredScope*>> by_tag_;
};

Result<void> read_blocks(const fs::path& file, StoredRun& run) {
    std::ifstream in{file, std::ios::binary};
    if (!in) return {};
    HlogReader reader{in};
    Blocks blocks{run};
    for (;;) {
        auto line = reader.next();
        if (!line) return usage_error(fmt::format("{}: {}", file.string(), line.error().message));
        if (!*line) break;
        blocks.add(**line);
    }
    blocks.finish();
    return {};
}

Error unusable(const fs::path& file, const std::string& why) {
    return usage_error(fmt::format("{}: {}", file.string(), why));
}

}  // namespace

bool StoredRun::interrupted() const {
    return std::any_of(reasons.begin(), reasons.end(),
                       [](const Reason& reason) { return reason.code == "interrupted"; });
}

std::string StoredRun::machine() const {
    return fmt::format("{}, {} × {}", kernel, cores, cpu_model);
}

Result<StoredRun> read_stored_run(const fs::path& path) {
    std::error_code ec;
    if (!fs::exists(path, ec)) {
        return unusable(path,
                        "there is no such folder\n   hint: give the folder that a run "
                        "printed behind \"report:\", such as reports/bet/20261121T080247Z");
    }
    const bool folder = fs::is_directory(path, ec);
    const auto file = folder ? path / "summary.json" : path;
    std::ifstream in{file, std::ios::binary};
    if (!in) {
        return unusable(path, fmt::format("it has no summary.json that can be read ({})",
                                          std::strerror(errno)));
    }
    const auto json = Json::parse(in, nullptr, false);
    if (json.is_discarded()) return unusable(file, "it is no JSON");
    try {
        if (json.at("metadata").at("tool") != "loadline") {
            return unusable(file, "it is no summary of loadline");
        }
        if (json.at("version") != known_version) {
            return unusable(file, fmt::format("it is of version {} of the format, and this "
                                              "loadline reads version {}",
                                              json["version"].dump(), known_version));
        }
        auto run = run_of(json);
        run.folder = folder ? path : path.parent_path();
        if (const auto read = read_blocks(run.folder / "latency.hlog", run); !read)
            return read.error();
        return run;
    } catch (const std::exception& e) {  // nlohmann-json, or a histogram that is not ours
        return unusable(file, fmt::format("it is no summary of a run: {}", e.what()));
    }
}

Result<std::vector<StoredRun>> read_stored_runs(const fs::path& path) {
    std::vector<StoredRun> runs;
    std::error_code ec;
    std::vector<fs::path> folders;
    if (fs::is_directory(path, ec) && !fs::exists(path / "summary.json", ec)) {
        for (const auto& entry : fs::directory_iterator{path, ec}) {
            if (fs::exists(entry.path() / "summary.json", ec)) folders.push_back(entry.path());
        }
        if (folders.empty()) return unusable(path, "there is no run's folder in it");
        std::sort(folders.begin(), folders.end());
    } else {
        folders.push_back(path);
    }
    for (const auto& folder : folders) {
        auto run = read_stored_run(folder);
        if (!run) return run.error();
        runs.push_back(std::move(*run));
    }
    return runs;
}

}  // namespace loadline
