#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "lab/child.hpp"
#include "temporary_folder.hpp"
#include "truth.hpp"

// In closed loop loadline and wrk measure the same thing: what wrk prints is a second opinion.

namespace loadline {
namespace {

namespace fs = std::filesystem;

constexpr int runs = 3, connections = 10;
constexpr std::array<const char*, 3> names{"50%", "90%", "99%"};
constexpr std::array shares{0.5, 0.9, 0.99};
using Percentiles = std::array<Duration, 3>;

bool installed(const std::string& program) {
    std::istringstream path{std::getenv("PATH") ? std::getenv("PATH") : ""};
    for (std::string folder; std::getline(path, folder, ':');) {
        if (fs::exists(fs::path{folder} / program)) return true;
    }
    return false;
}

/// What `wrk --latency` prints as "     99%   14.90ms"; zeros when it printed none.
Percentiles wrk(const DelayServer& server, MachineNoise& machine) {
    MachineMeter meter;
    const TemporaryFolder folder;
    const auto log = folder / "log";
    auto child = Child::start(
        {"wrk", "-t1", fmt::format("-c{}", connections), "-d2s", "--latency", server.url() + "/"},
        log);
    while (child && child->running()) std::this_thread::sleep_for(std::chrono::milliseconds{20});
    std::ifstream in{log};
    Percentiles found{};
    for (std::string name, value; in >> name;) {
        const auto at = std::find(names.begin(), names.end(), name);
        if (at == names.end() || !(in >> value)) continue;
        if (const auto read = parse_duration(value)) {
            found[static_cast<std::size_t>(at - names.begin())] = *read;
        }
    }
    machine = worse(machine, meter.stop());
    return found;
}

Percentiles loadline_closed(DelayServer& server, MachineNoise& machine) {
    TrialOptions options;
    options.connections = connections;
    LoadWindow window;
    window.length = seconds(2);
    window.users = connections;
    const auto seen = observe(server, plan_of(server), options, window);
    machine = worse(machine, seen.machine);
    Percentiles found{};
    for (std::size_t i = 0; i < shares.size(); ++i) {
        found[i] = seen.loadline.total.steps[0].response_time.quantile(shares[i]);
    }
    return found;
}

Duration median(std::vector<Percentiles> of, std::size_t percentile) {
    std::sort(of.begin(), of.end(),
              [percentile](const auto& a, const auto& b) { return a[percentile] < b[percentile]; });
    return of[of.size() / 2][percentile];
}

/// Uniform, so that no value is above twice the mean: there wrk would begin to add values of
/// its own for requests that it thinks were held back.
TEST(AgainstWrk, ClosedLoopPercentilesAgree) {
    if (!installed("wrk")) {
        if (const char* ci = std::getenv("CI"); ci && std::string{ci} == "true") {
            FAIL() << "wrk is not installed, and CI=true";
        }
        GTEST_SKIP() << "wrk is not installed";
    }
    hold_to_the_truth([] {
        auto server =
            DelayServer::start({.delay = UniformDelay{milliseconds(5), milliseconds(15)}}).value();
        Attempt attempt;
        std::vector<Percentiles> ours, theirs;
        for (int i = 0; i < runs; ++i) {
            ours.push_back(loadline_closed(*server, attempt.machine));
            theirs.push_back(wrk(*server, attempt.machine));
        }
        for (std::size_t i = 0; i < shares.size(); ++i) {
            const auto want = median(theirs, i);
            EXPECT_GT(want, milliseconds(5)) << "wrk printed no " << names[i];
            attempt.expect("ours beside wrk's", shares[i], median(ours, i), want, want / 20);
        }
        return attempt;
    });
}

}  // namespace
}  // namespace loadline
