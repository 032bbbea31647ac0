#include <fmt/format.h>

#include <iostream>

#include "base/stop.hpp"
#include "base/units.hpp"
#include "cli/options.hpp"
#include "cli/selftest.hpp"

namespace loadline {
namespace {

void print(const Selftest& s) {
    fmt::print("This machine: {} × {}, {}\n\n", s.cores, s.cpu_model, s.kernel);
    fmt::print("Ceiling   {} requests/s from {} {}, with a server of 1 ms delay in this process\n",
               format_number(s.ceiling_per_s), s.threads, s.threads == 1 ? "thread" : "threads");
    fmt::print(
        "          send lag p99 {} there (below 1 ms), the busiest worker at {} of a core\n\n",
        format_duration(s.lag_p99), format_share(s.cpu_share));
    fmt::print("Percentiles of a lognormal delay   reported     served  difference\n");
    for (const auto& [quantile, reported, served] : s.percentiles) {
        fmt::print("  {:<28}{:>15}{:>11}{:>11.2f} %\n", fmt::format("{} %", quantile * 100),
                   format_duration(reported), format_duration(served),
                   (to_ms(reported) / to_ms(served) - 1) * 100);
    }
    fmt::print("  The machine itself was late by {} at p99.\n", format_duration(s.machine_p99));
}

}  // namespace

int selftest_command(const SelftestFlags& flags) {
    const auto options = to_trial_options(flags.shared);
    if (!options) return fail(options.error());
    const auto note = [&](const std::string& text) {
        if (!flags.shared.quiet) fmt::print(stderr, "{}\n", text);
    };
    const auto selftest = run_selftest(*options, note);
    if (!selftest) return fail(selftest.error());
    if (!*selftest) return 128 + stop_signal();
    if (flags.shared.json) {
        std::cout << to_json(**selftest).dump(2) << '\n';
    } else {
        print(**selftest);
    }
    const auto kept = keep_selftest(**selftest);
    if (!kept) return fail(kept.error());
    if (!flags.shared.quiet) {
        fmt::print(stderr, "kept for later reports: {}\n", selftest_file()->string());
    }
    return (*selftest)->ceiling_per_s > 0 ? 0 : 4;
}

}  // namespace loadline
