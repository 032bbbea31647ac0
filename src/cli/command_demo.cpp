#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "base/stop.hpp"
#include "cli/options.hpp"
#include "cli/session.hpp"
#include "lab/child.hpp"
#include "trial/search_trials.hpp"

#ifndef LOADLINE_SCENARIOS
#error "the build sets LOADLINE_SCENARIOS"
#endif

namespace loadline {
namespace {

namespace fs = std::filesystem;
constexpr double capacity_per_s = 400;

/// A folder under /tmp that goes when the demo ends.
class TempFolder {
public:
    TempFolder() {
        std::string name = (fs::temp_directory_path() / "loadline-demo-XXXXXX").string();
        if (const char* made = ::mkdtemp(name.data())) path_ = made;
    }
    ~TempFolder() {
        std::error_code ec;
        if (!path_.empty()) fs::remove_all(path_, ec);
    }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

/// The folder of the scenarios: of the installation, or of the source tree it was built in.
fs::path scenario_folder() {
    std::error_code ec;
    const auto program = fs::read_symlink("/proc/self/exe", ec);
    const auto installed = program.parent_path().parent_path() / "share" / "loadline" / "scenarios";
    return fs::exists(installed / "bet-day.json", ec) ? installed : fs::path{LOADLINE_SCENARIOS};
}

Result<std::string> missiond_program() {
    std::error_code ec;
    const auto beside = fs::read_symlink("/proc/self/exe", ec).parent_path() / "missiond";
    if (!fs::exists(beside, ec)) {
        return usage_error(fmt::format(
            "{} is not there\n   hint: build it: cmake --build --preset release", beside.string()));
    }
    return beside.string();
}

/// The private servers of the demo. They end with it, also after Ctrl-C.
struct Rig {
    TempFolder folder;
    std::optional<Child> redis, missiond;
    std::string redis_url, service_url;
    bool with_redis = false;
};

Result<std::unique_ptr<Rig>> start_rig(const std::string& fault) {
    auto rig = std::make_unique<Rig>();
    const auto folder = rig->folder.path();
    if (folder.empty()) return usage_error("no folder can be made under the temporary directory");

    if (auto redis = start_private_redis(folder)) {
        rig->redis_url = fmt::format("redis://127.0.0.1:{}", redis->port);
        rig->redis.emplace(std::move(redis->child));
        rig->with_redis = true;
        fmt::print(stderr, "started redis-server at {}\n", rig->redis_url);
    } else {
        fmt::print(stderr,
                   "{}\nthe demo goes on with missiond's memory store, and without Redis steps\n",
                   redis.error().message);
    }
    const auto program = missiond_program();
    if (!program) return program.error();
    std::vector<std::string> command{*program,
                                     "--listen",
                                     "127.0.0.1:0",
                                     "--fault",
                                     fault,
                                     "--kdf-rounds",
                                     "1000",
                                     "--seed-demo",
                                     folder.string(),
                                     "--store",
                                     rig->with_redis ? rig->redis_url + "/1" : "memory"};
    if (rig->with_redis) command.insert(command.end(), {"--users", rig->redis_url + "/0"});
    auto missiond = Child::start(command, folder / "missiond.log");
    if (!missiond) return missiond.error();
    rig->missiond.emplace(std::move(*missiond));
    const auto line =
        rig->missiond->wait_for_line("missiond listening on ", std::chrono::seconds{30});
    if (!line) return line.error();
    rig->service_url = "http://" + line->substr(line->rfind(' ') + 1);
    fmt::print(stderr,
               "started missiond at {} with --fault {} --kdf-rounds 1000 (a login costs 0.2 ms "
               "instead of 23)\n",
               rig->service_url, fault);
    return rig;
}

void name_the_page(const ReportSession& session) {
    fmt::print("\nOpen {} in a browser.\n",
               fs::absolute(session.folder() / "report.html").string());
}

/// The largest rate at which an M/D/1 queue (Poisson arrivals, one server, `service` each)
/// keeps this quantile of its response time within `limit`. From the exponential tail of its
/// waiting time, P(W > t) = (1 - rho) / (rho e^(theta D) - 1) e^(-theta t), where theta solves
/// lambda (e^(theta D) - 1) = theta; exact to many digits once t is several services long.
double md1_load_line(Duration service, Duration limit, double quantile) {
    const double d = to_seconds(service), t = to_seconds(limit) - d;
    const auto waits_longer = [&](double rho) {
        const double lambda = rho / d;
        double low = 1e-9 / d, high = 1e3 / d;  // theta lies between its trivial root 0 and here
        for (int i = 0; i < 200; ++i) {
            const double theta = (low + high) / 2;
            (lambda * std::expm1(theta * d) > theta ? high : low) = theta;
        }
        return (1 - rho) / (rho * std::exp(low * d) - 1) * std::exp(-low * t);
    };
    double low = 0.5, high = 0.999;
    for (int i = 0; i < 60; ++i) {
        const double rho = (low + high) / 2;
        (waits_longer(rho) <= 1 - quantile ? low : high) = rho;
    }
    return low / d;
}

int find_load_line(const DemoFlags& flags) {
    auto rig = start_rig(fmt::format("capacity={:g}/s", capacity_per_s));
    if (!rig) return fail(rig.error());
    SearchFlags search;
    search.shared.out = flags.out;
    search.shared.quiet = flags.quiet;
    search.shared.data_dir = (*rig)->folder.path().string();
    search.shared.targets = {"service=" + (*rig)->service_url};
    if ((*rig)->with_redis) search.shared.targets.push_back("cache=" + (*rig)->redis_url + "/0");
    search.scenario =
        (scenario_folder() / ((*rig)->with_redis ? "bet-day.json" : "bet.json")).string();
    search.budget = "40s";
    search.hold = "20s";
    search.start_rate = "40/s";
    return search_and(search, [&](const RunResult& result, const ReportSession& session) {
        const auto& capacity = *result.capacity;
        if (const auto tps =
                capacity.confirmed_tps ? capacity.confirmed_tps : capacity.estimate_tps) {
            const double theory =
                md1_load_line(seconds(1 / capacity_per_s), std::chrono::milliseconds{100}, 0.99);
            fmt::print(
                "\nFound {:.0f} transactions/s; missiond was started with a capacity of {:.0f} "
                "requests/s.\n"
                "Poisson arrivals come in clusters, so a queue stands before the capacity is "
                "reached: with one\n"
                "request a time (M/D/1) theory keeps p99 <= 100 ms up to {:.0f}/s of {:.0f}/s.\n",
                *tps, capacity_per_s, theory, capacity_per_s);
        }
        name_the_page(session);
    });
}

int find_leak(const DemoFlags& flags) {
    auto rig = start_rig("leak-close-wait=2%");
    if (!rig) return fail(rig.error());
    RunFlags run;
    run.shared.out = flags.out;
    run.shared.quiet = flags.quiet;
    run.shared.data_dir = (*rig)->folder.path().string();
    run.shared.targets = {"service=" + (*rig)->service_url};
    run.scenario = (scenario_folder() / "close-wait.json").string();
    return run_and(run, [&](const RunResult&, const ReportSession& session) {
        fmt::print(
            "\nmissiond was started with --fault leak-close-wait=2%: that share of its connections "
            "is never closed.\n");
        name_the_page(session);
    });
}

}  // namespace

int demo_command(const DemoFlags& flags) {
    return flags.close_wait ? find_leak(flags) : find_load_line(flags);
}

}  // namespace loadline
