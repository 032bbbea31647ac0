#pragma once
#include <functional>
#include <string>

#include "result/selftest.hpp"
#include "trial/trial.hpp"

namespace loadline {

/// Measures this machine and this tool against a server of known delays in this process:
/// rates from 1000/s on are doubled, then bisected, until requests leave late; then the
/// reported percentiles are held against the server's own log. Takes about half a minute of
/// load on loopback. `note` hears of each step. Nothing when it was interrupted.
Result<std::optional<Selftest>> run_selftest(const TrialOptions& options,
                                             const std::function<void(const std::string&)>& note);

}  // namespace loadline
