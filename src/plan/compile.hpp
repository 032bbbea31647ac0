#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plan/plan.hpp"
#include "scenario/scenario.hpp"

namespace loadline {

/// What the command line says about connections and time-outs. Files are relative to the
/// working folder.
struct TransportFlags {
    std::optional<Duration> timeout, connect_timeout, dns_ttl;
    std::string tls_ca, tls_cert, tls_key;
    bool insecure = false, no_tls_resume = false;

    /// Changes the plan's own settings. The text says what does not fit; empty: all does.
    std::string apply_to(Plan& plan) const;
};

/// What the command line changes in a scenario before it is compiled. Flags win.
struct Overrides {
    std::vector<std::pair<std::string, std::string>> targets;  ///< NAME=URL
    std::vector<std::string> slos;                             ///< replace the scenario's, when any
    std::optional<Rate> rate;  ///< of all journeys together; also turns `users` into open load
    std::optional<Arrivals> arrivals;
    std::optional<Duration> duration, warmup;
    TransportFlags transport;
    std::filesystem::path data_dir;  ///< where relative CSV paths are tried first; empty: none
};

/// Resolves every name. All errors at once, as diagnostics with JSON pointers into the
/// scenario (or, for overrides, with the flag in the message). Reads CSV files relative
/// to `data_dir`, then to the scenario's folder.
DiagnosticsOr<std::shared_ptr<const Plan>> compile(const Scenario& scenario,
                                                   const Overrides& overrides = {});

/// A scenario as it is run, with the overrides in its JSON, and what the machine makes of it.
struct CompiledScenario {
    Scenario scenario;
    std::shared_ptr<const Plan> plan;
};

/// The whole way from the text to the plan, with the errors of parsing *and* of compiling
/// at once: what `run`, `search` and `validate` call. A text that is not JSON has only its
/// syntax error.
DiagnosticsOr<CompiledScenario> compile_text(std::string text, std::filesystem::path file,
                                             const Overrides& overrides = {});

}  // namespace loadline
