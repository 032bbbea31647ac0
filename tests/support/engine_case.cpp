#include "engine_case.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "machine_meter.hpp"
#include "plan/compile.hpp"

namespace loadline {
namespace {

/// A line of /proc/self/status, such as "VmHWM:".
std::uint64_t status_kib(std::string_view name) {
    std::ifstream in{"/proc/self/status"};
    for (std::string word; in >> word;) {
        std::uint64_t kib = 0;
        if (word == name && in >> kib) return kib;
    }
    return 0;
}

}  // namespace

std::shared_ptr<const Plan> plan_of_text(const std::string& text) {
    auto compiled = compile_text(text, "scenario.json");
    if (const auto* problems = std::get_if<std::vector<Diagnostic>>(&compiled)) {
        ADD_FAILURE() << format_diagnostics(text, "scenario.json", *problems);
        return nullptr;
    }
    return std::get<CompiledScenario>(compiled).plan;
}

std::unique_ptr<Engine> started(const std::shared_ptr<const Plan>& plan,
                                const EngineOptions& options) {
    if (!plan) return nullptr;
    auto engine = Engine::start(plan, options);
    if (!engine) {
        ADD_FAILURE() << engine.error().message;
        return nullptr;
    }
    return std::move(*engine);
}

LoadWindow open_load(double rate, Duration length, Duration grace) {
    LoadWindow window;
    window.rate = Rate::per_second(rate);
    window.arrivals = Arrivals::paced;
    window.length = length;
    window.grace = grace;
    return window;
}

LoadWindow closed_load(std::uint64_t users, Duration length, Duration grace) {
    LoadWindow window;
    window.users = users;
    window.length = length;
    window.grace = grace;
    return window;
}

LoadResult run_window(Engine& engine, const LoadWindow& window) {
    return engine.run(window, [](const SecondOfLoad&) { return true; });
}

std::uint64_t count(const Interval& interval, Outcome outcome) {
    std::uint64_t sum = 0;
    for (const auto& step : interval.steps) sum += step.outcomes[static_cast<std::size_t>(outcome)];
    return sum;
}

std::uint64_t exchanges(const Interval& interval) {
    std::uint64_t sum = 0;
    for (const auto& step : interval.steps) sum += step.count();
    return sum;
}

std::string outcomes(const Interval& interval) {
    std::string text;
    for (std::size_t i = 0; i < outcome_count; ++i) {
        const auto outcome = static_cast<Outcome>(i);
        if (const auto n = count(interval, outcome); n > 0) {
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", to_string(outcome), n);
        }
    }
    return text;
}

MemoryPeak::MemoryPeak() {
    std::ofstream reset{"/proc/self/clear_refs"};
    known_ = static_cast<bool>(reset << "5" << std::flush);  // the peak is what is resident now
    before_ = status_kib("VmHWM:") * 1024;
}

std::optional<std::uint64_t> MemoryPeak::growth() const {
    if (!known_) return {};
    return status_kib("VmHWM:") * 1024 - before_;
}

void with_patience(Duration stall, const std::function<std::string()>& attempt) {
    std::string seen;
    for (int i = 1; i <= 3; ++i) {
        MachineMeter meter;
        const auto problem = attempt();
        if (problem.empty() || testing::Test::HasFailure()) return;
        const auto longest = meter.stop().longest_stall();
        seen += fmt::format("\nattempt {}: {}; the machine stalled for {} at most", i, problem,
                            format_duration(longest));
        if (longest < stall) {
            FAIL() << "a stall of " << format_duration(stall) << " would explain it:" << seen;
        }
        std::fprintf(stderr, "%s\n", seen.c_str());
    }
    GTEST_SKIP() << "the machine stalled in each of three attempts" << seen;
}

}  // namespace loadline
